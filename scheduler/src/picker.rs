//! Decides for pod after pod, and remembers for each kind of pod what was worked out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::decision::Decision;
use crate::evaluation::Evaluation;
use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::signature::Signature;
use crate::snapshot::{Moment, Snapshot};

/// How many kinds of pods are remembered at most, times the number of nodes: some hundred megabytes.
const MOST_NODES: usize = 2_000_000;
/// So many kinds of pods are remembered however many nodes there are.
const LEAST_KINDS: usize = 8;

/// Decides as [`Profile::pick`] does, and is faster from the second pod of a kind on: then only the nodes are looked at
/// that changes since have reached. One picker is for one snapshot that is edited; about another snapshot, a clone
/// too, everything is worked out anew.
pub struct Picker {
    profile: Profile,
    known: BTreeMap<Box<[u8]>, Known>,
    /// Since when all that is known can be brought up to date: a moment, and the version of the related objects.
    since: Option<(Moment, u64)>,
    asked: u64,
}

struct Known {
    evaluation: Evaluation,
    /// When it was used last, in questions.
    used: u64,
}

impl Picker {
    /// Decides by a profile.
    pub fn new(profile: Profile) -> Self {
        Picker { profile, known: BTreeMap::new(), since: None, asked: 0 }
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Decides where the pod goes, as [`Profile::pick`] does.
    pub fn pick(&mut self, pod: &Arc<PodInfo>, snapshot: &Snapshot, tie: u64) -> Decision {
        if snapshot.is_empty() || self.profile.enough(snapshot.len()) < snapshot.len() {
            return self.profile.pick(pod, snapshot, tie);
        }
        let Some(signature) = Signature::of(pod, snapshot, &self.profile) else {
            return self.profile.pick(pod, snapshot, tie);
        };
        self.asked += 1;
        self.forget_the_outdated(snapshot);
        let known = self.known.remove(&signature).map(|known| known.evaluation);
        let mut evaluation = match self.up_to_date(known, pod, snapshot, tie) {
            Ok(evaluation) => evaluation,
            Err(decision) => return decision,
        };
        let decision = self.profile.decide(&mut evaluation, pod, snapshot, tie);
        if evaluation.is_lasting() {
            self.remember(signature, evaluation, snapshot.len());
        }
        decision
    }

    /// What was worked out of another cluster, or before changes that nothing follows, is of no use any more.
    fn forget_the_outdated(&mut self, snapshot: &Snapshot) {
        let now = (snapshot.history().now(), snapshot.related().version());
        let lasts = |since: &(Moment, u64)| since.0.is_of_the_time_of(&now.0) && since.1 == now.1;
        if !self.since.as_ref().is_some_and(lasts) {
            self.known.clear();
            self.since = Some(now);
        }
    }

    fn up_to_date(
        &self,
        known: Option<Evaluation>,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        tie: u64,
    ) -> Result<Evaluation, Decision> {
        if let Some(mut known) = known
            && known.follow(pod, snapshot)
        {
            return Ok(known);
        }
        Evaluation::new(&self.profile, pod, snapshot, tie)
            .map_err(|ended| self.profile.give_up(ended, pod, snapshot, tie))
    }

    fn remember(&mut self, signature: Box<[u8]>, evaluation: Evaluation, nodes: usize) {
        let most = (MOST_NODES / nodes.max(1)).max(LEAST_KINDS);
        while self.known.len() >= most {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.known.remove(&oldest);
        }
        self.known.insert(signature, Known { evaluation, used: self.asked });
    }
}

impl fmt::Debug for Picker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picker")
            .field("profile", &self.profile.name())
            .field("known", &self.known.len())
            .finish()
    }
}
