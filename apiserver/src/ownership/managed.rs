//! Who owns what: the entries of `metadata.managedFields`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::codec;
use super::set::Set;

/// No more than this many managers that update are remembered apart; upstream's `DefaultMaxUpdateManagers`.
const UPDATERS: usize = 10;

/// The manager to whom the oldest updates are ascribed.
const ANCIENT: &str = "ancient-changes";

/// How a manager came to own what it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// By server-side apply.
    Apply,
    /// By anything else.
    Update,
}

/// What tells an entry apart from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    /// The name.
    pub(super) name: String,
    /// How it owns.
    pub(super) operation: Operation,
    /// The version it updated in; empty for one that applies, which has one entry whatever the version.
    pub(super) api_version: String,
    /// The subresource it went through.
    pub(super) subresource: String,
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Owned {
    /// The version that the set is meant in.
    pub(super) api_version: String,
    /// When the set last changed, in whole seconds.
    pub(super) time: Option<String>,
    /// The fields.
    pub(super) set: Set,
}

/// Every manager of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managed(pub(super) BTreeMap<Manager, Owned>);

impl Manager {
    /// The entry of a manager that writes in a version.
    pub(super) fn new(name: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        Manager {
            name: name.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }
}

impl Managed {
    /// Reads `managedFields`; `None` if an entry is malformed, or there is no list.
    pub(super) fn decode(list: Value) -> Option<Self> {
        let Value::Array(list) = list else { return None };
        list.into_iter().map(entry).collect::<Option<_>>().map(Managed)
    }

    /// Writes `managedFields`, in upstream's order; `None` if there is nothing to write.
    pub(super) fn encode(self) -> Option<Value> {
        let mut entries: Vec<(Manager, Owned)> = self.0.into_iter().collect();
        entries.sort_by(|(a, x), (b, y)| {
            let first = a.operation.cmp(&b.operation).then_with(|| x.time.cmp(&y.time));
            let second = || a.name.cmp(&b.name).then_with(|| x.api_version.cmp(&y.api_version));
            first.then_with(second).then_with(|| a.subresource.cmp(&b.subresource))
        });
        (!entries.is_empty())
            .then(|| entries.into_iter().map(|(manager, owned)| written(manager, owned)).collect())
    }

    /// Whether there is no manager.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops managers that own nothing.
    pub(super) fn drop_idle(&mut self) {
        self.0.retain(|_, owned| !owned.set.is_empty());
    }

    /// Folds the managers that updated longest ago into one of each version, where there are too many.
    pub(super) fn fold(&mut self) {
        let is_updater = |manager: &&Manager| manager.operation == Operation::Update;
        let mut count = self.0.keys().filter(is_updater).count();
        if count <= UPDATERS {
            return;
        }
        let mut updaters: Vec<Manager> = self.0.keys().filter(is_updater).cloned().collect();
        updaters.sort_by(|a, b| self.0[a].time.cmp(&self.0[b].time).then_with(|| a.cmp(b)));
        let mut firsts: BTreeMap<String, Manager> = BTreeMap::new();
        for manager in updaters {
            if count <= UPDATERS {
                return;
            }
            let Some(first) = firsts.get(&manager.api_version) else {
                firsts.insert(manager.api_version.clone(), manager);
                continue;
            };
            let bucket = Manager::new(ANCIENT, Operation::Update, &manager.api_version, "");
            if !self.0.contains_key(&bucket)
                && let Some(owned) = self.0.remove(first)
            {
                self.0.insert(bucket.clone(), owned);
            }
            let younger = self.0.remove(&manager);
            if let (Some(ancient), Some(younger)) = (self.0.get_mut(&bucket), younger) {
                ancient.set.unite(younger.set);
                ancient.time = younger.time;
            }
            count -= 1;
        }
    }
}

fn entry(entry: Value) -> Option<(Manager, Owned)> {
    let Value::Object(mut entry) = entry else { return None };
    let mut text = |field: &str| match entry.remove(field) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let operation = match text("operation").as_str() {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    let api_version = text("apiVersion");
    if api_version.is_empty() || text("fieldsType") != "FieldsV1" {
        return None;
    }
    let manager = Manager::new(&text("manager"), operation, &api_version, &text("subresource"));
    let time = Some(text("time")).filter(|time| !time.is_empty());
    let fields = entry.remove("fieldsV1").unwrap_or_else(|| json!({}));
    Some((manager, Owned { api_version, time, set: codec::decode(fields)? }))
}

fn written(manager: Manager, owned: Owned) -> Value {
    let operation = match manager.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let mut entry = Map::new();
    let mut put = |field: &str, value: Value| drop(entry.insert(field.to_owned(), value));
    put("manager", manager.name.into());
    put("operation", operation.into());
    put("apiVersion", owned.api_version.into());
    put("fieldsType", "FieldsV1".into());
    put("fieldsV1", codec::encode(owned.set));
    if let Some(time) = owned.time {
        put("time", time.into());
    }
    if !manager.subresource.is_empty() {
        put("subresource", manager.subresource.into());
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updater(name: &str, time: &str, field: &str) -> Value {
        let fields = json!({format!("f:{field}"): {}});
        json!({
            "manager": name, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields
        })
    }

    #[test]
    fn entries_stand_by_operation_then_time_then_name() {
        let mut applier = updater("a", "2026-01-01T00:00:09Z", "x");
        applier["operation"] = json!("Apply");
        let mut timeless = updater("z", "", "x");
        timeless.as_object_mut().unwrap().remove("time");
        let (late, early) =
            (updater("b", "2026-01-01T00:00:02Z", "x"), updater("c", "2026-01-01T00:00:01Z", "x"));
        let given = json!([late, early, timeless, applier]);
        let written = Managed::decode(given).unwrap().encode().unwrap();
        assert_eq!(written, json!([applier, timeless, early, late]));
    }

    #[test]
    fn malformed_entries_are_refused_as_a_whole() {
        let good = updater("a", "2026-01-01T00:00:00Z", "x");
        for (field, bad) in [
            ("operation", json!("Merge")),
            ("apiVersion", json!("")),
            ("fieldsType", json!("FieldsV2")),
            ("fieldsV1", json!({"a": {}})),
        ] {
            let mut entry = good.clone();
            entry[field] = bad;
            assert_eq!(Managed::decode(json!([good, entry])), None, "{field}");
        }
        assert_eq!(Managed::decode(Value::Null), None);
    }

    #[test]
    fn the_eleventh_updater_folds_the_two_oldest() {
        let entries = (0..11)
            .map(|n| updater(&format!("u{n:02}"), &format!("2026-01-01T00:00:{n:02}Z"), &format!("x{n}")));
        let mut managed = Managed::decode(entries.collect()).unwrap();
        managed.fold();
        let written = managed.encode().unwrap();
        let names: Vec<&str> =
            written.as_array().unwrap().iter().filter_map(|entry| entry["manager"].as_str()).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(names[..2], [ANCIENT, "u02"]);
        assert_eq!(written[0]["fieldsV1"], json!({"f:x0": {}, "f:x1": {}}));
        assert_eq!(written[0]["time"], "2026-01-01T00:00:01Z");
    }
}
