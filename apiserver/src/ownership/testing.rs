//! Schemas and stories for the tests of this folder.

use std::sync::Arc;

use jiff::Timestamp;
use steersman_core::Error;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::managed::Managed;
use super::{Owners, Writer};
use crate::Tables;
use crate::schema::{Document, Schema};

/// The schema of a built-in kind.
pub(super) fn schema(api_version: &str, kind: &str) -> Schema {
    Tables::load().schema(&GroupVersionKind::from_api_version(api_version, kind)).unwrap()
}

/// An object of a kind, and what writers do to it.
pub(super) struct Story {
    kind: GroupVersionKind,
    schema: Schema,
    pub(super) object: Value,
    second: i64,
}

impl Story {
    /// An object of a built-in kind.
    pub(super) fn of(api_version: &str, kind: &str) -> Self {
        let schema = schema(api_version, kind);
        Story::with_schema(GroupVersionKind::from_api_version(api_version, kind), schema)
    }

    /// A custom resource whose `spec` has that schema.
    pub(super) fn custom(of_spec: &Value) -> Self {
        let schema = json!({"type": "object", "properties": {"spec": of_spec}});
        let schema = Schema::custom(&Arc::new(Document::builtin()), &schema);
        Story::with_schema(GroupVersionKind::new("example.com", "v1", "Widget"), schema)
    }

    fn with_schema(kind: GroupVersionKind, schema: Schema) -> Self {
        Story { kind, schema, object: json!({"metadata": {}}), second: 0 }
    }

    /// Has a writer look at the object and its owners.
    fn with<T>(&mut self, name: &str, act: impl FnOnce(&Writer<'_>, &Value, &Owners) -> T) -> T {
        self.second += 1;
        let (manager, subresource) = name.split_once('/').unwrap_or((name, ""));
        let writer = Writer {
            name: manager,
            kind: &self.kind,
            api_version: &self.kind.api_version(),
            schema: &self.schema,
            subresource,
            separates_status: true,
            now: Timestamp::from_second(self.second).unwrap(),
            blank: &json!({"metadata": {}}),
            versions: &|_| None,
        };
        let mut live = self.object.clone();
        let owners = Owners::take(&mut live);
        act(&writer, &live, &owners)
    }

    /// The owners of a new object, as one walk and as a comparison with nothing tell them.
    pub(super) fn first(&mut self, mut new: Value) -> (Option<Owners>, Owners) {
        self.name(&mut new);
        self.with("m", |writer, blank, _| {
            let mut managed = Managed::default();
            let changes = writer.changes(blank, &new);
            writer.update(&mut managed, "m", blank, &new, changes);
            (writer.first(blank, &new), Owners::from(managed))
        })
    }

    /// Replaces the object; whether anything changed.
    pub(super) fn update(&mut self, name: &str, mut new: Value) -> bool {
        self.name(&mut new);
        let given = Owners::take(&mut new);
        let owners = self.with(name, |writer, live, owners| writer.track(live, owners, &new, &given));
        self.take(new, owners)
    }

    /// Applies a configuration; whether anything changed.
    pub(super) fn apply(&mut self, name: &str, mut config: Value, force: bool) -> Result<bool, Error> {
        self.name(&mut config);
        let (new, owners) =
            self.with(name, |writer, live, owners| writer.apply(live, owners, &config, force, &Ok))?;
        let same = || {
            let mut same = self.object.clone();
            Owners::take(&mut same);
            same
        };
        let new = new.unwrap_or_else(same);
        Ok(self.take(new, owners))
    }

    fn name(&self, object: &mut Value) {
        object["apiVersion"] = self.kind.api_version().into();
        object["kind"] = self.kind.kind.as_ref().into();
    }

    fn take(&mut self, mut new: Value, owners: Owners) -> bool {
        if let Some(metadata) = new["metadata"].as_object_mut() {
            metadata.insert("uid".to_owned(), "1".into());
        }
        let mut old = self.object.clone();
        let before = Owners::take(&mut old);
        let owners = if new == old { owners.settled(&before) } else { owners };
        owners.put(&mut new);
        let changed = new != self.object;
        self.object = new;
        changed
    }

    /// `name operation time fields`, one owner a line; braces without fields are left out.
    pub(super) fn owners(&self) -> Vec<String> {
        let entries = self.object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| {
                let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
                let time = text("time");
                let time = time.trim_start_matches("1970-01-01T00:00:").trim_end_matches('Z');
                let fields = entry["fieldsV1"].to_string().replace(":{}", "").replace('"', "");
                format!("{} {} {time} {fields}", text("manager"), text("operation"))
            })
            .collect()
    }
}
