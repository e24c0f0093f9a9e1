//! Sets conditions in the status of objects; their time moves only with their status.

use steersman_core::tree::{Map, Value};

use crate::tree::{Fill, Read, fields};

/// Sets a pod's condition, in the place of one of the same type. When it changed is kept unless its status changes;
/// upstream's `UpdatePodCondition`.
pub(crate) fn set(status: &mut Map, condition: Value, now: &str) {
    put(status, condition, now, true);
}

/// The same for a condition of the common kind, which has no probe time; upstream's `SetStatusCondition`.
pub(crate) fn set_common(status: &mut Map, condition: Value, now: &str) {
    put(status, condition, now, false);
}

fn put(status: &mut Map, mut condition: Value, now: &str, probed: bool) {
    let conditions = status.list("conditions");
    let place = conditions.iter().position(|one| one.text("type") == condition.text("type"));
    let before = place.map(|place| conditions[place].clone()).unwrap_or_default();
    let same = before.text("status") == condition.text("status");
    let fields = fields(&mut condition);
    if probed {
        fields.put("lastProbeTime", Value::Null);
    }
    let changed =
        if same && before.has("lastTransitionTime") { before.text("lastTransitionTime") } else { now };
    fields.put("lastTransitionTime", changed);
    match place {
        Some(place) => conditions[place] = condition,
        None => conditions.push(condition),
    }
}
