//! Lists the resources of one version of a group.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use steersman_core::tree::{Map, Value, json};

use super::groups::Version;
use crate::registry::{Served, View};
use crate::tables::Subresource;

/// An `APIResourceList`.
pub(crate) fn list(group: &str, version: &Version) -> Value {
    let resources: Vec<Value> = version.rows.iter().flat_map(|row| entries(row)).collect();
    if group.is_empty() {
        return json!({"kind": "APIResourceList", "groupVersion": version.name, "resources": resources});
    }
    let group_version = format!("{group}/{}", version.name);
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

/// The subresources in the order in which they are listed.
pub(super) fn subresources(row: &Served) -> Vec<&Subresource> {
    let mut all: Vec<&Subresource> = row.names.subresources.iter().collect();
    if row.custom {
        // Upstream lists the status of a custom resource before its scale.
        all.sort_by_key(|one| one.name != "status");
    }
    all
}

fn entries(row: &Served) -> Vec<Value> {
    let subresources = subresources(row).into_iter().map(|one| subresource(row, one));
    std::iter::once(resource(row)).chain(subresources).collect()
}

fn resource(row: &Served) -> Value {
    let names = &row.names;
    let mut entry = json!({
        "name": row.resource().resource,
        "singularName": names.singular,
        "namespaced": row.is_namespaced(),
        "kind": row.kind.kind,
        "verbs": row.api().verbs,
    });
    let extras = [("shortNames", &names.short_names), ("categories", &names.categories)];
    for (key, words) in extras.into_iter().filter(|(_, words)| !words.is_empty()) {
        entry[key] = words.clone().into();
    }
    if row.api().serves("create") && row.collection.is_some() {
        entry["storageVersionHash"] = storage_version_hash(row).into();
    }
    entry
}

fn subresource(row: &Served, one: &Subresource) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), format!("{}/{}", row.resource().resource, one.name).into());
    entry.insert("singularName".to_owned(), "".into());
    entry.insert("namespaced".to_owned(), row.is_namespaced().into());
    if (&one.kind.group, &one.kind.version) != (&row.kind.group, &row.kind.version) {
        entry.insert("group".to_owned(), one.kind.group.as_ref().into());
        entry.insert("version".to_owned(), one.kind.version.as_ref().into());
    }
    entry.insert("kind".to_owned(), one.kind.kind.as_ref().into());
    entry.insert("verbs".to_owned(), one.verbs.clone().into());
    entry.into()
}

/// Kinds that upstream still stores in an older version. Nobody sees which, but by this hash.
const STORED_OLDER: [&str; 3] =
    ["CustomResourceDefinition", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"];

/// Tells clients whether objects are stored in another version than they were.
fn storage_version_hash(row: &Served) -> String {
    let stored = match &row.view {
        View::Same if !row.custom && STORED_OLDER.contains(&&*row.kind.kind) => {
            format!("{}/v1beta1", row.kind.group)
        }
        View::Same => row.kind.api_version(),
        View::Events => "v1".to_owned(),
        View::Autoscaler => "autoscaling/v2".to_owned(),
        View::Version { stored } => stored.clone(),
        View::Converted(conversion) => conversion.stored.clone(),
    };
    // The core group's name is empty, and its separator stays.
    let slash = if stored.contains('/') { "" } else { "/" };
    let digest = Sha256::digest(format!("{slash}{stored}/{}", row.kind.kind));
    BASE64_STANDARD.encode(&digest[..8])
}
