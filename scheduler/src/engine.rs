//! Decides what happens next: takes in what changed in the cluster, and gives out one decision after the other.
//!
//! Synchronous and without a clock: [`crate::Scheduler`] carries out what it decides, and tells what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::Object;

use crate::cache::Cache;
use crate::decision::{Choice, Decision, Diagnosis, NoFit};
use crate::event::Event;
use crate::extender::{self, Extenders};
use crate::picker::Picker;
use crate::plugin::{Plugin, Reserve};
use crate::pod::{self, PodInfo};
use crate::points::Point;
use crate::profile::Profile;
use crate::profiles::Profiles;
use crate::queue::{Backoff, Queue, QueuedPod};
use crate::verdict::Refusal;
use crate::waiting::Waiting;

mod gang;
mod permission;
mod question;
mod step;

pub(crate) use gang::{GroupOutcome, GroupTrial};
pub(crate) use step::{Failure, Outcome, Permitting, Placement, Step};

/// What a scheduler is told besides its profiles.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) backoff: Backoff,
    /// How long a pod that was bound may not be seen.
    pub(crate) expiry: Option<Duration>,
    pub(crate) extenders: Extenders,
}

impl Default for Options {
    fn default() -> Self {
        Options { backoff: Backoff::default(), expiry: None, extenders: Vec::new().into() }
    }
}

/// The state of a scheduler.
pub(crate) struct Engine {
    profiles: Arc<Profiles>,
    cache: Cache,
    queue: Queue,
    waiting: Waiting,
    pickers: BTreeMap<String, Picker>,
    /// What was decided and not given out yet: one step for each pod of the group that was
    /// decided on last, and one for the group.
    decided: VecDeque<Step>,
    extenders: Extenders,
}

