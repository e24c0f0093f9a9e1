//! Orders what is served by group and version, the way clients are to prefer it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::tree::{Value, json};

use crate::crd;
use crate::registry::{Rows, Served};
use crate::tables::Tables;

/// The groups, in upstream's order of preference: the built-in ones, then those of custom resources by name.
pub(crate) struct Groups(Vec<Group>);

/// A group and its versions, the preferred one first.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) versions: Vec<Version>,
}

/// A version of a group and its resources by name.
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) rows: Vec<Arc<Served>>,
}

impl Groups {
    /// The groups of these rows.
    pub(crate) fn of(tables: &Tables, rows: &Rows) -> Self {
        let mut order: Vec<&str> = Vec::new();
        for row in tables.all() {
            if !order.contains(&&*row.resource.resource.group) {
                order.push(&row.resource.resource.group);
            }
        }
        let mut found: BTreeMap<&str, BTreeMap<&str, Vec<Arc<Served>>>> = BTreeMap::new();
        for row in rows.all() {
            let versions = found.entry(&row.kind.group).or_default();
            versions.entry(&row.kind.version).or_default().push(row.clone());
        }
        let mut groups: Vec<Group> = found.into_iter().map(Group::of).collect();
        let rank = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
        groups.sort_by_key(|group| rank(&group.name));
        Groups(groups)
    }

    /// The group of that name; the core group's is empty.
    pub(crate) fn find(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.name == name)
    }

    /// Every group.
    pub(crate) fn all(&self) -> &[Group] {
        &self.0
    }

    /// The core group alone.
    pub(crate) fn legacy(&self) -> Vec<&Group> {
        self.find("").into_iter().collect()
    }

    /// All but the core group.
    pub(crate) fn named(&self) -> Vec<&Group> {
        self.0.iter().filter(|group| !group.name.is_empty()).collect()
    }
}

impl Group {
    fn of((name, versions): (&str, BTreeMap<&str, Vec<Arc<Served>>>)) -> Self {
        let mut versions: Vec<Version> =
            versions.into_iter().map(|(name, rows)| Version { name: name.to_owned(), rows }).collect();
        versions.sort_by_key(|version| Reverse(crd::priority(&version.name)));
        Group { name: name.to_owned(), versions }
    }

    /// The version of that name.
    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// Whether only custom resources are in it.
    pub(crate) fn is_custom(&self) -> bool {
        self.versions.iter().all(|version| version.is_custom())
    }

    /// An `APIGroup`, which says what it is where it stands alone.
    pub(super) fn describe(&self, alone: bool) -> Value {
        let entry = |version: &Version| {
            let group_version = format!("{}/{}", self.name, version.name);
            json!({"groupVersion": group_version, "version": version.name})
        };
        let versions: Vec<Value> = self.versions.iter().map(entry).collect();
        let preferred = versions.first().cloned();
        let mut group = json!({"name": self.name, "versions": versions, "preferredVersion": preferred});
        if alone {
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
        }
        group
    }
}

impl Version {
    /// Whether only custom resources are in it.
    pub(crate) fn is_custom(&self) -> bool {
        self.rows.iter().all(|row| row.custom)
    }
}
