//! The rows of custom resources, from what their definitions compile to.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use steersman_core::resource::{Resource, Scope, scope_of};
use steersman_core::tree::{Value, json};

use super::{Served, View};
use crate::crd::{Conversion, Convert, Version};
use crate::strategy::Strategy;
use crate::subresource::Scale;
use crate::watch_cache::{Collection, REGISTRY};

/// What a definition does not say is what upstream does for all custom resources.
struct Custom {
    selectable: Vec<String>,
}

impl Strategy for Custom {
    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let finalizers = |tree: &Value| -> BTreeSet<String> {
            let list = tree["metadata"]["finalizers"].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let known = old.map(finalizers).unwrap_or_default();
        let bare = finalizers(object).into_iter().filter(|name| !known.contains(name) && !name.contains('/'));
        bare.map(|name| {
            format!(
                "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name to avoid accidental conflicts with \
                 other finalizer writers"
            )
        })
        .collect()
    }

    fn selectable_paths(&self) -> &[String] {
        &self.selectable
    }
}

/// The rules of the objects of one definition, in whichever version.
pub(crate) fn strategy(versions: &[Version]) -> Arc<dyn Strategy> {
    Arc::new(Custom { selectable: selectable(versions) })
}

/// The fields that any of the versions can be selected by, in the order in which the cache holds their values.
fn selectable(versions: &[Version]) -> Vec<String> {
    let mut fields: Vec<String> = versions
        .iter()
        .flat_map(|version| &version.selectable_fields)
        .map(|path| bare(path).to_owned())
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

fn bare(path: &str) -> &str {
    path.strip_prefix('.').unwrap_or(path)
}

/// Where the objects of a definition are stored.
pub(crate) fn prefix(group: &str, plural: &str) -> String {
    format!("{REGISTRY}{group}/{plural}/")
}

/// The rows of the versions of one definition, over one collection; the storage version first.
pub(crate) fn custom(
    versions: Vec<Version>,
    converter: Option<&Convert>,
    collection: &Arc<Collection>,
) -> Vec<Arc<Served>> {
    let selectable = selectable(&versions);
    let mut rows: Vec<Arc<Served>> = versions
        .into_iter()
        .map(|version| Arc::new(row(version, &selectable, converter.cloned(), collection.clone())))
        .collect();
    rows.sort_by_key(|row| !row.is_storage_version());
    rows
}

fn row(
    version: Version,
    selectable: &[String],
    converter: Option<Convert>,
    collection: Arc<Collection>,
) -> Served {
    let own = |field: &&String| version.selectable_fields.iter().any(|path| bare(path) == **field);
    let selectable =
        selectable.iter().map(|field| Some(field).filter(own).cloned().unwrap_or_default()).collect();
    let kind = version.row.resource.gvk();
    let group = &version.row.resource.resource.group;
    let stored = format!("{group}/{}", version.storage_version);
    Served {
        kind,
        schema: version.schema,
        strategy: Arc::new(Custom { selectable }),
        collection: Some(collection),
        view: match (version.is_one_of_several, converter) {
            (false, _) => View::Same,
            (true, None) => View::Version { stored },
            (true, Some(by)) => View::Converted(Conversion { stored, by }),
        },
        defaults_on_read: version.defaults_on_read,
        custom: true,
        columns: version.columns,
        list_kind: version.list_kind,
        deprecation: version.deprecation,
        scale: version.scale.map(|paths| Scale::custom(&paths)),
        blank: OnceLock::new(),
        stored_blank: OnceLock::new(),
        blank_spec: OnceLock::new(),
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
