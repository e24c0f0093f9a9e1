//! Everything that discovery tells in one document; upstream's `apidiscovery.k8s.io/v2`.

use steersman_core::resource::{GroupVersionKind, Scope};
use steersman_core::tree::{Value, json};

use super::groups::{Group, Version};
use super::resources::subresources;
use crate::registry::Served;

/// An `APIGroupDiscoveryList` of these groups.
pub(super) fn of(groups: &[&Group]) -> Value {
    let items: Vec<Value> = groups.iter().map(|one| group(one)).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(group: &Group) -> Value {
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    // The core group has no name.
    let metadata = if group.name.is_empty() { json!({}) } else { json!({"name": group.name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn version(version: &Version) -> Value {
    let resources: Vec<Value> = version.rows.iter().map(|row| resource(row)).collect();
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn resource(row: &Served) -> Value {
    let names = &row.names;
    let mut entry = json!({
        "resource": row.resource().resource,
        "responseKind": kind(&row.kind),
        "scope": match names.resource.scope {
            Scope::Cluster => "Cluster",
            Scope::Namespaced => "Namespaced",
        },
        "singularResource": names.singular,
        "verbs": row.api().verbs,
    });
    let extras = [("shortNames", &names.short_names), ("categories", &names.categories)];
    for (key, words) in extras.into_iter().filter(|(_, words)| !words.is_empty()) {
        entry[key] = words.clone().into();
    }
    let below = subresources(row)
        .into_iter()
        .map(|one| json!({"subresource": one.name, "responseKind": kind(&one.kind), "verbs": one.verbs}));
    let below: Vec<Value> = below.collect();
    if !below.is_empty() {
        entry["subresources"] = below.into();
    }
    entry
}

fn kind(kind: &GroupVersionKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}
