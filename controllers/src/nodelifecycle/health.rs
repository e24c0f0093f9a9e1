//! Tells from a node's status and lease whether it has fallen silent.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use steersman_core::tree::Text;

use super::NodeLifecycleOptions;

/// The conditions that the kubelet keeps; `NetworkUnavailable` is kept by others.
const KUBELETS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// The status of a condition of which nothing can be known.
const UNKNOWN: Text = Text::from_static("Unknown");

/// What is remembered of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Health {
    /// `Ready` as last seen.
    ready: Option<Ready>,
    /// When the lease was last renewed.
    renewed: Option<Timestamp>,
    /// When a sign of life was last seen, on the clock of the controller: the nodes' own clocks may be wrong.
    heard: Duration,
}

/// What is remembered of the condition `Ready`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ready {
    holds: bool,
    heartbeat: Option<Timestamp>,
}

/// What a look at a node has shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Examined {
    /// The status of `Ready` as the node was found.
    pub(super) was: Text,
    /// The status of `Ready` as it is to be; nothing for a node that still has time to say it first.
    pub(super) is: Option<Text>,
    /// The node with the status that is to be written, where it has fallen silent.
    pub(super) update: Option<Box<Node>>,
}

impl Health {
    /// Counts this moment as a sign of life.
    pub(super) fn begin_anew(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Whether the node was last seen to be not ready, or silent.
    pub(super) fn is_not_ready(&self) -> bool {
        self.ready.is_some_and(|ready| !ready.holds)
    }
}

impl Ready {
    fn of(condition: &NodeCondition) -> Self {
        let heartbeat = condition.last_heartbeat_time.as_ref().map(|time| time.0);
        Ready { holds: condition.status == "True", heartbeat }
    }
}

/// The condition `Ready`, if there is one.
pub(super) fn ready(node: &Node) -> Option<&NodeCondition> {
    condition(node, "Ready")
}

/// Takes note of signs of life, and says what the conditions of a node become that has given none for too long.
pub(super) fn examine(
    health: &mut Option<Health>,
    node: &Node,
    lease: Option<&Lease>,
    now: Timestamp,
    elapsed: Duration,
    options: &NodeLifecycleOptions,
) -> Examined {
    let current = ready(node);
    let grace = match current {
        Some(_) => options.node_monitor_grace_period,
        None => options.node_startup_grace_period,
    };
    let heard = listen(health, node, current, lease, now, elapsed);
    let is = current.map(|ready| Text::from(&ready.status));
    let was = is.clone().unwrap_or(UNKNOWN);
    if elapsed <= heard.saturating_add(grace) {
        return Examined { was, is, update: None };
    }
    let silent = Box::new(silenced(node, now));
    let update = (ready(&silent) != ready(node)).then_some(silent);
    if let (Some(health), Some(silent)) = (health, &update) {
        health.ready = ready(silent).map(Ready::of);
    }
    Examined { was, is: Some(UNKNOWN), update }
}

/// When the last sign of life was seen; one is a new heartbeat in the status, or a renewed lease.
fn listen(
    health: &mut Option<Health>,
    node: &Node,
    current: Option<&NodeCondition>,
    lease: Option<&Lease>,
    now: Timestamp,
    elapsed: Duration,
) -> Duration {
    let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref()).map(|time| time.0);
    let current = current.map(Ready::of);
    let first_seen = health.is_none();
    let known = health.get_or_insert_with(|| Health { ready: None, renewed: None, heard: elapsed });
    if first_seen && current.is_none() {
        known.heard = elapsed.saturating_sub(age(node, now));
    } else if heartbeat(known.ready) != heartbeat(current) {
        known.heard = elapsed;
    }
    known.ready = current;
    if renewed > known.renewed {
        known.renewed = renewed;
        known.heard = elapsed;
    }
    known.heard
}

/// A condition that is new, or gone, counts as a heartbeat, too.
fn heartbeat(ready: Option<Ready>) -> Option<Option<Timestamp>> {
    ready.map(|ready| ready.heartbeat)
}

fn age(node: &Node, now: Timestamp) -> Duration {
    let created = node.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    Duration::try_from(now.duration_since(created)).unwrap_or_default()
}

