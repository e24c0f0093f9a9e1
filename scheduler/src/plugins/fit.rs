//! Rules out nodes that have too little left for the pod, and ranks them by how much.
//!
//! <https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Node;
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::labels;
use steersman_core::resource::GroupVersionResource;

use super::Configured;
use super::device_classes::{self, Classes};
use super::fit_score::ScoringStrategy;
use crate::amounts::{Amounts, is_extended};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Filter, Normalize, Plugin, Prepared, Score, Scoring};
use crate::pod::PodInfo;
use crate::requests;
use crate::signature::{Part, Signature};
use crate::snapshot::{NodeIndex, NodeView, Snapshot};
use crate::verdict::{Code, Rejection, Verdict};

/// Rules out nodes that have too little left for the pod; upstream's `NodeResourcesFit`.
#[derive(Clone, Debug)]
pub struct Fit {
    ignored: BTreeSet<String>,
    ignored_groups: BTreeSet<String>,
    strategy: ScoringStrategy,
    by_devices: ByDevices,
}

/// The resources that device classes stood for when pods that ask for them were last looked at: where it is asked what
/// wakes a pod, the classes are not at hand, and if they changed since, that wakes the pod.
#[derive(Clone, Debug, Default)]
struct ByDevices(Arc<Mutex<BTreeSet<String>>>);

impl ByDevices {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, pod: &PodInfo, classes: &Classes) {
        let mut known = self.lock();
        for (name, _) in pod.requests().scalars.iter() {
            match classes.contains_key(name) {
                true => known.insert(name.to_owned()),
                false => known.remove(name),
            };
        }
    }
}

/// Upstream's `NodeResourcesFitArgs`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FitArgs {
    /// Extended resources that do not count when nodes are ruled out.
    pub ignored_resources: Vec<String>,
    /// The same for all extended resources of a domain.
    pub ignored_resource_groups: Vec<String>,
    /// How nodes are ranked.
    pub scoring_strategy: Option<ScoringStrategy>,
}

impl Plugin for Fit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn heeds(&self, event: &Event) -> bool {
        matches!(event, Event::AssignedPodDeleted(_) | Event::AssignedPodUpdated { .. })
            || event.node().is_some()
            || device_classes::is_meant(event)
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(match event {
            Event::AssignedPodDeleted(_) => true,
            Event::AssignedPodUpdated { old, new } => {
                new.is_terminal() || is_less(new.requests(), old.requests(), pod.requests())
            }
            Event::PodUpdated { old, .. } => is_less(pod.requests(), old.requests(), old.requests()),
            Event::Related { .. } => device_classes::may_help(pod, event),
            Event::NodeUpdated { old, new } => self.would_fit(pod, new) && self.offers_more(pod, old, new),
            Event::NodeAdded(node) => self.would_fit(pod, node),
            _ => false,
        })
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add_part(Part::Requests, pod);
        if let Cow::Owned(asked) = requests::to_place(pod) {
            signature.add(&asked);
        }
        signature.add(&*requests::of_containers(pod));
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        device_classes::reads()
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Filter for Fit {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let classes = device_classes::asked_by(pod, nodes);
        self.by_devices.note(pod, &classes);
        let (fit, asked) = (self.clone(), requests::to_place(pod).into_owned());
        Prepared::per_node(move |node| {
            let pods = i64::try_from(node.pods().len()).unwrap_or(i64::MAX);
            let by_devices = |name: &str| classes.contains_key(name);
            fit.check(&asked, node.allocatable(), node.requested(), pods, by_devices)
        })
    }
}

impl Score for Fit {
    /// Of the pod to be placed, upstream counts here what its containers ask for, not the pod-level requests.
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot, _: &[NodeIndex]) -> Scoring {
        let asked = requests::of_containers(pod).into_owned();
        let strategy = self.strategy.clone();
        Scoring::per_node(move |node: NodeView<'_>| strategy.score(&asked, node), Normalize::Not)
    }
}

/// Whether there is less than before of something that is asked for.
fn is_less(now: &Amounts, before: &Amounts, asked: &Amounts) -> bool {
    let less = |now: i64, before: i64, asked: i64| asked != 0 && now < before;
    let of = |amounts: &Amounts, name: &str| amounts.scalars.get(name).unwrap_or_default();
    less(now.milli_cpu, before.milli_cpu, asked.milli_cpu)
        || less(now.memory, before.memory, asked.memory)
        || less(now.ephemeral_storage, before.ephemeral_storage, asked.ephemeral_storage)
        || asked.scalars.iter().any(|(name, asked)| less(of(now, name), of(before, name), asked))
}

fn allocatable(node: &Node) -> Amounts {
    let list = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    list.map(Amounts::of).unwrap_or_default()
}

