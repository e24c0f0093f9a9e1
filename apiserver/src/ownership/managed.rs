//! Who owns what: the entries of `metadata.managedFields`.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use steersman_core::tree::Text;

use super::by_manager::ByManager;
use super::codec::{self, Fields};
use super::set::Set;
use super::written;
use crate::json_text::quote;

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
pub(super) struct Manager<'a> {
    /// The name.
    pub(super) name: Cow<'a, str>,
    /// How it owns.
    pub(super) operation: Operation,
    /// The version it updated in; empty for one that applies, which has one entry whatever the version.
    pub(super) api_version: Cow<'a, str>,
    /// The subresource it went through.
    pub(super) subresource: Cow<'a, str>,
}

/// What a manager owns.
#[derive(Clone, Debug)]
pub(super) struct Owned<'a> {
    /// The version that the set is meant in.
    pub(super) api_version: Cow<'a, str>,
    /// When the set last changed, in whole seconds.
    pub(super) time: Option<Text>,
    /// The fields; read from their text once somebody asks for them.
    set: OnceCell<Set<'a>>,
    /// How they are stored, or have been before there were more of them.
    text: Option<&'a str>,
    /// Those that the text lacks.
    more: Set<'a>,
}

/// Every manager of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managed<'a>(pub(super) ByManager<'a>);

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow, default)]
    pub(super) api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) fields_type: Cow<'a, str>,
    /// Nothing where they were not read.
    #[serde(borrow, default, rename = "fieldsV1")]
    pub(super) fields: Option<Fields<'a>>,
    #[serde(borrow, default)]
    pub(super) manager: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) operation: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) subresource: Cow<'a, str>,
    #[serde(default)]
    pub(super) time: Option<Text>,
    /// The text of the fields.
    #[serde(skip)]
    pub(super) text: Option<&'a str>,
}

impl<'a> Manager<'a> {
    /// The entry of a manager that writes in a version.
    pub(super) fn new(
        name: impl Into<Cow<'a, str>>,
        operation: Operation,
        api_version: Cow<'a, str>,
        subresource: impl Into<Cow<'a, str>>,
    ) -> Self {
        let api_version = if operation == Operation::Apply { "".into() } else { api_version };
        Manager { name: name.into(), operation, api_version, subresource: subresource.into() }
    }
}

impl<'a> Owned<'a> {
    /// What is owned in a version.
    pub(super) fn new(api_version: impl Into<Cow<'a, str>>, set: Set<'a>) -> Self {
        Owned {
            api_version: api_version.into(),
            time: None,
            set: set.into(),
            text: None,
            more: Set::default(),
        }
    }

    /// The fields.
    pub(super) fn set(&self) -> &Set<'a> {
        self.set.get_or_init(|| {
            let mut set = self.text.and_then(written::set).unwrap_or_default();
            set.unite(self.more.clone());
            set
        })
    }

    /// The fields, to be changed.
    pub(super) fn set_mut(&mut self) -> &mut Set<'a> {
        self.set();
        self.text = None;
        self.set.get_mut().expect("it has just been read")
    }

    /// Adds the fields of a set.
    pub(super) fn add(&mut self, set: Set<'a>) {
        match self.unread() {
            _ if set.is_empty() => {}
            Some(text) if written::hold(text, &set) => {}
            Some(_) => self.more.unite(set),
            None if self.set().covers(&set) => {}
            None => self.set_mut().unite(set),
        }
    }

    /// Removes the fields of a set.
    pub(super) fn lose(&mut self, set: &Set<'_>) {
        if self.meets(set) {
            self.set_mut().subtract(set);
        }
    }

    /// Whether a set holds one of the fields.
    pub(super) fn meets(&self, set: &Set<'_>) -> bool {
        let told = self.unread().filter(|_| self.more.is_empty()).and_then(|text| written::meet(text, set));
        told.unwrap_or_else(|| self.set().meets(set))
    }

    /// How they are stored, if they were not read.
    fn unread(&self) -> Option<&'a str> {
        self.text.filter(|_| self.set.get().is_none())
    }

    fn is_empty(&self) -> bool {
        match self.unread() {
            Some(text) => text == "{}" && self.more.is_empty(),
            None => self.set().is_empty(),
        }
    }

    fn write(&self, out: &mut String) {
        if self.text.is_none_or(|text| written::unite(text, &self.more, out).is_none()) {
            codec::encode(self.set(), out);
        }
    }
}

