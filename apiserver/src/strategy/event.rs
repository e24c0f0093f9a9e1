//! Events: whose namespace they are in, what a new-style one must say, and that it does not change.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use super::{Strategy, checks};
use crate::tree::Read;

/// For how long an event is kept; upstream's `--event-ttl`.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The strategy of events, which are kept in the form of the core group.
pub(super) struct Events {
    /// Whether every event is of the new style, and none changes.
    strict: bool,
}

/// What of a new-style event does not change: the fields, in upstream's order, and the paths that upstream gives them.
const FIXED: [(&str, &str); 14] = [
    ("involvedObject", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("firstTimestamp", "firstTimestamp"),
    ("lastTimestamp", "lastTimestamp"),
    ("count", "count"),
    ("reason", "reason"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
];

impl Events {
    /// Events of the core group.
    pub(super) const CORE: Events = Events { strict: false };

    /// Events of `events.k8s.io`.
    pub(super) const NEW: Events = Events { strict: true };

    fn check_namespace(&self, event: &Value, errors: &mut ErrorList) {
        let involved = event.at("involvedObject").text("namespace");
        let namespace = event.at("metadata").text("namespace");
        let path = Path::new("involvedObject");
        // Events about what has no namespace are in `default`.
        if involved != namespace && !(involved.is_empty() && namespace == "default") {
            errors.push(Error::invalid(&path.child("namespace"), involved, "does not match event.namespace"));
        }
    }

    /// What a new-style event says; the paths are those of the core group's fields, as upstream has them.
    fn check_new(&self, event: &Value, errors: &mut ErrorList) {
        if !event.has("eventTime") {
            errors.push(Error::required(&Path::new("eventTime"), ""));
        }
        for (field, path) in [
            ("reportingComponent", "reportingController"),
            ("reportingInstance", "reportingInstance"),
            ("action", "action"),
            ("reason", "reason"),
        ] {
            check_name(event.text(field), path, errors);
        }
        let kind = event.text("type");
        if !matches!(kind, "Normal" | "Warning") {
            errors.push(Error::invalid(&Path::new("type"), "", format!("has invalid value: {kind}")));
        }
        if event.text("message").len() > 1024 {
            errors.push(Error::invalid(&Path::new("message"), "", "can have at most 1024 characters"));
        }
        if self.strict && event.int("count").is_some_and(|count| count != 0) {
            errors.push(Error::invalid(&Path::new("count"), "", "needs to be unset"));
        }
    }

    /// Whether the event is of the new style, whichever group it is written through.
    fn is_new(&self, event: &Value) -> bool {
        self.strict || event.has("eventTime")
    }
}

fn check_name(value: &str, field: &str, errors: &mut ErrorList) {
    let path = Path::new(field);
    if value.is_empty() {
        errors.push(Error::required(&path, ""));
    } else if field == "reportingController" {
        checks::each(steersman_core::labels::qualified_name(value), value, &path, errors);
    } else if value.len() > 128 {
        errors.push(Error::invalid(&path, "", "can have at most 128 characters"));
    }
}

impl Strategy for Events {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        self.check_namespace(object, &mut errors);
        if self.is_new(object) {
            self.check_new(object, &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        if self.strict {
            for (field, path) in FIXED {
                if object.at(field) != old.at(field) {
                    errors.push(Error::invalid(&Path::new(path), object.at(field), checks::IMMUTABLE));
                }
            }
        }
        errors
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
        let value = match field.split_once('.') {
            Some((part, name)) => object.at(part).text(name),
            None if field == "source" => match object.at("source").text("component") {
                "" => object.text("reportingComponent"),
                component => component,
            },
            None => object.text(field),
        };
        Cow::Borrowed(value)
    }
}
