//! Converts events between the core group, in which they are stored, and `events.k8s.io`.

pub(crate) mod autoscaler;

use steersman_core::tree::{Map, Value};

/// The fields that have another name in the core group: there, and in `events.k8s.io`.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// The fields, by their name in `events.k8s.io`, that the core group writes even where they are empty.
const WRITTEN: [&str; 2] = ["reportingController", "reportingInstance"];

/// The stored form of an event of `events.k8s.io/v1`.
pub(crate) fn event_to_core(mut event: Value) -> Value {
    for field in WRITTEN {
        if event[field].is_null() {
            event[field] = "".into();
        }
    }
    rename(event, "v1", |name| RENAMED.iter().find(|row| row.1 == name).map(|row| row.0))
}

/// The `events.k8s.io/v1` form of a stored event.
pub(crate) fn event_from_core(event: Value) -> Value {
    let to = |name: &str| RENAMED.iter().find(|row| row.0 == name).map(|row| row.1);
    let mut event = rename(event, "events.k8s.io/v1", to);
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|name, value| *value != "" || !WRITTEN.contains(&name.as_str()));
    }
    event
}

/// The stored name of a field by which events of `events.k8s.io` can be selected.
pub(crate) fn event_field(field: &str) -> Option<&str> {
    match field {
        "reason" | "type" => Some(field),
        "reportingController" => Some("reportingComponent"),
        "regarding.kind" => Some("involvedObject.kind"),
        "regarding.namespace" => Some("involvedObject.namespace"),
        "regarding.name" => Some("involvedObject.name"),
        "regarding.uid" => Some("involvedObject.uid"),
        "regarding.apiVersion" => Some("involvedObject.apiVersion"),
        "regarding.resourceVersion" => Some("involvedObject.resourceVersion"),
        "regarding.fieldPath" => Some("involvedObject.fieldPath"),
        _ => None,
    }
}

fn rename(event: Value, api_version: &str, new_name: impl Fn(&str) -> Option<&'static str>) -> Value {
    let Value::Object(fields) = event else { return event };
    let renamed = fields.into_iter().map(|(name, value)| match new_name(&name) {
        Some(new) => (new.into(), value),
        None if name == "apiVersion" => (name, api_version.into()),
        None => (name, value),
    });
    Value::Object(renamed.collect::<Map>())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn an_event_survives_the_way_there_and_back() {
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}, "message": "hello", "count": 2,
            "involvedObject": {"kind": "Pod"}, "reportingComponent": "c", "reportingInstance": "", "eventTime": null
        });
        let shown = event_from_core(event.clone());
        assert_eq!(shown["apiVersion"], "events.k8s.io/v1");
        assert_eq!((&shown["note"], &shown["regarding"]["kind"]), (&json!("hello"), &json!("Pod")));
        assert_eq!(shown.get("reportingInstance"), None);
        assert_eq!(event_to_core(shown), event);
    }
}
