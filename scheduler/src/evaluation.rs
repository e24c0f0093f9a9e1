//! What a profile's plugins say of every node for one kind of pod, kept up to date as pods come and go.
//!
//! It is worked out once, for all pods of one signature. Afterwards only those nodes are looked at again that a change
//! reaches: usually the one node that the last pod went to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::attempt::{Ended, Filters};
use crate::change::{Change, Reached};
use crate::decision::{Choice, Diagnosis};
use crate::pod::PodInfo;
use crate::points::Point;
use crate::profile::Profile;
use crate::ranking::{NodeSet, Ranking};
use crate::refusals::Refusals;
use crate::snapshot::{Domains, Moment, NodeIndex, NodeView, Snapshot, What};
use crate::verdict::Refusal;

/// How many filters are remembered to have nothing against a node.
const KNOWN: usize = u64::BITS as usize;

/// What a profile's plugins say of every node for one kind of pod.
pub(crate) struct Evaluation {
    filters: Filters,
    /// By node, the filters that are known to have nothing against it, a bit each. Filters beyond [`KNOWN`] are asked
    /// every time.
    passed: Vec<u64>,
    /// A bit for each filter but those.
    known: u64,
    /// By node, the first refusal.
    refusals: Arc<Refusals>,
    feasible: NodeSet,
    /// Made when there is first something to choose from.
    ranking: Option<Ranking>,
    /// The node that was looked at as if the pod that waits for it were not there.
    own: Option<NodeIndex>,
    moment: Moment,
    related: u64,
}

/// What a filter says of all nodes of a domain.
struct Word {
    /// The bit of the filter.
    filter: u64,
    domains: Arc<Domains>,
    domain: usize,
    verdict: Result<(), Refusal>,
}

impl Evaluation {
    /// Asks the plugins about the nodes. `tie` says where to begin if not all are asked.
    pub(crate) fn new(
        profile: &Profile,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        tie: u64,
    ) -> Result<Self, Ended> {
        let filters = Filters::prepare(profile.at(Point::Filter), pod, snapshot)?;
        let mut evaluation = Evaluation {
            passed: vec![0; snapshot.rows()],
            known: (0..filters.len()).fold(0, |known, filter| known | bit(filter)),
            filters,
            refusals: Arc::default(),
            feasible: NodeSet::default(),
            ranking: None,
            own: own(pod, snapshot),
            moment: snapshot.history().now(),
            related: snapshot.related().version(),
        };
        evaluation.look(snapshot, profile.enough(snapshot.len()), tie);
        Ok(evaluation)
    }

    fn look(&mut self, snapshot: &Snapshot, enough: usize, tie: u64) {
        if self.filters.rejection().is_some() {
            return;
        }
        let mut refusals = Refusals::default();
        if let Some(mut names) = self.filters.among().cloned() {
            // The node on which room was made earlier is looked at in any case.
            names.extend(self.filters.pod().nominated_node_name().map(str::to_owned));
            for node in names.iter().filter_map(|name| snapshot.node_named(name)) {
                self.judge(node, &mut refusals);
            }
        } else {
            let start = if enough < snapshot.len() { (tie % snapshot.len() as u64) as usize } else { 0 };
            for node in snapshot.nodes().skip(start).chain(snapshot.nodes().take(start)) {
                self.judge(node, &mut refusals);
                if self.feasible.len() >= enough {
                    break;
                }
            }
        }
        self.refusals = Arc::new(refusals);
    }

    /// Brings everything up to date, for a pod of the same signature; `false` if it has to be worked out anew.
    pub(crate) fn follow(&mut self, pod: &Arc<PodInfo>, snapshot: &Snapshot) -> bool {
        if self.related != snapshot.related().version() {
            return false;
        }
        let Some(changed) = snapshot.history().since(&self.moment) else { return false };
        let (mut changes, mut again, mut words) = (Vec::new(), Vec::from_iter(self.own), Vec::new());
        self.filters.judge(pod);
        self.own = own(pod, snapshot);
        again.extend(self.own);
        for changed in changed {
            let Some(node) = snapshot.node(changed.node) else { return false };
            again.push(changed.node);
            match &changed.what {
                What::Came(pod) => changes.push(Change { pod, node, by: 1 }),
                What::Went(pod) => changes.push(Change { pod, node, by: -1 }),
                What::Waits => {}
            }
        }
        if !self.follow_filters(snapshot, &changes, &mut again, &mut words)
            || self.refusals.kinds_len() > snapshot.len() + 100
        {
            return false;
        }
        let mut refusals = std::mem::take(&mut self.refusals);
        let (told, mut flipped) = (Arc::make_mut(&mut refusals), Vec::new());
        for word in words {
            self.judge_domain(word, told, &mut flipped, &mut again);
        }
        again.retain(|node| snapshot.node(*node).is_some_and(|node| self.judge(node, told)));
        self.refusals = refusals;
        self.moment = snapshot.history().now();
        flipped.extend(again.into_iter().map(|node| (node, self.feasible.contains(node))));
        self.follow_ranking(snapshot, &changes, &flipped);
        true
    }