impl Engine {
    pub(crate) fn new(profiles: Arc<Profiles>, options: &Options, waiting: Waiting) -> Self {
        let queue = Queue::new(profiles.clone()).with_backoff(options.backoff);
        let picker = |profile: &Profile| (profile.name().to_owned(), Picker::new(profile.clone()));
        let pickers = profiles.iter().map(picker).collect();
        Engine {
            profiles,
            cache: Cache::new(options.expiry),
            queue,
            waiting,
            pickers,
            decided: VecDeque::new(),
            extenders: options.extenders.clone(),
        }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The time of day, for what has to happen in time.
    pub(crate) fn set_now(&mut self, now: Timestamp) {
        self.cache.snapshot_mut().set_now(now);
    }

    /// A node has come, changed, or gone.
    pub(crate) fn node(&mut self, name: &str, new: Option<Arc<Node>>, now: Duration) {
        let old = self.cache.snapshot().node_named(name).map(|node| node.node().clone());
        match &new {
            Some(new) => self.cache.set_node(new),
            None => self.cache.remove_node(name),
        }
        let event = match (old, new) {
            (Some(old), Some(new)) => Event::NodeUpdated { old, new },
            (None, Some(new)) => Event::NodeAdded(new),
            (Some(old), None) => Event::NodeDeleted(old),
            (None, None) => return,
        };
        self.queue.tell(&event, now);
    }

    /// Another object has come, changed, or gone.
    pub(crate) fn related(&mut self, last: &Object, new: Option<Object>, now: Duration) {
        let old = match &new {
            Some(new) => self.cache.set_related(new.clone()),
            None => self.cache.remove_related(last),
        };
        self.queue.tell(&Event::Related { old, new }, now);
    }

    /// A version of a pod that was seen.
    fn info(&self, key: &str, pod: Arc<Pod>) -> PodInfo {
        match self.cache.pod(key).or_else(|| self.queue.pod(key)) {
            Some(known) => known.renewed(pod),
            None => PodInfo::new(pod),
        }
    }

    /// A pod has come, changed, or gone.
    pub(crate) fn pod(&mut self, key: &str, new: Option<Arc<Pod>>, now: Duration) {
        // What a pod that has ended asked for is not worked out.
        let new = new.filter(|pod| !pod::is_terminal(pod));
        match new.map(|pod| Arc::new(self.info(key, pod))) {
            None => self.gone(key, now),
            Some(pod) if pod.node_name().is_some() => self.assigned(&pod, now),
            Some(pod) => self.pending(pod, now),
        }
    }

    /// Room that was made for a pod is as good as taken by it: its end is told as that of a pod on the node.
    fn gone(&mut self, key: &str, now: Duration) {
        let waited = self.cache.snapshot_mut().withdraw(key);
        self.queue.remove(key);
        self.waiting.abandon(key);
        if let Some(pod) = self.cache.remove_pod(key).or(waited) {
            self.queue.tell(&Event::AssignedPodDeleted(pod), now);
        }
    }

    fn assigned(&mut self, pod: &Arc<PodInfo>, now: Duration) {
        self.queue.remove(pod.key());
        self.cache.snapshot_mut().withdraw(pod.key());
        let old = self.cache.pod(pod.key()).cloned();
        if let Some(old) = old.filter(|old| !old.is(pod)) {
            self.gone(old.key(), now);
        }
        let old = self.cache.pod(pod.key()).filter(|_| !self.cache.is_assumed(pod.key())).cloned();
        self.cache.set_pod(pod);
        let event = match old {
            Some(old) => Event::AssignedPodUpdated { old, new: pod.clone() },
            None => Event::AssignedPodAdded(pod.clone()),
        };
        self.queue.tell(&event, now);
    }

    fn pending(&mut self, pod: Arc<PodInfo>, now: Duration) {
        let replaced = self.cache.pod(pod.key()).is_some_and(|old| !old.is(&pod));
        if replaced || self.queue.pod(pod.key()).is_some_and(|old| !old.is(&pod)) {
            self.gone(pod.key(), now);
        }
        if self.profiles.of(&pod).is_none()
            || self.cache.is_assumed(pod.key()) && !self.queue.knows(pod.key())
        {
            return;
        }
        // What another writes goes before what was decided here, unless it says nothing of it now as before.
        let known = self.queue.pod(pod.key()).filter(|known| {
            let promised = known.nominated_node_name();
            promised.is_some() && promised != pod.nominated_node_name()
        });
        let let_go = known.cloned();
        if let_go.is_some() {
            self.cache.snapshot_mut().withdraw(pod.key());
        }
        let waits_for = self.cache.snapshot().nominated().node_of(&pod).cloned();
        let promised = pod.nominated_node_name().or(waits_for.as_deref());
        if let Some(node) = promised.filter(|_| !self.cache.is_assumed(pod.key())) {
            self.cache.snapshot_mut().nominate(&pod, node);
        }
        let is_new = pod.scheduling_group().is_some() && !self.queue.knows(pod.key());
        self.queue.set(pod.clone(), now);
        if is_new {
            self.queue.tell(&Event::PendingPodAdded(pod), now);
        }
        if let Some(known) = let_go {
            self.queue.tell(&Event::AssignedPodDeleted(known), now);
        }
    }

    /// When something is to be done though nothing happens.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.queue.next_due().into_iter().chain(self.cache.next_expiry()).min()
    }

