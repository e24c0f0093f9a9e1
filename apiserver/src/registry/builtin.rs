//! The rows of the built-in resources, from the API tables and the list of strategies.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource};

use super::{Served, View};
use crate::strategy::{Strategies, Strategy};
use crate::subresource::Scale;
use crate::tables::Tables;
use crate::watch_cache::{Collection, REGISTRY};

/// Resources whose keys do not begin with their name, as upstream stores them.
const PREFIXES: &[(&str, &str, &str)] = &[
    ("", "endpoints", "services/endpoints"),
    ("", "nodes", "minions"),
    ("", "replicationcontrollers", "controllers"),
    ("", "services", "services/specs"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "apiextensions.k8s.io/customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices", "apiregistration.k8s.io/apiservices"),
    ("networking.k8s.io", "ingresses", "ingress"),
];

/// Versions that are shown of objects stored in another version.
const VIEWS: &[(&str, &str, &str, View)] = &[
    ("events.k8s.io", "v1", "events", View::Events),
    ("autoscaling", "v1", "horizontalpodautoscalers", View::Autoscaler),
];

/// Kinds that upstream warns of.
const DEPRECATED: &[(&str, &str, &str)] = &[
    ("", "ComponentStatus", "v1 ComponentStatus is deprecated in v1.19+"),
    ("", "Endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
];

/// Every row, by resource, the preferred version first.
pub(crate) fn builtin(
    tables: &Tables,
    strategies: &Strategies,
    extra: &BTreeMap<(String, String), Arc<dyn Strategy>>,
) -> BTreeMap<GroupResource, Vec<Arc<Served>>> {
    let mut collections: BTreeMap<String, Arc<Collection>> = BTreeMap::new();
    let mut rows: BTreeMap<GroupResource, Vec<Arc<Served>>> = BTreeMap::new();
    for names in tables.served() {
        let kind = names.resource.gvk();
        let Some(schema) = tables.schema(&kind) else { continue };
        let own = extra.get(&(kind.group.to_string(), kind.kind.to_string()));
        let strategy = own.unwrap_or_else(|| strategies.of(&kind)).clone();
        let collection = names.resource.serves("get").then(|| {
            let prefix = prefix(&names.resource.resource.group, &names.resource.resource.resource);
            let new = || Arc::new(Collection::new(prefix.clone(), strategy.clone()));
            collections.entry(prefix.clone()).or_insert_with(new).clone()
        });
        let resource = names.resource.resource.group_resource();
        let view = view(&names.resource.resource);
        let has_scale = names.subresources.iter().any(|one| one.name == "scale");
        let row = Served {
            list_kind: format!("{}List", kind.kind),
            deprecation: deprecation(&kind),
            scale: has_scale.then(Scale::workload),
            names: names.clone(),
            kind,
            schema,
            strategy,
            collection,
            view,
            custom: false,
            columns: Vec::new(),
            defaults_on_read: false,
            blank: OnceLock::new(),
            stored_blank: OnceLock::new(),
            blank_spec: OnceLock::new(),
        };
        rows.entry(resource).or_default().push(Arc::new(row));
    }
    rows
}

/// What whoever uses a kind is warned of.
fn deprecation(kind: &GroupVersionKind) -> Option<String> {
    let row = DEPRECATED.iter().find(|row| row.0 == kind.group && row.1 == kind.kind);
    row.map(|row| row.2.to_owned())
}

fn view(at: &GroupVersionResource) -> View {
    let row = VIEWS.iter().find(|row| (row.0, row.1, row.2) == (&*at.group, &*at.version, &*at.resource));
    row.map_or(View::Same, |row| row.3.clone())
}

fn prefix(group: &str, resource: &str) -> String {
    let row = PREFIXES.iter().find(|row| row.0 == group && row.1 == resource);
    format!("{REGISTRY}{}/", row.map_or(resource, |row| row.2))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use steersman_core::tree::Value;

    use super::*;
    use crate::strategy::ServiceRanges;

    /// One object a kind, in which every field is set.
    fn corpus() -> Vec<Value> {
        let mut text = String::new();
        let packed = include_bytes!("../../tests/wire.json.gz").as_slice();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("the corpus is whole");
        let cases: Vec<Value> = serde_json::from_str(&text).expect("the corpus has its form");
        cases.into_iter().map(|mut case| case["json"].take()).collect()
    }

    /// The object, and the same without each one of the fields of its spec.
    fn with_gaps(object: &Value) -> Vec<Value> {
        let fields = object["spec"].as_object();
        let gaps = fields.into_iter().flat_map(|fields| fields.keys()).map(|name| {
            let mut gap = object.clone();
            if let Some(fields) = gap["spec"].as_object_mut() {
                fields.remove(name);
            }
            gap
        });
        std::iter::once(object.clone()).chain(gaps).collect()
    }

    #[test]
    fn what_has_the_spec_and_labels_of_a_stored_object_is_completed_as_if_there_were_none() {
        let rows = builtin(&Tables::load(), &Strategies::new(&ServiceRanges::default()), &BTreeMap::new());
        let rows: Vec<_> = rows.into_values().flatten().collect();
        let mut seen = 0;
        for object in corpus() {
            let Some(row) = rows.iter().find(|row| {
                object["kind"] == *row.kind.kind && object["apiVersion"] == *row.kind.api_version()
            }) else {
                continue;
            };
            for sent in with_gaps(&object) {
                let stored = row.to_completed(sent, None).expect("the object can be stored");
                let mut again = stored.clone();
                again["metadata"]["annotations"] = Value::Null;
                again["status"] = Value::Null;
                let alone = row.to_completed(again.clone(), None).expect("the object can be stored");
                let beside = row.to_completed(again, Some(&stored)).expect("the object can be stored");
                assert_eq!(beside, alone, "{}", row.kind);
                seen += 1;
            }
        }
        assert!(seen > 300, "{seen} objects are too few");
    }
}
