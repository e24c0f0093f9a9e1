//! Places the pods of a group together: all that there is room for if those are enough, else none.
//!
//! KEP-4671, as Kubernetes 1.36 has it. The pods are tried one after the other, each seeing those before it on their
//! nodes. A pod that needs others to be preempted is taken for placed; then the whole group waits for the room. Unlike in
//! 1.36, nobody is preempted where that does not suffice for the group.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Failure, Step};
use crate::decision::{Choice, Decision, Diagnosis, NoFit, Nomination};
use crate::plugin::Plugin;
use crate::pod::PodInfo;
use crate::points::Point;
use crate::queue::QueuedPod;
use crate::snapshot::NodeIndex;
use crate::verdict::Refusal;

const UNSCHEDULABLE: &str = "pod group is unschedulable";
/// What is told of a pod that has room while its group has not.
const WAITING: &str = "waiting for minCount pods from a gang to be scheduled, \
    one or more plugins asked to wait and no plugin rejected pod";

/// What came of a pod group, for its condition.
pub(crate) struct GroupOutcome {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Upstream's reason, and its words.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// What came of one pod of the group.
enum Trial {
    Placed(Choice),
    /// There is room once others are gone.
    Preempts(Box<NoFit>),
    Failed(Box<NoFit>),
    Refused(&'static str, String),
}

/// Pods that are there no more while a trial lasts.
type Removed = Vec<(NodeIndex, Arc<PodInfo>)>;

/// A pod group that is being tried.
pub(crate) struct GroupTrial {
    /// The pod that was first in the queue.
    pod: Arc<PodInfo>,
    pods: Vec<QueuedPod>,
    /// What came of the first of them.
    trials: Vec<Trial>,
    removed: Removed,
    tie: u64,
}

impl Engine {
    /// Whether the pod is placed with the others of its group.
    pub(super) fn is_of_group(&self, pod: &PodInfo) -> bool {
        self.queue.is_grouped(pod)
    }

    /// Decides on all pods of a group that wait, and says what is to be done about each.
    pub(super) fn place_group(&mut self, first: QueuedPod, now: Duration, tie: u64) -> Vec<Step> {
        let pod = first.pod().clone();
        let taken = self.queue.take_group(first);
        if let Some(why) = of_several_schedulers(&taken) {
            return taken
                .into_iter()
                .map(|queued| Step::Tell(self.broken(queued, why.clone(), now)))
                .collect();
        }
        let (leaving, pods): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|queued| queued.pod().is_terminating());
        let mut steps: Vec<Step> = leaving.iter().map(|queued| self.leave_out(queued.pod())).collect();
        if !pods.is_empty() {
            let group = GroupTrial { pod, pods, trials: Vec::new(), removed: Removed::new(), tie };
            steps.extend(self.go_on(group, now));
        }
        steps
    }

    /// Tries the pods that were not tried yet, until extenders are to be asked about one.
    fn go_on(&mut self, mut group: GroupTrial, now: Duration) -> Vec<Step> {
        while let Some(pod) = group.pods.get(group.trials.len()).map(|queued| queued.pod().clone()) {
            if let Some(question) = self.question(&pod, group.tie) {
                return vec![Step::ConsultGroup(group, question)];
            }
            let name = pod.scheduler_name();
            let decision = match self.pickers.get_mut(name) {
                Some(picker) => picker.pick(&pod, self.cache.snapshot(), group.tie),
                None => Decision::Error(format!("profile not found for scheduler name {name:?}")),
            };
            match self.attempt(&pod, decision, &mut group.removed) {
                Ok(trial) => group.trials.push(trial),
                Err(why) => return self.break_group(group, &why, now),
            }
        }
        self.conclude(group, now)
    }

    /// Goes on once extenders were asked about a pod; what is to be done then is given out next.
    pub(crate) fn group_consulted(&mut self, mut group: GroupTrial, decision: Decision, now: Duration) {
        let Some(pod) = group.pods.get(group.trials.len()).map(|queued| queued.pod().clone()) else { return };
        let steps = match self.attempt(&pod, decision, &mut group.removed) {
            Ok(trial) => {
                group.trials.push(trial);
                self.go_on(group, now)
            }
            Err(why) => self.break_group(group, &why, now),
        };
        steps.into_iter().rev().for_each(|step| self.decided.push_front(step));
    }

