//! Ranks nodes by how full they would be: least or most allocated, or by a curve.

use serde::Deserialize;

use super::InvalidArgs;
use super::share::{Requests, ResourceWeight, Share, share};
use crate::amounts::Amounts;
use crate::plugin::MAX_SCORE;
use crate::snapshot::NodeView;

/// How nodes are ranked by their resources; upstream's `ScoringStrategy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScoringStrategy {
    /// Which nodes are better.
    #[serde(rename = "type")]
    pub strategy: StrategyType,
    /// The resources that count; none is CPU and memory alike.
    pub resources: Vec<ResourceWeight>,
    /// The curve of [`StrategyType::RequestedToCapacityRatio`].
    pub requested_to_capacity_ratio: Option<RequestedToCapacityRatio>,
}

/// Which nodes are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum StrategyType {
    /// Those with more left: pods are spread.
    #[default]
    LeastAllocated,
    /// Those with less left: pods are packed.
    MostAllocated,
    /// Those that a curve over the share that is taken says.
    RequestedToCapacityRatio,
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
    /// Fills in defaults.
    pub(super) fn completed(mut self) -> Result<Self, InvalidArgs> {
        if self.resources.is_empty() {
            self.resources = ResourceWeight::defaults();
        }
        if let Some(bad) = self.resources.iter().position(|resource| !(0..=100).contains(&resource.weight)) {
            return Err(InvalidArgs(format!(
                "resources[{bad}].weight: Invalid value: {}: resource weight of {} not in valid range (0, 100]",
                self.resources[bad].weight, self.resources[bad].name
            )));
        }
        for resource in &mut self.resources {
            resource.weight = resource.weight.max(1);
        }
        self.check_curve()?;
        Ok(self)
    }

    fn check_curve(&self) -> Result<(), InvalidArgs> {
        if self.strategy != StrategyType::RequestedToCapacityRatio {
            return Ok(());
        }
        let curve = self.requested_to_capacity_ratio.as_ref().map_or(&[][..], |ratio| &ratio.shape);
        if curve.is_empty() {
            return Err(InvalidArgs(
                "requestedToCapacityRatio.shape: Required value: at least one point must be specified"
                    .to_owned(),
            ));
        }
        let rises = curve.windows(2).all(|pair| pair[0].utilization < pair[1].utilization);
        let in_range =
            |point: &ShapePoint| (0..=100).contains(&point.utilization) && (0..=10).contains(&point.score);
        if rises && curve.iter().all(in_range) {
            return Ok(());
        }
        Err(InvalidArgs(
            "requestedToCapacityRatio.shape: Invalid value: utilization values must be sorted in increasing order, \
             from 0 to 100, and scores from 0 to 10"
                .to_owned(),
        ))
    }

    /// The weighted mean of the resources' scores.
    pub(super) fn score(&self, asked: &Amounts, node: NodeView<'_>) -> i64 {
        let shares =
            self.resources.iter().filter_map(|resource| share(resource, Requests::Scored, asked, node));
        match self.strategy {
            StrategyType::LeastAllocated => mean(shares.map(|share| (least(share), share.weight))),
            StrategyType::MostAllocated => mean(shares.map(|share| (most(share), share.weight))),
            StrategyType::RequestedToCapacityRatio => {
                let curve = self.requested_to_capacity_ratio.as_ref().map_or(&[][..], |ratio| &ratio.shape);
                rounded_mean(shares.map(|share| (on_curve(curve, share), share.weight)))
            }
        }
    }
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