impl Fit {
    /// Whether the pod would fit on a node that is empty.
    fn would_fit(&self, pod: &PodInfo, node: &Node) -> bool {
        let by_devices = |name: &str| self.by_devices.lock().contains(name);
        let (asked, empty) = (requests::to_place(pod), Amounts::default());
        self.check(&asked, &allocatable(node), &empty, 0, by_devices).is_ok()
    }

    /// Whether a node offers more than before of what the pod asks for, or admits more pods. What devices stand for, the
    /// node does not say.
    fn offers_more(&self, pod: &PodInfo, old: &Node, new: &Node) -> bool {
        let (asked, old, new) = (requests::to_place(pod), allocatable(old), allocatable(new));
        let by_devices = || asked.scalars.iter().any(|(name, _)| self.by_devices.lock().contains(name));
        new.pods > old.pods || is_less(&old, &new, &asked) || by_devices()
    }

    /// Whether a pod fits beside what is taken. More than the node has at all is beyond remedy; what devices stand for
    /// where the node has none of it is left to who gives out devices.
    fn check(
        &self,
        asked: &Amounts,
        offered: &Amounts,
        taken: &Amounts,
        pods: i64,
        by_devices: impl Fn(&str) -> bool,
    ) -> Verdict {
        let mut lack = Lack::default();
        if pods + 1 > offered.pods {
            lack.reasons.push(Cow::Borrowed("Too many pods"));
        }
        lack.note("Insufficient cpu", asked.milli_cpu, offered.milli_cpu, taken.milli_cpu);
        lack.note("Insufficient memory", asked.memory, offered.memory, taken.memory);
        let (storage, beyond, held) =
            (asked.ephemeral_storage, offered.ephemeral_storage, taken.ephemeral_storage);
        lack.note("Insufficient ephemeral-storage", storage, beyond, held);
        for (name, amount) in asked.scalars.iter() {
            let of = |amounts: &Amounts| amounts.scalars.get(name).unwrap_or_default();
            let is_left = || self.ignores(name) || of(offered) <= 0 && by_devices(name);
            if amount > of(offered).wrapping_sub(of(taken)) && !is_left() {
                lack.note(format!("Insufficient {name}"), amount, of(offered), of(taken));
            }
        }
        lack.verdict()
    }

    fn ignores(&self, name: &str) -> bool {
        let group = name.split('/').next().unwrap_or_default();
        is_extended(name) && (self.ignored.contains(name) || self.ignored_groups.contains(group))
    }
}

/// What a node lacks.
#[derive(Default)]
struct Lack {
    reasons: Vec<Cow<'static, str>>,
    beyond_remedy: bool,
}

impl Lack {
    fn note(&mut self, reason: impl Into<Cow<'static, str>>, asked: i64, offered: i64, taken: i64) {
        if asked > 0 && asked > offered.wrapping_sub(taken) {
            self.reasons.push(reason.into());
            self.beyond_remedy |= asked > offered;
        }
    }

    fn verdict(self) -> Verdict {
        let code = match self.beyond_remedy {
            true => Code::UnschedulableAndUnresolvable,
            false => Code::Unschedulable,
        };
        if self.reasons.is_empty() { Ok(()) } else { Err(Rejection::because(code, self.reasons)) }
    }
}

impl Configured for Fit {
    type Args = FitArgs;

    const IS_CHECKED_LATE: bool = true;

    fn check(args: &FitArgs, at: &Path<'_>) -> Faults {
        let mut errors = Faults::default();
        let list = at.child("ignoredResources");
        for (index, resource) in args.ignored_resources.iter().enumerate() {
            let faults = labels::qualified_name(resource).into_iter();
            errors.extend(faults.map(|why| field::Error::invalid(&list.index(index), resource, why)));
        }
        let list = at.child("ignoredResourceGroups");
        for (index, group) in args.ignored_resource_groups.iter().enumerate() {
            let path = list.index(index);
            if group.contains('/') {
                errors.push(field::Error::invalid(&path, group, "resource group name can't contain '/'"));
            }
            let faults = labels::qualified_name(group).into_iter();
            errors.extend(faults.map(|why| field::Error::invalid(&path, group, why)));
        }
        if let Some(strategy) = &args.scoring_strategy {
            errors.extend(strategy.check(&at.child("scoringStrategy")).iter());
        }
        errors
    }

    fn configured(args: FitArgs) -> Self {
        Fit {
            ignored: args.ignored_resources.into_iter().collect(),
            ignored_groups: args.ignored_resource_groups.into_iter().collect(),
            strategy: args.scoring_strategy.unwrap_or_default().completed(),
            by_devices: ByDevices::default(),
        }
    }
}
