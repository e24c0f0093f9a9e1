//! Ranks the nodes that will do for one kind of pod: each plugin's scores, brought to one scale, weighted and added.

use std::sync::Arc;

use crate::change::{Change, Reached};
use crate::plugin::{MAX_SCORE, Scoring};
use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::snapshot::{NodeIndex, Snapshot};

mod column;
mod levels;
mod totals;

pub(crate) use totals::NodeSet;

use column::{Again, Column, OutOfScale};
use totals::Totals;

/// The scores of all nodes that will do.
pub(crate) struct Ranking {
    columns: Vec<Column>,
    totals: Totals,
}

/// A plugin's scores of a node.
pub(crate) struct Scored {
    pub(crate) plugin: &'static str,
    pub(crate) weight: i64,
    pub(crate) raw: i64,
    pub(crate) normalized: i64,
}

impl Ranking {
    /// Has the plugins score the nodes; an error if one cannot.
    pub(crate) fn new(
        profile: &Profile,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        feasible: &NodeSet,
    ) -> Result<Self, String> {
        let rows = snapshot.rows();
        let nodes: Vec<NodeIndex> = feasible.iter().collect();
        let mut ranking = Ranking { columns: Vec::new(), totals: Totals::new(rows) };
        for (plugin, weight) in profile.scoring() {
            let Some(score) = plugin.score() else { continue };
            match score.prepare(pod, snapshot, &nodes) {
                Scoring::Skip => {}
                Scoring::Fail(why) => {
                    return Err(format!("running PreScore plugin \"{}\": {why}", plugin.name()));
                }
                Scoring::PerNode { score, normalize } => {
                    ranking.columns.push(Column::new(plugin.name(), weight, score, normalize, rows));
                }
            }
        }
        let flipped: Vec<(NodeIndex, bool)> = nodes.iter().map(|node| (*node, true)).collect();
        flipped.iter().for_each(|(node, feasible)| ranking.totals.count(*node, *feasible));
        let again = Again { nodes: &[], flipped: &flipped, reached: &Reached::default() };
        for column in &mut ranking.columns {
            score_again(column, &again, feasible, snapshot, &mut ranking.totals)?;
        }
        Ok(ranking)
    }

    /// Brings the ranking up to date: pods have come and gone, and `flipped` nodes have begun to do, or with `false` have
    /// ceased to. `false` if it has to be made anew.
    pub(crate) fn follow(
        &mut self,
        snapshot: &Snapshot,
        changes: &[Change<'_>],
        flipped: &[(NodeIndex, bool)],
        feasible: &NodeSet,
    ) -> bool {
        flipped.iter().for_each(|(node, feasible)| self.totals.count(*node, *feasible));
        let mut nodes: Vec<NodeIndex> = changes.iter().map(|change| change.node.index()).collect();
        nodes.dedup();
        for column in &mut self.columns {
            let mut reached = Reached::default();
            if !changes.is_empty() {
                reached.add(column.score.follow(changes));
            }
            let nodes = if reached.nodes { &nodes[..] } else { &[] };
            if !flipped.is_empty() {
                reached.add(column.score.feasible_changed(flipped));
            }
            let again = Again { nodes, flipped, reached: &reached };
            if reached.unknown
                || !column.is_as_made()
                || score_again(column, &again, feasible, snapshot, &mut self.totals).is_err()
            {
                return false;
            }
        }
        true
    }

    /// The best node; of several, the one that `tie` falls on.
    pub(crate) fn best(&mut self, tie: u64) -> Option<NodeIndex> {
        self.totals.best(tie)
    }

    /// The weighted sum of a node's scores.
    pub(crate) fn total(&self, node: NodeIndex) -> i64 {
        self.totals.get(node)
    }

    /// What each plugin gives a node.
    pub(crate) fn scores(&self, node: NodeIndex) -> impl Iterator<Item = Scored> {
        self.columns.iter().map(move |column| Scored {
            plugin: column.plugin,
            weight: column.weight,
            raw: column.raw(node),
            normalized: column.normalized(node),
        })
    }
}

fn score_again(
    column: &mut Column,
    again: &Again<'_>,
    feasible: &NodeSet,
    snapshot: &Snapshot,
    totals: &mut Totals,
) -> Result<(), String> {
    let plugin = column.plugin;
    column.score_again(again, feasible, snapshot, totals).map_err(|OutOfScale(score)| {
        format!(
            "plugin \"{plugin}\" returns an invalid score {score}, it should in the range of [0, {MAX_SCORE}] after normalizing"
        )
    })
}
