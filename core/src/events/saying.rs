//! What a component says happened to an object, and how that looks as an Event.

use std::fmt::Write as _;
use std::sync::Arc;

use super::about::Reference;
use super::{About, EventType};
use crate::tree::{Map, Text, Value, json};
use jiff::Timestamp;

/// How many fields an Event and its metadata have once a server has written them: until then, there is room for the others.
const EVENT: usize = 14;
const METADATA: usize = 6;

/// Who says something.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) component: Text,
    /// Where it is; empty where that is all the same.
    pub(super) host: Text,
}

/// An event that is to be sent. It is written as it stands, without the typed Event in between: there are many.
#[derive(Clone, Debug)]
pub(super) struct Saying {
    /// What tells the name of the Event.
    pub(super) stamp: i128,
    pub(super) source: Arc<Source>,
    pub(super) regarding: About,
    pub(super) kind: EventType,
    pub(super) reason: Text,
    pub(super) message: String,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: i32,
}

impl Saying {
    /// Events are in the namespace of what they are about; those about objects without one go to `default`.
    pub(super) fn namespace(&self) -> &str {
        let namespace = &*self.regarding.reference().namespace;
        if namespace.is_empty() { "default" } else { namespace }
    }

    /// `<object>.<nanoseconds in hex>`.
    pub(super) fn name(&self) -> String {
        let object = &*self.regarding.reference().name;
        let mut name = String::with_capacity(object.len() + 1 + 32);
        write!(name, "{object}.{:x}", self.stamp).expect("a string takes everything");
        name
    }

    /// The Event.
    pub(super) fn object(&self) -> Value {
        let first = whole_seconds(self.first);
        let last = if self.last == self.first { first.clone() } else { whole_seconds(self.last) };
        let Source { component, host } = &*self.source;
        let source = fields([("component", component), ("host", host)]);
        let mut metadata = Map::with_capacity(METADATA);
        metadata.extend([("name", Text::from(self.name())), ("namespace", self.namespace().into())]);
        let mut event = Map::with_capacity(EVENT);
        event.extend([
            ("apiVersion", Value::from("v1")),
            ("count", self.count.into()),
            ("firstTimestamp", first),
            ("involvedObject", self.regarding()),
            ("kind", "Event".into()),
            ("lastTimestamp", last),
            ("message", (&self.message).into()),
            ("metadata", metadata.into()),
            ("reason", self.reason.clone().into()),
            ("reportingComponent", component.into()),
            ("source", source),
            ("type", self.kind.as_str().into()),
        ]);
        if !host.is_empty() {
            event.insert("reportingInstance", host.into());
        }
        event.into()
    }

    /// What makes a known Event tell that it has happened again.
    pub(super) fn change(&self) -> Value {
        json!({"count": self.count, "lastTimestamp": whole_seconds(self.last), "message": &self.message})
    }

    fn regarding(&self) -> Value {
        let Reference { api_version, kind, namespace, name, uid, resource_version } =
            self.regarding.reference();
        fields([
            ("apiVersion", api_version),
            ("fieldPath", self.regarding.field_path()),
            ("kind", kind),
            ("name", name),
            ("namespace", namespace),
            ("resourceVersion", resource_version),
            ("uid", uid),
        ])
    }
}

/// The fields that say something.
fn fields<const COUNT: usize>(all: [(&'static str, &Text); COUNT]) -> Value {
    let mut fields = Map::with_capacity(COUNT);
    fields.extend(all.into_iter().filter(|(_, text)| !text.is_empty()));
    fields.into()
}

/// A time as the API writes it.
fn whole_seconds(time: Timestamp) -> Value {
    Text::of(&format_args!("{time:.0}")).into()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

    use super::*;
    use crate::object::to_value;

    fn part_of_a_pod() -> ObjectReference {
        ObjectReference {
            api_version: Some("v1".to_owned()),
            field_path: Some("spec.a".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some("a".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("u".to_owned()),
            ..ObjectReference::default()
        }
    }

    fn saying(host: Option<&str>) -> Saying {
        let source = Source { component: "tester".into(), host: host.unwrap_or_default().into() };
        Saying {
            stamp: 0x1f,
            source: Arc::new(source),
            regarding: part_of_a_pod().into(),
            kind: EventType::Warning,
            reason: "Failed".into(),
            message: "it did".to_owned(),
            first: "2026-01-02T03:04:05.999999999Z".parse().unwrap(),
            last: "2026-01-02T03:04:06Z".parse().unwrap(),
            count: 2,
        }
    }

    #[test]
    fn an_event_is_written_as_the_typed_one_would_be() {
        for host in [None, Some("node-1")] {
            let saying = saying(host);
            let typed = Event {
                metadata: ObjectMeta {
                    name: Some("a.1f".to_owned()),
                    namespace: Some("n".to_owned()),
                    ..ObjectMeta::default()
                },
                involved_object: part_of_a_pod(),
                reason: Some("Failed".to_owned()),
                message: Some("it did".to_owned()),
                type_: Some("Warning".to_owned()),
                first_timestamp: Some(Time(saying.first)),
                last_timestamp: Some(Time(saying.last)),
                count: Some(2),
                reporting_component: Some("tester".to_owned()),
                reporting_instance: host.map(str::to_owned),
                source: Some(EventSource {
                    component: Some("tester".to_owned()),
                    host: host.map(str::to_owned),
                }),
                ..Event::default()
            };
            assert_eq!(saying.object(), to_value(&typed).unwrap());
            let change = json!({"count": 2, "lastTimestamp": typed.last_timestamp, "message": "it did"});
            assert_eq!(saying.change(), change);
        }
    }
}