/// The node with all that only its kubelet can know set to `Unknown`.
fn silenced(node: &Node, now: Timestamp) -> Node {
    let mut node = node.clone();
    let created = node.metadata.creation_timestamp.clone();
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let conditions = node.status.get_or_insert_default().conditions.get_or_insert_default();
    for type_ in KUBELETS {
        match conditions.iter_mut().find(|condition| condition.type_ == type_) {
            Some(condition) if condition.status == "Unknown" => {}
            Some(condition) => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(now.clone());
            }
            None => conditions.push(NodeCondition {
                type_: type_.to_owned(),
                status: "Unknown".to_owned(),
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                last_heartbeat_time: created.clone(),
                last_transition_time: Some(now.clone()),
            }),
        }
    }
    node
}

fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn node(conditions: &Value) -> Node {
        let metadata = json!({"name": "n", "creationTimestamp": "1970-01-01T00:00:00Z"});
        from_value(json!({"metadata": metadata, "status": {"conditions": conditions}})).unwrap()
    }

    fn ready(status: &str, heartbeat: i64) -> Value {
        let heartbeat = Timestamp::from_second(heartbeat).unwrap().to_string();
        json!([
            {"type": "Ready", "status": status, "reason": "KubeletReady", "lastHeartbeatTime": heartbeat},
            {"type": "NetworkUnavailable", "status": "False"},
        ])
    }

    fn lease(second: i64) -> Lease {
        let renewed = format!("{:.6}", Timestamp::from_second(second).unwrap());
        from_value(json!({"metadata": {}, "spec": {"renewTime": renewed}})).unwrap()
    }

    /// The status of Ready before and after a look at a second.
    fn look(
        health: &mut Option<Health>,
        conditions: &Value,
        renewed: Option<i64>,
        second: u64,
    ) -> (String, String) {
        let lease = renewed.map(lease);
        let now = Timestamp::from_second(second.cast_signed()).unwrap();
        let options = NodeLifecycleOptions::default();
        let examined =
            examine(health, &node(conditions), lease.as_ref(), now, Duration::from_secs(second), &options);
        (examined.was.into(), examined.is.unwrap_or_default().into())
    }

    fn pair(was: &str, is: &str) -> (String, String) {
        (was.to_owned(), is.to_owned())
    }

    #[test]
    fn a_node_is_silent_once_lease_and_status_stand_still_for_the_grace_period() {
        let mut health = None;
        assert_eq!(look(&mut health, &ready("True", 0), Some(0), 0), pair("True", "True"));
        assert_eq!(look(&mut health, &ready("True", 0), Some(40), 40), pair("True", "True"), "the lease");
        assert_eq!(look(&mut health, &ready("True", 80), Some(40), 80), pair("True", "True"), "the status");
        assert_eq!(look(&mut health, &ready("True", 80), Some(40), 130), pair("True", "True"));
        assert_eq!(look(&mut health, &ready("True", 80), Some(40), 131), pair("True", "Unknown"));
        assert!(health.unwrap().is_not_ready());
    }

    #[test]
    fn what_a_kubelet_says_of_itself_is_believed_while_it_is_heard() {
        assert_eq!(look(&mut None, &ready("False", 0), Some(0), 0), pair("False", "False"));
        assert_eq!(look(&mut None, &ready("Unknown", 0), Some(0), 0), pair("Unknown", "Unknown"));
    }

    #[test]
    fn a_node_that_never_posted_its_status_has_longer_counted_from_its_creation() {
        let mut health = None;
        assert_eq!(look(&mut health, &json!([]), None, 60), pair("Unknown", ""));
        let options = NodeLifecycleOptions::default();
        let (now, elapsed) = (Timestamp::from_second(61).unwrap(), Duration::from_secs(61));
        let examined = examine(&mut health, &node(&json!([])), None, now, elapsed, &options);
        let conditions = examined.update.unwrap().status.unwrap().conditions.unwrap();
        let reasons: Vec<_> = conditions.iter().map(|one| one.reason.as_deref().unwrap()).collect();
        assert_eq!(reasons, ["NodeStatusNeverUpdated"; 4]);
    }

    #[test]
    fn silence_changes_what_only_the_kubelet_knows_and_is_written_once() {
        let lost = silenced(&node(&ready("True", 0)), Timestamp::UNIX_EPOCH);
        let told: Vec<_> = lost
            .status
            .as_ref()
            .unwrap()
            .conditions
            .as_ref()
            .unwrap()
            .iter()
            .map(|one| (one.type_.as_str(), one.status.as_str(), one.message.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(told[0], ("Ready", "Unknown", "Kubelet stopped posting node status."));
        assert_eq!(told[1], ("NetworkUnavailable", "False", ""));
        assert_eq!(told.len(), 5);
        assert_eq!(silenced(&lost, Timestamp::UNIX_EPOCH), lost);
    }
}