/// How it is stored makes no difference.
impl PartialEq for Owned<'_> {
    fn eq(&self, other: &Self) -> bool {
        (&self.api_version, &self.time, self.set()) == (&other.api_version, &other.time, other.set())
    }
}

impl<'a> Managed<'a> {
    /// Reads `managedFields`; `None` if an entry is malformed, or there is no list.
    pub(super) fn decode(list: &'a str) -> Option<Self> {
        let parse = || serde_json::from_str::<Vec<Entry<'a>>>(list).ok();
        Self::of(written::entries(list)).or_else(|| Self::of(parse()?.into_iter().map(Some)))
    }

    /// The same of those that are stored: the fields of most entries are never asked for, and so not read here.
    pub(super) fn decode_stored(list: &'a str) -> Option<Self> {
        Self::of(written::unread_entries(list)).or_else(|| Self::decode(list))
    }

    /// The same of those that a client sends, which are to be written in our own way.
    pub(super) fn decode_sent(list: &'a str) -> Option<Self> {
        let mut managed = Self::decode(list)?;
        managed.0.iter_mut().for_each(|(_, owned)| owned.text = None);
        Some(managed)
    }

    /// What entries say; `None` if one is malformed, or is none.
    pub(super) fn of(entries: impl Iterator<Item = Option<Entry<'a>>>) -> Option<Self> {
        entries.map(|entry| entry?.read()).collect::<Option<_>>().map(Managed)
    }

    /// Writes `managedFields`, in upstream's order.
    pub(super) fn write(self, out: &mut String) {
        let mut entries = self.0.into_vec();
        entries.sort_by(|(a, x), (b, y)| {
            let first = a.operation.cmp(&b.operation).then_with(|| x.time.cmp(&y.time));
            let second = || a.name.cmp(&b.name).then_with(|| x.api_version.cmp(&y.api_version));
            first.then_with(second).then_with(|| a.subresource.cmp(&b.subresource))
        });
        for (index, (manager, owned)) in entries.iter().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            let fields = |out: &mut String| owned.write(out);
            write(manager, &owned.api_version, fields, owned.time.as_deref(), out);
        }
        out.push(']');
    }

    /// Whether all managers but one own nothing of a set, in the version that the set is meant in.
    pub(super) fn are_others_clear_of(&self, set: &Set<'_>, one: &Manager<'_>, api_version: &str) -> bool {
        self.0
            .iter()
            .filter(|(manager, _)| *manager != one)
            .all(|(_, owned)| owned.api_version == api_version && !owned.meets(set))
    }

    /// Whether there is no manager.
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Drops managers that own nothing.
    pub(super) fn drop_idle(&mut self) {
        self.0.retain(|_, owned| !owned.is_empty());
    }

    /// Folds the managers that updated longest ago into one of each version, where there are too many.
    pub(super) fn fold(&mut self) {
        let is_updater = |manager: &&Manager<'_>| manager.operation == Operation::Update;
        if self.0.len() <= UPDATERS {
            return;
        }
        let managers = || self.0.iter().map(|(manager, _)| manager);
        let mut count = managers().filter(is_updater).count();
        if count <= UPDATERS {
            return;
        }
        let mut updaters: Vec<Manager<'a>> = managers().filter(is_updater).cloned().collect();
        let time = |manager: &Manager<'_>| self.0.get(manager).and_then(|owned| owned.time.as_deref());
        updaters.sort_by(|a, b| time(a).cmp(&time(b)).then_with(|| a.cmp(b)));
        let mut firsts: BTreeMap<Cow<'a, str>, Manager<'a>> = BTreeMap::new();
        for manager in updaters {
            if count <= UPDATERS {
                return;
            }
            let Some(first) = firsts.get(&manager.api_version) else {
                firsts.insert(manager.api_version.clone(), manager);
                continue;
            };
            let bucket = Manager::new(ANCIENT, Operation::Update, manager.api_version.clone(), "");
            if self.0.get(&bucket).is_none()
                && let Some(owned) = self.0.remove(first)
            {
                self.0.insert(bucket.clone(), owned);
            }
            let younger = self.0.remove(&manager);
            if let (Some(ancient), Some(mut younger)) = (self.0.get_mut(&bucket), younger) {
                ancient.set_mut().unite(std::mem::take(younger.set_mut()));
                ancient.time = younger.time;
            }
            count -= 1;
        }
    }
}

