//! Ranks nodes by how full they would be: least or most allocated, or by a curve.

use serde::Deserialize;
use steersman_core::field::{self, Path};

use super::share::{Requests, ResourceWeight, Share, share};
use crate::amounts::Amounts;
use crate::faults::Faults;
use crate::plugin::MAX_SCORE;
use crate::snapshot::NodeView;

/// How nodes are ranked by their resources; upstream's `ScoringStrategy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScoringStrategy {
    /// Which nodes are better.
    #[serde(rename = "type", default = "unnamed")]
    pub strategy: StrategyType,
    /// The resources that count; none is CPU and memory alike.
    pub resources: Vec<ResourceWeight>,
    /// The curve of [`StrategyType::RequestedToCapacityRatio`].
    pub requested_to_capacity_ratio: Option<RequestedToCapacityRatio>,
}

/// Which nodes are better.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum StrategyType {
    /// Those with more left: pods are spread.
    #[default]
    LeastAllocated,
    /// Those with less left: pods are packed.
    MostAllocated,
    /// Those that a curve over the share that is taken says.
    RequestedToCapacityRatio,
    /// There is no such strategy.
    #[serde(untagged)]
    Unknown(String),
}

/// A curve from the share that is taken to a score.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RequestedToCapacityRatio {
    /// Its points, by rising utilization; straight lines in between.
    pub shape: Vec<ShapePoint>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShapePoint {
    /// The share that is taken, in percent.
    #[serde(default)]
    pub utilization: i64,
    /// The score, from 0 to 10.
    #[serde(default)]
    pub score: i64,
}

impl ScoringStrategy {
    /// What is wrong with it.
    pub(super) fn check(&self, at: &Path<'_>) -> Faults {
        const SUPPORTED: [&str; 3] = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
        let mut errors = Faults::default();
        if let StrategyType::Unknown(name) = &self.strategy {
            errors.push(field::Error::not_supported(&at.child("type"), name, &SUPPORTED));
        }
        let list = at.child("resources");
        for (index, ResourceWeight { name, weight }) in self.resources.iter().enumerate() {
            // 0 is the default, which is 1.
            if !(0..=100).contains(weight) {
                let why = format!("resource weight of {name} not in valid range (0, 100]");
                errors.push(field::Error::invalid(&list.index(index).child("weight"), *weight, why));
            }
        }
        let (path, ratio) = (at.child("requestedToCapacityRatio"), &self.requested_to_capacity_ratio);
        match (&self.strategy, ratio) {
            (StrategyType::RequestedToCapacityRatio, Some(ratio)) => {
                errors.extend(faults_of_curve(&ratio.shape, &path.child("shape")).iter());
            }
            (StrategyType::RequestedToCapacityRatio, None) => {
                let why = "must be specified when type is RequestedToCapacityRatio";
                errors.push(field::Error::required(&path, why));
            }
            (_, Some(_)) => {
                let why = "must be nil when type is not RequestedToCapacityRatio";
                errors.push(field::Error::forbidden(&path, why));
            }
            (_, None) => {}
        }
        errors
    }

    /// Fills in defaults.
    pub(super) fn completed(self) -> Self {
        ScoringStrategy { resources: ResourceWeight::completed(self.resources), ..self }
    }

    /// The weighted mean of the resources' scores.
    pub(super) fn score(&self, asked: &Amounts, node: NodeView<'_>) -> i64 {
        let shares =
            self.resources.iter().filter_map(|resource| share(resource, Requests::Scored, asked, node));
        match &self.strategy {
            StrategyType::LeastAllocated => mean(shares.map(|share| (least(share), share.weight))),
            StrategyType::MostAllocated => mean(shares.map(|share| (most(share), share.weight))),
            // Unknown ones were refused when they were read.
            StrategyType::RequestedToCapacityRatio | StrategyType::Unknown(_) => {
                let curve = self.requested_to_capacity_ratio.as_ref().map_or(&[][..], |ratio| &ratio.shape);
                rounded_mean(shares.map(|share| (on_curve(curve, share), share.weight)))
            }
        }
    }
}

