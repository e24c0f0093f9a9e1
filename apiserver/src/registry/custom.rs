//! The rows of custom resources, from what their definitions compile to.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use steersman_core::resource::{Resource, Scope, scope_of};

use super::{Served, View};
use crate::crd::Version;
use crate::strategy::Strategy;
use crate::subresource::Scale;
use crate::watch_cache::{Collection, REGISTRY};

/// What a definition does not say is what upstream does for all custom resources.
struct Custom;

impl Strategy for Custom {
    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// The rules that all custom resources share.
pub(crate) fn strategy() -> Arc<dyn Strategy> {
    Arc::new(Custom)
}

/// Where the objects of a definition are stored.
pub(crate) fn prefix(group: &str, plural: &str) -> String {
    format!("{REGISTRY}{group}/{plural}/")
}

/// The rows of the versions of one definition, over one collection; the storage version first.
pub(crate) fn custom(versions: Vec<Version>, collection: &Arc<Collection>) -> Vec<Arc<Served>> {
    let several = versions.len() > 1;
    let mut rows: Vec<Arc<Served>> =
        versions.into_iter().map(|version| Arc::new(row(version, several, collection.clone()))).collect();
    rows.sort_by_key(|row| !row.is_storage_version());
    rows
}

fn row(version: Version, several: bool, collection: Arc<Collection>) -> Served {
    let kind = version.row.resource.gvk();
    let group = &version.row.resource.resource.group;
    let stored = format!("{group}/{}", version.storage_version);
    Served {
        kind,
        schema: version.schema,
        strategy: strategy(),
        collection: Some(collection),
        view: if several { View::Version { stored } } else { View::Same },
        custom: true,
        columns: version.columns,
        list_kind: version.list_kind,
        deprecation: version.deprecation,
        scale: version.scale.map(|paths| Scale::custom(&paths)),
        blank: OnceLock::new(),
        names: version.row,
    }
}

/// The definition that a Rust type amounts to: any fields, and a status of its own.
pub(crate) fn definition_of<K: Resource>() -> Value
where
    K::Scope: 'static,
{
    let singular = K::KIND.to_lowercase();
    let names = json!({
        "plural": K::URL_PATH_SEGMENT, "singular": singular, "kind": K::KIND, "listKind": format!("{}List", K::KIND),
    });
    let scope = if scope_of::<K>() == Scope::Cluster { "Cluster" } else { "Namespaced" };
    json!({
        "metadata": {"name": format!("{}.{}", K::URL_PATH_SEGMENT, K::GROUP)},
        "spec": {
            "group": K::GROUP, "scope": scope, "names": names,
            "versions": [{
                "name": K::VERSION, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
        "status": {"acceptedNames": names, "conditions": [{"type": "Established", "status": "True"}]},
    })
}
