//! Holds a pod back while it has scheduling gates.
//!
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/>

use super::{Configured, NoArgs};
use crate::event::{Event, Wake};
use crate::plugin::{Plugin, PreEnqueue};
use crate::pod::PodInfo;
use crate::verdict::{Rejection, Verdict};

/// Holds a pod back while it has scheduling gates.
#[derive(Debug, Default)]
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        Wake::when(matches!(event, Event::PodUpdated { .. }) && gates(pod).is_empty())
    }

    fn pre_enqueue(&self) -> Option<&dyn PreEnqueue> {
        Some(self)
    }
}

impl PreEnqueue for SchedulingGates {
    fn admit(&self, pod: &PodInfo) -> Verdict {
        let gates = gates(pod);
        if gates.is_empty() {
            return Ok(());
        }
        Err(Rejection::unresolvable(format!("waiting for scheduling gates: [{}]", gates.join(" "))))
    }
}

impl Configured for SchedulingGates {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        SchedulingGates
    }
}

fn gates(pod: &PodInfo) -> Vec<&str> {
    let gates = pod.spec().and_then(|spec| spec.scheduling_gates.as_ref());
    gates.into_iter().flatten().map(|gate| gate.name.as_str()).collect()
}