/// Where a strategy stands, its type must too.
fn unnamed() -> StrategyType {
    StrategyType::Unknown(String::new())
}

fn faults_of_curve(curve: &[ShapePoint], at: &Path<'_>) -> Faults {
    let mut errors = Faults::default();
    if curve.is_empty() {
        errors.push(field::Error::required(at, "at least one point must be specified"));
    }
    let falls = curve.windows(2).position(|pair| pair[0].utilization >= pair[1].utilization);
    if let Some(at_fault) = falls.map(|before| before + 1) {
        let (entry, utilization) = (at.index(at_fault), curve[at_fault].utilization);
        let why = "values must be sorted in increasing order";
        errors.push(field::Error::invalid(&entry.child("utilization"), utilization, why));
    }
    for (index, point) in curve.iter().enumerate() {
        for (name, value, most) in [("utilization", point.utilization, 100), ("score", point.score, 10)] {
            if !(0..=most).contains(&value) {
                let why = format!("not in valid range [0, {most}]");
                errors.push(field::Error::invalid(&at.index(index).child(name), value, why));
            }
        }
    }
    errors
}

fn mean(scores: impl Iterator<Item = (i64, i64)>) -> i64 {
    let (sum, weights) =
        scores.fold((0, 0), |(sum, all), (score, weight)| (sum + score * weight, all + weight));
    if weights == 0 { 0 } else { sum / weights }
}

/// Resources of score 0 do not count, as upstream has it.
fn rounded_mean(scores: impl Iterator<Item = (i64, i64)>) -> i64 {
    let scores = scores.filter(|(score, _)| *score > 0);
    let (sum, weights) =
        scores.fold((0, 0), |(sum, all), (score, weight)| (sum + score * weight, all + weight));
    if weights == 0 { 0 } else { (sum as f64 / weights as f64).round() as i64 }
}

fn least(share: Share) -> i64 {
    let left = share.offered.saturating_sub(share.taken).saturating_sub(share.asked);
    if left < 0 { 0 } else { of_hundred(left, share.offered) }
}

fn most(share: Share) -> i64 {
    of_hundred(share.taken.saturating_add(share.asked).min(share.offered), share.offered)
}

fn on_curve(curve: &[ShapePoint], share: Share) -> i64 {
    let taken = share.taken.saturating_add(share.asked);
    let utilization = if taken > share.offered { 100 } else { of_hundred(taken, share.offered) };
    let scaled = |point: &ShapePoint| point.score * (MAX_SCORE / 10);
    let Some(next) = curve.iter().position(|point| utilization <= point.utilization) else {
        return curve.last().map(scaled).unwrap_or_default();
    };
    if next == 0 {
        return scaled(&curve[0]);
    }
    let (from, to) = (&curve[next - 1], &curve[next]);
    let rise = (scaled(to) - scaled(from)) * (utilization - from.utilization);
    scaled(from) + rise / (to.utilization - from.utilization)
}

fn of_hundred(part: i64, whole: i64) -> i64 {
    if let Some(hundredfold) = part.checked_mul(MAX_SCORE) {
        return hundredfold / whole;
    }
    // In 128 bits: a hundred times a number of bytes may not fit in 64. The result is at most 100 times `part`.
    (i128::from(part) * i128::from(MAX_SCORE) / i128::from(whole)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_straight_between_its_points() {
        let curve =
            [(20, 2), (60, 7), (90, 10)].map(|(utilization, score)| ShapePoint { utilization, score });
        let cases = [(0, 20), (20, 20), (40, 45), (60, 70), (75, 85), (90, 100), (100, 100), (200, 100)];
        for (taken, score) in cases {
            let share = Share { taken, asked: 0, offered: 100, weight: 1 };
            assert_eq!(on_curve(&curve, share), score, "{taken}");
        }
    }

    #[test]
    fn a_resource_that_would_be_exceeded_scores_nothing_or_full() {
        let share = Share { taken: 60, asked: 60, offered: 100, weight: 1 };
        assert_eq!((least(share), most(share)), (0, 100));
    }
}