    fn conclude(&mut self, group: GroupTrial, now: Duration) -> Vec<Step> {
        let GroupTrial { pod, pods, trials, removed, .. } = group;
        let wanted = self.queue.groups().policy(&pod).map_or(1, |policy| policy.min_count());
        let is_enough = self.placed(&pod) >= wanted;
        let preempts = trials.iter().any(|trial| matches!(trial, Trial::Preempts(..)));
        if is_enough && !preempts {
            return self.settle(&pod, pods.into_iter().zip(trials).collect(), now);
        }
        self.undo(&pods, &trials, removed);
        self.put_off(&pod, pods.into_iter().zip(trials).collect(), is_enough, now)
    }

    /// How many pods of the group have a node.
    fn placed(&self, pod: &PodInfo) -> usize {
        self.queue.groups().members(pod).filter(|member| self.cache.pod(member).is_some()).count()
    }

    /// Takes in what was decided about a pod; if there is room, it is taken.
    fn attempt(
        &mut self,
        pod: &Arc<PodInfo>,
        decision: Decision,
        removed: &mut Removed,
    ) -> Result<Trial, String> {
        match decision {
            Decision::Error(why) => Err(why),
            Decision::Node(choice) => {
                self.cache.assume(pod, &choice.node);
                Ok(match self.reserve(pod, &choice.node) {
                    Ok(()) => Trial::Placed(choice),
                    Err(Refusal { plugin, rejection }) => {
                        self.take_back_quietly(pod, &choice.node);
                        if !rejection.is_rejection() {
                            return Err(format!("running Reserve plugin \"{plugin}\": {rejection}"));
                        }
                        Trial::Refused(plugin, Diagnosis::of_one(&rejection).to_string())
                    }
                })
            }
            Decision::NoFit(no_fit) => Ok(match no_fit.nomination.clone() {
                None => Trial::Failed(no_fit),
                Some(nomination) => {
                    self.remove_for_trial(&nomination.victims, &nomination.node, removed);
                    self.cache.assume(pod, &nomination.node);
                    Trial::Preempts(no_fit)
                }
            }),
        }
    }

    fn remove_for_trial(&mut self, victims: &[Arc<PodInfo>], node: &str, removed: &mut Removed) {
        let Some(index) = self.cache.snapshot().node_named(node).map(|node| node.index()) else { return };
        for victim in victims {
            if self.cache.snapshot_mut().remove_pod(index, victim) {
                removed.push((index, victim.clone()));
            }
        }
    }

    /// Puts everything back to where it was before the trials.
    fn undo(&mut self, pods: &[QueuedPod], trials: &[Trial], removed: Removed) {
        for (queued, trial) in pods.iter().zip(trials).rev() {
            match trial {
                Trial::Placed(choice) => self.take_back_quietly(queued.pod(), &choice.node),
                Trial::Preempts(..) => drop(self.cache.forget(queued.pod().key())),
                Trial::Failed(_) | Trial::Refused(..) => {}
            }
        }
        for (index, victim) in removed.into_iter().rev() {
            self.cache.snapshot_mut().add_pod(index, &victim);
        }
    }

    /// Enough pods have a node: those are bound, the others are told why they have none.
    fn settle(&mut self, pod: &PodInfo, tried: Vec<(QueuedPod, Trial)>, now: Duration) -> Vec<Step> {
        let mut steps = vec![told(pod, "Scheduled", String::new())];
        for (queued, trial) in tried {
            steps.push(match trial {
                Trial::Placed(choice) => self.ask(queued, choice.node, now),
                Trial::Preempts(no_fit) | Trial::Failed(no_fit) => self.no_fit(queued, no_fit, now),
                Trial::Refused(plugin, why) => self.put_back(queued, &[plugin], why, now),
            });
        }
        steps
    }

