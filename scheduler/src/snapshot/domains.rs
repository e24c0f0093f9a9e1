//! The domains of a topology key: which nodes have the same value of a label.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{NodeIndex, Snapshot};

/// The nodes by the value of one label. Domains are numbered from 1; a node without the label is in domain 0.
#[derive(Debug)]
pub struct Domains {
    of: Vec<u32>,
    nodes: Vec<Vec<NodeIndex>>,
}

impl Domains {
    fn of(snapshot: &Snapshot, key: &str) -> Self {
        let mut domains = Domains { of: vec![0; snapshot.rows()], nodes: vec![Vec::new()] };
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for node in snapshot.nodes() {
            let domain = match node.labels().get(key) {
                None => 0,
                Some(value) => *numbers.entry(value).or_insert_with(|| {
                    domains.nodes.push(Vec::new());
                    // There are at most as many domains as nodes, which are fewer than 2³².
                    (domains.nodes.len() - 1) as u32
                }),
            };
            domains.of[node.index().place()] = domain;
            domains.nodes[domain as usize].push(node.index());
        }
        domains
    }

    /// The domain that a node is in; 0 if it has no such label.
    pub fn domain(&self, node: NodeIndex) -> usize {
        self.of.get(node.place()).map_or(0, |domain| *domain as usize)
    }

    /// The nodes in a domain, by their index.
    pub fn nodes(&self, domain: usize) -> &[NodeIndex] {
        self.nodes.get(domain).map(Vec::as_slice).unwrap_or_default()
    }

    /// One more than the highest domain.
    pub fn end(&self) -> usize {
        self.nodes.len()
    }
}

/// The domains that were asked for, by topology key; shared by clones until the nodes of one change.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology(Arc<Mutex<BTreeMap<String, Arc<Domains>>>>);

impl Topology {
    pub(super) fn domains(&self, snapshot: &Snapshot, key: &str) -> Arc<Domains> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(key) {
            Some(domains) => domains.clone(),
            None => known.entry(key.to_owned()).or_insert(Arc::new(Domains::of(snapshot, key))).clone(),
        }
    }
}
