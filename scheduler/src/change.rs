//! What happens to a cluster between two decisions, and how far that reaches.

use std::sync::Arc;

use crate::pod::PodInfo;
use crate::snapshot::{Domains, NodeView};

/// A pod has come to a node or gone from it. The node is seen as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The pod.
    pub pod: &'a PodInfo,
    /// The node.
    pub node: NodeView<'a>,
    /// 1 if the pod has come, -1 if it has gone.
    pub by: i64,
}

impl<'a> Change<'a> {
    /// The pods on a node, as if they came now.
    pub(crate) fn all_on(node: NodeView<'a>) -> impl Iterator<Item = Change<'a>> {
        node.pods().iter().map(move |pod| Change { pod, node, by: 1 })
    }
}

/// How far changes reach: which nodes may be judged otherwise than before.
#[derive(Clone, Debug)]
pub enum Reach {
    /// None: the pods on a node do not matter.
    Nowhere,
    /// The nodes themselves.
    Node,
    /// Besides the nodes themselves, those of these domains, of which some may be named twice.
    Domains(Vec<(Arc<Domains>, usize)>),
    /// All nodes.
    Everywhere,
    /// That is not known: everything has to be prepared anew.
    Unknown,
}

impl Reach {
    /// As far as either.
    #[must_use]
    pub fn and(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Unknown, _) | (_, Reach::Unknown) => Reach::Unknown,
            (Reach::Nowhere, reach) | (reach, Reach::Nowhere) => reach,
            (Reach::Node, reach) | (reach, Reach::Node) => reach,
            (Reach::Everywhere, _) | (_, Reach::Everywhere) => Reach::Everywhere,
            (Reach::Domains(mut domains), Reach::Domains(more)) => {
                domains.extend(more);
                Reach::Domains(domains)
            }
        }
    }
}

/// How far several changes reach together.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// By their numbers, and hardly one of them twice.
    domains: Vec<(Arc<Domains>, usize)>,
    /// Whether the changed nodes themselves are reached.
    pub(crate) nodes: bool,
    pub(crate) everywhere: bool,
    pub(crate) unknown: bool,
}

impl Reached {
    pub(crate) fn add(&mut self, reach: Reach) {
        self.nodes |= !matches!(reach, Reach::Nowhere);
        match reach {
            Reach::Nowhere | Reach::Node => {}
            Reach::Domains(more) => {
                self.domains.extend(more);
                self.domains.sort_by_key(|(_, domain)| *domain);
                self.domains.dedup_by(|one, other| one.1 == other.1 && Arc::ptr_eq(&one.0, &other.0));
            }
            Reach::Everywhere => self.everywhere = true,
            Reach::Unknown => self.unknown = true,
        }
    }

    /// The domains.
    pub(crate) fn domains(&self) -> &[(Arc<Domains>, usize)] {
        &self.domains
    }
}