    /// Has the filters take in what happened, and adds the nodes that it reaches, or what a filter says of whole domains.
    fn follow_filters(
        &mut self,
        snapshot: &Snapshot,
        changes: &[Change<'_>],
        again: &mut Vec<NodeIndex>,
        words: &mut Vec<Word>,
    ) -> bool {
        let filters = if changes.is_empty() { 0 } else { self.filters.len() };
        let mut of_nodes = 0;
        for filter in 0..filters {
            let mut reached = Reached::default();
            reached.add(self.filters.follow_one(filter, changes));
            let before = again.len();
            if reached.unknown {
                return false;
            } else if reached.everywhere {
                again.extend(snapshot.nodes().map(|node| node.index()));
            } else {
                for (domains, domain) in reached.domains() {
                    match self.word(filter, domains, *domain, snapshot) {
                        Some(word) => words.push(word),
                        None => again.extend(domains.nodes(*domain)),
                    }
                }
            }
            if reached.nodes {
                of_nodes |= bit(filter);
            }
            again[before..].iter().for_each(|node| self.passed[node.place()] &= !bit(filter));
        }
        changes.iter().for_each(|change| self.passed[change.node.index().place()] &= !of_nodes);
        true
    }

    /// What a filter says of a domain, if that is all there is to know of its nodes: pods that wait for a node are counted
    /// in node by node.
    fn word(
        &self,
        filter: usize,
        domains: &Arc<Domains>,
        domain: usize,
        snapshot: &Snapshot,
    ) -> Option<Word> {
        let counts = self.filters.len() <= KNOWN && snapshot.nominated().is_empty();
        let verdict = counts.then(|| self.filters.check_domain(filter, domains, domain))??;
        Some(Word { filter: bit(filter), domains: domains.clone(), domain, verdict })
    }

    /// Has a filter's word count for the nodes of a domain. Those are left to be judged one by one that another filter
    /// may have something against.
    fn judge_domain(
        &mut self,
        word: Word,
        refusals: &mut Refusals,
        flipped: &mut Vec<(NodeIndex, bool)>,
        again: &mut Vec<NodeIndex>,
    ) {
        let (number, passed) = match word.verdict {
            Ok(()) => (0, self.known),
            Err(refusal) => (refusals.kinds().number(refusal), self.known & !word.filter),
        };
        for node in word.domains.nodes(word.domain) {
            let known = &mut self.passed[node.place()];
            if *known | word.filter != self.known {
                *known &= !word.filter;
                again.push(*node);
                continue;
            }
            *known = passed;
            if refusals.number(*node) != number {
                refusals.set_number(*node, number);
            }
            if self.feasible.set(*node, number == 0) {
                flipped.push((*node, number == 0));
            }
        }
    }

    /// A ranking that cannot follow is made anew when it is needed.
    fn follow_ranking(&mut self, snapshot: &Snapshot, changes: &[Change<'_>], flipped: &[(NodeIndex, bool)]) {
        if let Some(mut ranking) = self.ranking.take()
            && ranking.follow(snapshot, changes, flipped, &self.feasible)
        {
            self.ranking = Some(ranking);
        }
    }

    /// Finds out whether a node will do, and why not; whether that is otherwise than before.
    fn judge(&mut self, node: NodeView<'_>, refusals: &mut Refusals) -> bool {
        let number = match self.filters.check_ahead(node).and_then(|()| self.first_refusal(node)) {
            Ok(()) => 0,
            Err(refusal) => refusals.kinds().number(refusal),
        };
        if refusals.number(node.index()) != number {
            refusals.set_number(node.index(), number);
        }
        self.feasible.set(node.index(), number == 0)
    }

    /// Asks the filters that are not known to pass, in order, until one refuses the node.
    fn first_refusal(&mut self, node: NodeView<'_>) -> Result<(), Refusal> {
        let passed = &mut self.passed[node.index().place()];
        let mut unknown = !*passed & self.known;
        while unknown != 0 {
            self.filters.check_one(unknown.trailing_zeros() as usize, node)?;
            *passed |= unknown & unknown.wrapping_neg();
            unknown &= unknown - 1;
        }
        (KNOWN..self.filters.len()).try_for_each(|filter| self.filters.check_one(filter, node))
    }

    /// The node to choose, if any will do: room that was made for the pod earlier goes first.
    pub(crate) fn choose(
        &mut self,
        profile: &Profile,
        snapshot: &Snapshot,
        tie: u64,
    ) -> Result<Option<Choice>, String> {
        let pod = self.filters.pod().clone();
        if let Some(node) = self.promised(&pod, snapshot) {
            return Ok(Some(Choice {
                index: node.index(),
                node: node.name().clone(),
                evaluated: 1,
                feasible: 1,
            }));
        }
        self.error()?;
        let best = match self.feasible.len() {
            0 => return Ok(None),
            1 => self.feasible.iter().next(),
            _ => self.ranking(profile, &pod, snapshot)?.best(tie),
        };
        let feasible = self.feasible.len();
        let evaluated = feasible + self.refusals.len();
        let node =
            best.and_then(|index| snapshot.node(index)).ok_or("the chosen node is not in the snapshot")?;
        Ok(Some(Choice { index: node.index(), node: node.name().clone(), evaluated, feasible }))
    }

    /// Only these nodes of those that will do are left; others are refused.
    pub(crate) fn narrow(
        &mut self,
        kept: impl IntoIterator<Item = NodeIndex>,
        refused: impl IntoIterator<Item = (NodeIndex, Refusal)>,
    ) {
        self.feasible = kept.into_iter().collect();
        self.ranking = None;
        let refusals = Arc::make_mut(&mut self.refusals);
        refused.into_iter().for_each(|(node, refusal)| refusals.set(node, refusal));
    }

    /// The totals of the nodes that will do.
    pub(crate) fn totals(
        &mut self,
        profile: &Profile,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<NodeIndex, i64>, String> {
        let (pod, nodes) = (self.filters.pod().clone(), self.feasible.clone());
        let ranking = self.ranking(profile, &pod, snapshot)?;
        Ok(nodes.iter().map(|node| (node, ranking.total(node))).collect())
    }

    /// The nodes that will do: only the one that room was made on for the pod earlier, if that will.
    pub(crate) fn feasible(&self, snapshot: &Snapshot) -> NodeSet {
        match self.kept(snapshot) {
            Some(node) => NodeSet::from_iter([node]),
            None => self.feasible.clone(),
        }
    }

    /// All nodes that will do.
    pub(crate) fn all_feasible(&self) -> &NodeSet {
        &self.feasible
    }

    /// The node that room was made on for the pod earlier, if it will do.
    pub(crate) fn kept(&self, snapshot: &Snapshot) -> Option<NodeIndex> {
        self.promised(self.filters.pod(), snapshot).map(|node| node.index())
    }

    fn promised<'s>(&self, pod: &PodInfo, snapshot: &'s Snapshot) -> Option<NodeView<'s>> {
        let promised = pod.nominated_node_name().and_then(|name| snapshot.node_named(name));
        promised.filter(|node| self.feasible.contains(node.index()))
    }

    /// What a filter said that could not do its work.
    pub(crate) fn error(&self) -> Result<(), String> {
        let broken = |refusal: &Refusal| !refusal.rejection.is_rejection();
        match self.refusals.counted().map(|(refusal, _)| refusal).find(|refusal| broken(refusal)) {
            Some(Refusal { plugin, rejection }) => {
                Err(format!("running \"{plugin}\" filter plugin: {rejection}"))
            }
            None => Ok(()),
        }
    }

    fn ranking(
        &mut self,
        profile: &Profile,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
    ) -> Result<&mut Ranking, String> {
        let ranking = match self.ranking.take() {
            Some(ranking) => ranking,
            None => Ranking::new(profile, pod, snapshot, &self.feasible)?,
        };
        Ok(self.ranking.insert(ranking))
    }

    /// Why no node will do, and the filters to ask again.
    pub(crate) fn diagnosis(&mut self, snapshot: &Snapshot) -> (Diagnosis, &mut Filters) {
        let mut plugins: BTreeSet<&'static str> = self.filters.narrowing().clone();
        plugins.extend(self.filters.rejection().map(|refusal| refusal.plugin));
        plugins.extend(self.refusals.counted().map(|(refusal, _)| refusal.plugin));
        let diagnosis = Diagnosis {
            nodes: snapshot.len(),
            pod: self.filters.rejection().map(|refusal| refusal.rejection.clone()),
            refusals: self.refusals.clone(),
            others: self.filters.left_out(),
            plugins,
            remedy: String::new(),
        };
        (diagnosis, &mut self.filters)
    }

    /// Whether it can be brought up to date later: not if something other than pods on nodes decided.
    pub(crate) fn is_lasting(&self) -> bool {
        self.filters.rejection().is_none() && self.filters.among().is_none()
    }
}

/// The node on which the pod itself waits for room.
fn own(pod: &PodInfo, snapshot: &Snapshot) -> Option<NodeIndex> {
    let node = snapshot.nominated().node_of(pod)?;
    Some(snapshot.node_named(node)?.index())
}

fn bit(filter: usize) -> u64 {
    u32::try_from(filter).ok().and_then(|filter| 1u64.checked_shl(filter)).unwrap_or_default()
}
