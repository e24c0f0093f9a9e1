//! Numbers by topology domain: how many pods count there, or how much weight they give.

use std::sync::Arc;

use crate::snapshot::{Domains, NodeIndex, NodeView, Snapshot};
use crate::terms::Term;

/// Numbers of the domains of some topology keys.
#[derive(Default)]
pub(super) struct Tallies(Vec<Tally>);

/// The numbers of one topology key.
struct Tally {
    key: String,
    domains: Arc<Domains>,
    /// By domain.
    numbers: Vec<i64>,
    /// How many of them are not 0.
    nonzero: usize,
}

/// The number of a domain has changed.
pub(super) struct Counted<'t> {
    before: i64,
    now: i64,
    domains: &'t Arc<Domains>,
    domain: usize,
}

impl Counted<'_> {
    /// Whether there is a number where there was none, or the other way round.
    pub(super) fn is_turn(&self) -> bool {
        (self.before > 0) != (self.now > 0)
    }

    /// The domain.
    pub(super) fn domain(&self) -> (Arc<Domains>, usize) {
        (self.domains.clone(), self.domain)
    }
}

impl Tallies {
    /// Adds to the number of the node's domain; `None` if it is in none.
    pub(super) fn add(&mut self, key: &str, node: NodeView<'_>, more: i64) -> Option<Counted<'_>> {
        let tally = self.tally(key, node.snapshot());
        let domain = tally.domains.domain(node.index());
        let number = tally.numbers.get_mut(domain).filter(|_| domain > 0)?;
        let before = std::mem::replace(number, *number + more);
        let now = *number;
        tally.nonzero = tally.nonzero + usize::from(now != 0) - usize::from(before != 0);
        Some(Counted { before, now, domains: &tally.domains, domain })
    }

    /// Of the topology keys of these terms; others come with their first number.
    pub(super) fn of(terms: &[Term], snapshot: &Snapshot) -> Self {
        let mut tallies = Tallies::default();
        for term in terms {
            tallies.tally(&term.topology_key, snapshot);
        }
        tallies
    }

    /// Whether there are none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn tally(&mut self, key: &str, snapshot: &Snapshot) -> &mut Tally {
        let at = self.0.iter().position(|tally| tally.key == key).unwrap_or_else(|| {
            let domains = snapshot.domains(key);
            let numbers = vec![0; domains.end()];
            self.0.push(Tally { key: key.to_owned(), domains, numbers, nonzero: 0 });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The number of the node's domain; `None` if it is in none.
    pub(super) fn at(&self, key: &str, node: NodeIndex) -> Option<i64> {
        self.0.iter().find(|tally| tally.key == key)?.at(node)
    }

    /// The numbers of the node's domains.
    pub(super) fn all_at(&self, node: NodeIndex) -> impl Iterator<Item = i64> {
        self.0.iter().filter_map(move |tally| tally.at(node))
    }

    /// The domains, if there is one topology key.
    pub(super) fn only(&self) -> Option<Arc<Domains>> {
        if let [only] = self.0.as_slice() { Some(only.domains.clone()) } else { None }
    }

    /// Whether all numbers are 0.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|tally| tally.nonzero == 0)
    }
}

impl Tally {
    fn at(&self, node: NodeIndex) -> Option<i64> {
        let domain = self.domains.domain(node);
        if domain > 0 { self.numbers.get(domain).copied() } else { None }
    }
}