    /// Whether there is a pod to decide on.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        !self.decided.is_empty() || self.queue.is_ready(now)
    }

    /// Takes back assumed pods whose time has run out.
    pub(crate) fn expire(&mut self, now: Duration) {
        for pod in self.cache.expire(now) {
            self.queue.tell(&Event::AssignedPodDeleted(pod), now);
        }
    }

    /// Decides on the next pod; `None` if none is to be tried now.
    pub(crate) fn next(&mut self, now: Duration, tie: u64) -> Option<Step> {
        loop {
            if let Some(step) = self.decided.pop_front() {
                return Some(step);
            }
            let queued = self.queue.pop(now)?;
            let pod = queued.pod().clone();
            if self.is_of_group(&pod) {
                let steps = self.place_group(queued, now, tie);
                self.decided.extend(steps);
                continue;
            }
            if pod.is_terminating() {
                return Some(self.leave_out(&pod));
            }
            if let Some(question) = self.question(&pod, tie) {
                return Some(Step::Consult(queued, question));
            }
            let Some(picker) = self.pickers.get_mut(pod.scheduler_name()) else {
                self.queue.done(pod.key());
                continue;
            };
            let decision = picker.pick(&pod, self.cache.snapshot(), tie);
            return Some(self.consulted(queued, decision, now));
        }
    }

    /// A pod that is being deleted is not tried. Its end, or its next version, will be told.
    fn leave_out(&mut self, pod: &Arc<PodInfo>) -> Step {
        self.queue.done(pod.key());
        Step::TellLeaving(pod.clone())
    }

    /// Carries a decision out.
    pub(crate) fn consulted(&mut self, queued: QueuedPod, decision: Decision, now: Duration) -> Step {
        match decision {
            Decision::Node(choice) => self.place(queued, &choice, now),
            Decision::NoFit(no_fit) => self.no_fit(queued, no_fit, now),
            Decision::Error(why) => Step::Tell(self.broken(queued, why, now)),
        }
    }

    /// Reserves, assumes, and asks for permission.
    fn place(&mut self, queued: QueuedPod, choice: &Choice, now: Duration) -> Step {
        let (pod, node) = (queued.pod().clone(), choice.node.clone());
        self.cache.assume(&pod, &node);
        match self.reserve(&pod, &node) {
            Ok(()) => self.ask(queued, node, now),
            Err(refusal) => Step::Tell(self.refused(queued, &node, "Reserve", refusal, now)),
        }
    }

    /// Has the plugins note where the pod is to be.
    fn reserve(&self, pod: &Arc<PodInfo>, node: &str) -> Result<(), Refusal> {
        let plugins = self.profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::Reserve));
        for (plugin, reserve) in plugins.filter_map(|plugin| Some((plugin.name(), plugin.reserve()?))) {
            let refuse = |rejection| Refusal { plugin, rejection };
            reserve.reserve(pod, node, self.cache.snapshot()).map_err(refuse)?;
        }
        Ok(())
    }

    fn no_fit(&mut self, queued: QueuedPod, mut no_fit: Box<NoFit>, now: Duration) -> Step {
        let pod = queued.pod().clone();
        let snapshot = self.cache.snapshot_mut();
        if let Some(nomination) = &no_fit.nomination {
            snapshot.nominate(&pod, &nomination.node);
            for other in &nomination.displaced {
                snapshot.withdraw(other.key());
            }
        }
        // Where nobody could look for a remedy, room that was made earlier is given up, too.
        let nobody_looked = no_fit.diagnosis.nodes == 0
            || self.profiles.of(&pod).is_some_and(|profile| profile.at(Point::PostFilter).next().is_none());
        let withdraws = no_fit.nomination.is_none() && (no_fit.withdraw || nobody_looked);
        if withdraws {
            self.cache.snapshot_mut().withdraw(pod.key());
        }
        let plugins = self.to_ask(&pod, &no_fit.diagnosis);
        let message = no_fit.diagnosis.to_string();
        // It is large, and nobody asks for it any more: what it shares can be changed again in its place.
        no_fit.diagnosis = Diagnosis::default();
        let mut back = None;
        if no_fit.nomination.is_some() {
            back = Some((queued, plugins));
        } else {
            self.queue.put_back(queued, &plugins, now);
        }
        Step::Tell(Failure {
            pod,
            is_error: false,
            message,
            no_fit: Some(no_fit),
            withdraws,
            was_announced: false,
            back,
        })
    }

    /// The plugins whose word wakes the pod. Where there are no nodes, upstream tries again and again; here a node that
    /// comes wakes the pod, as if every filter had refused it.
    fn to_ask(&self, pod: &PodInfo, diagnosis: &Diagnosis) -> Vec<&'static str> {
        if diagnosis.nodes > 0 {
            return diagnosis.plugins.iter().copied().collect();
        }
        let plugins = self.profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::Filter));
        plugins.map(Plugin::name).collect()
    }

    fn broken(&mut self, queued: QueuedPod, message: String, now: Duration) -> Failure {
        self.failed(queued, &[], message, true, now)
    }

    /// Notes what came of a step; `Some` is to be told.
    pub(crate) fn note(&mut self, outcome: Outcome, now: Duration) -> Option<Step> {
        match outcome {
            Outcome::Bound(placement) => self.bound(&placement, now),
            Outcome::Refused(placement, point, refusal) => {
                let was_announced = placement.is_announced;
                let Placement { queued, node, .. } = placement;
                let failure = self.refused(queued, &node, point, refusal, now);
                return Some(Step::Tell(Failure { was_announced, ..failure }));
            }
            // It is woken by what happened meanwhile, or by what is still to happen.
            Outcome::RoomMade(queued, plugins) => self.queue.put_back(queued, &plugins, now),
            Outcome::Told => {}
        }
        None
    }

    /// The attempt came to nothing, and room that was made for the pod earlier is given up.
    fn failed(
        &mut self,
        queued: QueuedPod,
        plugins: &[&'static str],
        message: String,
        is_error: bool,
        now: Duration,
    ) -> Failure {
        let pod = queued.pod().clone();
        self.cache.snapshot_mut().withdraw(pod.key());
        self.queue.put_back(queued, plugins, now);
        Failure { pod, is_error, message, no_fit: None, withdraws: true, was_announced: false, back: None }
    }

    /// A plugin would not have the pod on the node after all. What is refused once the pod is as good as bound is tried again
    /// after back-off, whatever happens meanwhile.
    fn refused(
        &mut self,
        queued: QueuedPod,
        node: &str,
        point: &str,
        refusal: Refusal,
        now: Duration,
    ) -> Failure {
        let pod = queued.pod().clone();
        self.take_back(&pod, node, now);
        let Refusal { plugin, rejection } = refusal;
        if plugin == extender::NAME || plugin.is_empty() {
            return self.broken(queued, rejection.to_string(), now);
        }
        if !rejection.is_rejection() {
            return self.broken(queued, format!("running {point} plugin \"{plugin}\": {rejection}"), now);
        }
        match point {
            "Reserve" | "Permit" => {
                let message = Diagnosis::of_one(&rejection).to_string();
                self.failed(queued, &[plugin], message, false, now)
            }
            _ => self.failed(queued, &[], rejection.to_string(), false, now),
        }
    }

    fn take_back(&mut self, pod: &Arc<PodInfo>, node: &str, now: Duration) {
        let profiles = self.profiles.clone();
        let plugins = profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::Reserve));
        // In the reverse order, as upstream has it.
        let mut reserves: Vec<&dyn Reserve> = plugins.filter_map(Plugin::reserve).collect();
        reserves.reverse();
        reserves.into_iter().for_each(|reserve| reserve.unreserve(pod, node));
        if let Some(pod) = self.cache.forget(pod.key()) {
            self.queue.tell(&Event::AssignedPodDeleted(pod), now);
        }
    }

    /// The API server knows of the placement.
    fn bound(&mut self, placement: &Placement, now: Duration) {
        let pod = placement.queued.pod();
        self.cache.bound(pod.key(), now);
        self.cache.snapshot_mut().withdraw(pod.key());
        self.queue.done(pod.key());
        let profiles = self.profiles.clone();
        let plugins = profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::PostBind));
        plugins.filter_map(Plugin::post_bind).for_each(|told| told.post_bind(pod, &placement.node));
    }
}
