//! Ranks the nodes that will do: each plugin's scores, brought to one scale, weighted and added.

use crate::plugin::{MAX_SCORE, Normalize, Plugin, Scoring};
use crate::pod::PodInfo;
use crate::snapshot::{NodeIndex, Snapshot};

/// One plugin's scores, a node each, in the order of the nodes.
pub(crate) struct Scores {
    pub(crate) plugin: &'static str,
    pub(crate) weight: i64,
    pub(crate) raw: Vec<i64>,
    pub(crate) normalized: Vec<i64>,
}

/// Has a plugin score the nodes; `None` if all are equal to it.
pub(crate) fn scores(
    plugin: &dyn Plugin,
    weight: i64,
    pod: &PodInfo,
    snapshot: &Snapshot,
    feasible: &[NodeIndex],
) -> Result<Option<Scores>, String> {
    let Some(score) = plugin.score() else { return Ok(None) };
    let name = plugin.name();
    let (score, normalize) = match score.prepare(pod, snapshot, feasible) {
        Scoring::Skip => return Ok(None),
        Scoring::Fail(why) => return Err(format!("running PreScore plugin \"{name}\": {why}")),
        Scoring::PerNode { score, normalize } => (score, normalize),
    };
    let raw: Vec<i64> = feasible.iter().filter_map(|index| snapshot.node(*index)).map(score).collect();
    let mut normalized = raw.clone();
    apply(&normalize, feasible, &mut normalized);
    match normalized.iter().find(|score| !(0..=MAX_SCORE).contains(*score)) {
        Some(score) => Err(format!(
            "plugin \"{name}\" returns an invalid score {score}, it should in the range of [0, {MAX_SCORE}] after normalizing"
        )),
        None => Ok(Some(Scores { plugin: name, weight, raw, normalized })),
    }
}

fn apply(normalize: &Normalize<'_>, nodes: &[NodeIndex], scores: &mut [i64]) {
    match normalize {
        Normalize::Not => {}
        Normalize::Proportional => proportional(scores, false),
        Normalize::Reversed => proportional(scores, true),
        Normalize::With(rule) => rule(nodes, scores),
    }
}

/// The highest becomes the best; where all are 0, all are the worst, or reversed the best.
fn proportional(scores: &mut [i64], reversed: bool) {
    let highest = scores.iter().copied().max().unwrap_or_default();
    for score in scores {
        let share = if highest == 0 { 0 } else { *score * MAX_SCORE / highest };
        *score = if reversed { MAX_SCORE - share } else { share };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_scores_become_shares_of_the_highest() {
        let cases = [
            (false, [1, 2, 4], [25, 50, 100]),
            (true, [1, 2, 4], [75, 50, 0]),
            (false, [0, 0, 0], [0, 0, 0]),
            (true, [0, 0, 0], [100, 100, 100]),
        ];
        for (reversed, mut scores, expected) in cases {
            proportional(&mut scores, reversed);
            assert_eq!(scores, expected);
        }
    }
}