impl<'a> Entry<'a> {
    fn read(self) -> Option<(Manager<'a>, Owned<'a>)> {
        let operation = match &*self.operation {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        if self.api_version.is_empty() || self.fields_type != "FieldsV1" {
            return None;
        }
        let manager = Manager::new(self.manager, operation, self.api_version.clone(), self.subresource);
        let time = self.time.filter(|time| !time.is_empty());
        let (set, text) = (self.fields.map_or_else(OnceCell::new, |fields| fields.0.into()), self.text);
        Some((manager, Owned { api_version: self.api_version, time, set, text, more: Set::default() }))
    }
}

/// Writes `managedFields` with one entry, whose fields somebody else writes.
pub(super) fn alone(manager: &Manager<'_>, time: &str, fields: impl FnOnce(&mut String), out: &mut String) {
    out.push('[');
    write(manager, &manager.api_version, fields, Some(time), out);
    out.push(']');
}

/// Writes an entry, its parts ordered by name.
fn write(
    manager: &Manager<'_>,
    api_version: &str,
    fields: impl FnOnce(&mut String),
    time: Option<&str>,
    out: &mut String,
) {
    let operation = match manager.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    out.push_str("{\"apiVersion\":");
    quote(api_version, out);
    out.push_str(",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
    fields(out);
    out.push_str(",\"manager\":");
    quote(&manager.name, out);
    out.extend([",\"operation\":\"", operation, "\""]);
    if !manager.subresource.is_empty() {
        out.push_str(",\"subresource\":");
        quote(&manager.subresource, out);
    }
    if let Some(time) = time {
        out.push_str(",\"time\":");
        quote(time, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn updater(name: &str, time: &str, field: &str) -> Value {
        let fields = json!({format!("f:{field}"): {}});
        json!({
            "manager": name, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": fields
        })
    }

    fn written(managed: Managed<'_>) -> String {
        let mut text = String::new();
        managed.write(&mut text);
        text
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
        let given = given.to_string();
        let written = written(Managed::decode(&given).unwrap());
        assert_eq!(written, json!([applier, timeless, early, late]).to_string());
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
            assert_eq!(Managed::decode(&json!([good, entry]).to_string()), None, "{field}");
        }
        assert_eq!(Managed::decode("null"), None);
    }

    #[test]
    fn the_eleventh_updater_folds_the_two_oldest() {
        let entries = (0..11)
            .map(|n| updater(&format!("u{n:02}"), &format!("2026-01-01T00:00:{n:02}Z"), &format!("x{n}")));
        let entries = entries.collect::<Value>().to_string();
        let mut managed = Managed::decode(&entries).unwrap();
        managed.fold();
        let written: Value = serde_json::from_str(&written(managed)).unwrap();
        let names: Vec<&str> =
            written.as_array().unwrap().iter().filter_map(|entry| entry["manager"].as_str()).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(names[..2], [ANCIENT, "u02"]);
        assert_eq!(written[0]["fieldsV1"], json!({"f:x0": {}, "f:x1": {}}));
        assert_eq!(written[0]["time"], "2026-01-01T00:00:01Z");
    }
}