    /// Too few have one, or room has to be made first: no pod is bound. `is_enough` says which it is.
    fn put_off(
        &mut self,
        pod: &PodInfo,
        tried: Vec<(QueuedPod, Trial)>,
        is_enough: bool,
        now: Duration,
    ) -> Vec<Step> {
        let why = match is_enough {
            true => format!("{UNSCHEDULABLE}, pod group is waiting for preemption to complete"),
            false => format!("{UNSCHEDULABLE}, {WAITING}"),
        };
        let of_group = if is_enough { why.clone() } else { UNSCHEDULABLE.to_owned() };
        let mut steps = vec![told(pod, "Unschedulable", of_group)];
        for (queued, trial) in tried {
            steps.push(match trial {
                Trial::Preempts(no_fit) if is_enough => self.no_fit(queued, no_fit, now),
                Trial::Failed(no_fit) => self.no_fit(queued, no_fit, now),
                Trial::Refused(plugin, why) => self.put_back(queued, &[plugin], why, now),
                Trial::Placed(choice) if is_enough => self.await_room(queued, &choice, why.clone()),
                Trial::Placed(_) | Trial::Preempts(..) => self.put_back(queued, &[], why.clone(), now),
            });
        }
        steps
    }

    /// Something broke with the pod that was tried last: all of the group are tried again after back-off.
    fn break_group(&mut self, group: GroupTrial, why: &str, now: Duration) -> Vec<Step> {
        let GroupTrial { pod, pods, trials, removed, .. } = group;
        self.undo(&pods, &trials, removed);
        let of_others = format!("failed to schedule other pod from a pod group: {why}");
        let mut steps = vec![told(&pod, "SchedulerError", of_others.clone())];
        for (at, queued) in pods.into_iter().enumerate() {
            let why = if at == trials.len() { why.to_owned() } else { of_others.clone() };
            steps.push(Step::Tell(self.broken(queued, why, now)));
        }
        steps
    }

    fn put_back(
        &mut self,
        queued: QueuedPod,
        plugins: &[&'static str],
        message: String,
        now: Duration,
    ) -> Step {
        let pod = queued.pod().clone();
        self.queue.put_back(queued, plugins, now);
        Step::Tell(Failure {
            pod,
            is_error: false,
            message,
            no_fit: None,
            withdraws: false,
            was_announced: false,
            back: None,
        })
    }

    /// The pod has room already, and waits with the others for theirs.
    fn await_room(&mut self, queued: QueuedPod, choice: &Choice, message: String) -> Step {
        let (pod, node) = (queued.pod().clone(), choice.node.clone());
        self.cache.snapshot_mut().nominate(&pod, &node);
        let nomination = Nomination { node, victims: vec![], displaced: vec![], candidates: vec![] };
        let no_fit = Some(Box::new(NoFit { nomination: Some(nomination), ..NoFit::default() }));
        let back = Some((queued, Vec::new()));
        Step::Tell(Failure {
            pod,
            is_error: false,
            message,
            no_fit,
            withdraws: false,
            was_announced: false,
            back,
        })
    }

    /// Takes back what was only tried: nobody is woken by it.
    fn take_back_quietly(&mut self, pod: &Arc<PodInfo>, node: &str) {
        let profiles = self.profiles.clone();
        let plugins = profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::Reserve));
        let reserves: Vec<_> = plugins.filter_map(Plugin::reserve).collect();
        reserves.into_iter().rev().for_each(|reserve| reserve.unreserve(pod, node));
        self.cache.forget(pod.key());
    }
}

fn of_several_schedulers(pods: &[QueuedPod]) -> Option<String> {
    let first = pods.first()?.pod().scheduler_name();
    let other = pods.iter().map(|queued| queued.pod().scheduler_name()).find(|name| *name != first)?;
    Some(format!(
        "all pods in a single pod group should have the same .spec.schedulerName set, got: {first:?} and {other:?}"
    ))
}

fn told(pod: &PodInfo, reason: &'static str, message: String) -> Step {
    let name = pod.scheduling_group().unwrap_or_default().to_owned();
    Step::TellGroup(GroupOutcome { namespace: pod.namespace().to_owned(), name, reason, message })
}
