//! How much of a node's resources would be taken with a pod on it: what resource scores are made of.

use serde::Deserialize;

use crate::amounts::{Amounts, is_scalar};
use crate::snapshot::NodeView;

/// A resource that counts in a score; upstream's `ResourceSpec`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceWeight {
    /// The name: `cpu`, `memory`, …
    pub name: String,
    /// How many times it counts, from 1 to 100.
    #[serde(default = "one")]
    pub weight: i64,
}

/// Which requests of a node's pods count: those of scores, with defaults for containers that ask for nothing, or the real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requests {
    Scored,
    Real,
}

/// One resource on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// What the pods there ask for.
    pub(super) taken: i64,
    /// What the pod asks for.
    pub(super) asked: i64,
    /// What the node offers; never 0.
    pub(super) offered: i64,
    /// How many times it counts.
    pub(super) weight: i64,
}

impl ResourceWeight {
    /// CPU and memory, counted alike.
    pub(super) fn defaults() -> Vec<Self> {
        ["cpu", "memory"].map(|name| ResourceWeight { name: name.to_owned(), weight: 1 }).to_vec()
    }

    /// The resources that are given, or the defaults; weight 0 is 1.
    pub(super) fn completed(given: Vec<Self>) -> Vec<Self> {
        if given.is_empty() {
            return Self::defaults();
        }
        let complete = |resource: Self| match resource.weight {
            0 => ResourceWeight { weight: 1, ..resource },
            _ => resource,
        };
        given.into_iter().map(complete).collect()
    }
}

impl Requests {
    fn on<'a>(self, node: NodeView<'a>) -> &'a Amounts {
        match self {
            Requests::Scored => node.scored_requested(),
            Requests::Real => node.requested(),
        }
    }
}

/// The resource on the node, for a pod that asks for these amounts; `None` if it does not count there: the node does not
/// offer it, or it is none that all nodes have and the pod does not ask for it. How many pods a node admits never counts.
pub(super) fn share(
    resource: &ResourceWeight,
    requests: Requests,
    asked: &Amounts,
    node: NodeView<'_>,
) -> Option<Share> {
    let name = resource.name.as_str();
    let asked = asked.get(name).unwrap_or_default();
    if name == "pods" || asked == 0 && is_scalar(name) {
        return None;
    }
    let offered = node.allocatable().get(name).filter(|offered| *offered != 0)?;
    let taken = requests.on(node).get(name).unwrap_or_default();
    Some(Share { taken, asked, offered, weight: resource.weight })
}

const fn one() -> i64 {
    1
}
