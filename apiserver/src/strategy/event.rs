//! Events: whose namespace they are in, what a new-style one must say, and that it does not change.

use std::borrow::Cow;
use std::time::Duration;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use super::internal::{self, Printed};
use super::{Strategy, checks};
use crate::tree::{Read, is_zero};

/// For how long an event is kept; upstream's `--event-ttl`.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The strategy of events, which are kept in the form of the core group.
pub(super) struct Events {
    /// Whether every event is of the new style, and none changes.
    strict: bool,
}

/// What of a new-style event does not change, in upstream's order, and the path that upstream gives it.
const FIXED: [(&str, &str, Form); 14] = [
    ("involvedObject", "involvedObject", internal::object_reference),
    ("reason", "reason", internal::text),
    ("message", "message", internal::text),
    ("source", "source", internal::event_source),
    ("firstTimestamp", "firstTimestamp", internal::plain),
    ("lastTimestamp", "lastTimestamp", internal::plain),
    ("count", "count", internal::number),
    ("reason", "reason", internal::text),
    ("type", "type", internal::text),
    ("eventTime", "eventTime", internal::plain),
    ("action", "action", internal::text),
    ("related", "related", internal::object_pointer),
    ("reportingComponent", "reportingController", internal::text),
    ("reportingInstance", "reportingInstance", internal::text),
];

/// How a field is printed.
type Form = fn(&Value) -> Printed;

/// What a new-style event has left to older ones.
const OLD: [&str; 4] = ["firstTimestamp", "lastTimestamp", "count", "source"];

impl Events {
    /// Events of the core group.
    pub(super) const CORE: Events = Events { strict: false };

    /// Events of `events.k8s.io`.
    pub(super) const NEW: Events = Events { strict: true };

    /// What every event obeys, through whichever group it is written: it is where what it is about is, and one of the
    /// new style says who tells what.
    fn check(&self, event: &Value, errors: &mut ErrorList) {
        let involved = event.at("involvedObject").text("namespace");
        let namespace = event.at("metadata").text("namespace");
        let is_new = event.has("eventTime");
        let is_there = match (is_new, involved) {
            (_, "") if namespace == "default" => true,
            (true, "") => namespace == "kube-system",
            (true, _) => true,
            (false, _) => involved == namespace,
        };
        if !is_there {
            let path = Path::new("involvedObject");
            errors.push(Error::invalid(&path.child("namespace"), involved, "does not match event.namespace"));
        }
        if is_new {
            self.check_new(event, errors);
        }
    }

    fn check_new(&self, event: &Value, errors: &mut ErrorList) {
        let path = Path::new(if self.strict { "reportingController" } else { "reportingComponent" });
        let controller = event.text("reportingComponent");
        if controller.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        checks::each(steersman_core::labels::qualified_name(controller), controller, &path, errors);
        for field in ["reportingInstance", "action", "reason"] {
            checks::required(event, field, &Path::ROOT, errors);
            check_length(event, field, 128, errors);
        }
        check_length(event, "message", 1024, errors);
    }
}

/// What is told through the newer group says when and how, and nothing in the older fields.
fn check_strict(event: &Value, errors: &mut ErrorList) {
    check_series(event, errors);
    if !event.has("eventTime") {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    let kind = event.text("type");
    if !matches!(kind, "Normal" | "Warning") {
        errors.push(Error::invalid(&Path::new("type"), "", format!("has invalid value: {kind}")));
    }
    for field in OLD.iter().filter(|field| !is_zero(event.at(field))) {
        errors.push(Error::invalid(&Path::new(field), "", "needs to be unset"));
    }
}

fn check_series(event: &Value, errors: &mut ErrorList) {
    let series = event.at("series");
    if series.is_null() {
        return;
    }
    if series.int("count").unwrap_or_default() < 2 {
        errors.push(Error::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if !series.has("lastObservedTime") {
        errors.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
}

fn check_length(event: &Value, field: &str, most: usize, errors: &mut ErrorList) {
    if event.text(field).len() > most {
        let why = format!("can have at most {most} characters");
        errors.push(Error::invalid(&Path::new(field), "", why));
    }
}

impl Strategy for Events {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        self.check(object, &mut errors);
        if self.strict {
            check_strict(object, &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        self.check(object, &mut errors);
        if !self.strict {
            return errors;
        }
        if object.at("series") != old.at("series") {
            check_series(object, &mut errors);
        }
        for (field, path, form) in FIXED {
            if object.at(field) != old.at(field) {
                errors.push(Error::invalid(&Path::new(path), form(object.at(field)), checks::IMMUTABLE));
            }
        }
        errors
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        if self.strict {
            names::dns_subdomain(name, is_prefix)
        } else {
            formats::path_segment(name, is_prefix)
        }
    }

    /// The rules of the core group do not look at the metadata.
    fn repeats_metadata(&self) -> bool {
        self.strict
    }

    fn qualifies_finalizers(&self) -> bool {
        self.strict
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn has_dependents(&self) -> bool {
        false
    }

    fn time_to_live(&self) -> Option<Duration> {
        Some(LIFETIME)
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &[
            "involvedObject.apiVersion",
            "involvedObject.fieldPath",
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.resourceVersion",
            "involvedObject.uid",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ]
    }

    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        let value = match field.strip_prefix("involvedObject.") {
            Some(name) => object.at("involvedObject").text(name),
            None if field == "source" => match object.at("source").text("component") {
                "" => object.text("reportingComponent"),
                component => component,
            },
            None => object.text(field),
        };
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &[Error]) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// An event of the new style with these fields.
    fn event(patch: Value) -> Value {
        let mut event = json!({
            "metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}, "eventTime": "2020-01-01T00:00:00Z",
            "reportingComponent": "example.com/c", "reportingInstance": "i", "action": "a", "reason": "r",
            "type": "Normal", "source": {}
        });
        for (field, value) in patch.as_object().unwrap() {
            event[field] = value.clone();
        }
        event
    }

    #[test]
    fn events_are_refused_in_upstreams_words() {
        let elsewhere = "involvedObject.namespace: Invalid value: \"\": does not match event.namespace";
        let cases = [
            (json!({}), "", ""),
            (json!({"involvedObject": {}}), elsewhere, elsewhere),
            (json!({"involvedObject": {"namespace": "b"}}), "", ""),
            (
                json!({"reportingInstance": ""}),
                "reportingInstance: Required value",
                "reportingInstance: Required value",
            ),
            (
                json!({"source": {"host": "h"}, "series": {"count": 1}}),
                "",
                "series.count: Invalid value: \"\": should be at least 2, series.lastObservedTime: Required value, \
                 source: Invalid value: \"\": needs to be unset",
            ),
            (json!({"eventTime": null, "action": ""}), "", "eventTime: Required value"),
        ];
        for (patch, core, new) in cases {
            let event = event(patch);
            assert_eq!(texts(&Events::CORE.validate(&event)), core);
            assert_eq!(texts(&Events::NEW.validate(&event)), new);
        }
        let unsaid = Events::CORE.validate(&event(json!({"reportingComponent": ""})));
        assert!(
            texts(&unsaid)
                .starts_with("reportingComponent: Required value, reportingComponent: Invalid value")
        );
    }

    #[test]
    fn what_was_told_does_not_change() {
        let changed =
            Events::NEW.validate_update(&event(json!({"source": {"host": "h"}})), &event(json!({})));
        let expected = "source: Invalid value: {\"Component\":\"\",\"Host\":\"h\"}: field is immutable";
        assert_eq!(texts(&changed), expected);
    }
}
