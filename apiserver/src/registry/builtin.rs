//! The rows of the built-in resources, from the API tables and the list of strategies.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use steersman_core::resource::{GroupResource, GroupVersionKind};

use super::{Served, View};
use crate::strategy::{Strategies, Strategy};
use crate::subresource::Scale;
use crate::tables::{self, Tables};
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
const VIEWS: &[(&str, &str, View)] = &[("events.k8s.io", "events", View::Events)];

/// Kinds that upstream warns of.
const DEPRECATED: &[(&str, &str, &str)] = &[
    ("", "ComponentStatus", "v1 ComponentStatus is deprecated in v1.19+"),
    ("", "Endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
];

/// Versions of a stored resource that would need a conversion which does not exist yet.
const UNSUPPORTED: &[(&str, &str, &str)] = &[("autoscaling", "v1", "horizontalpodautoscalers")];

/// Every row, by resource, the preferred version first.
pub(crate) fn builtin(
    tables: &Tables,
    strategies: &Strategies,
    extra: &BTreeMap<(String, String), Arc<dyn Strategy>>,
) -> BTreeMap<GroupResource, Vec<Arc<Served>>> {
    let mut collections: BTreeMap<String, Arc<Collection>> = BTreeMap::new();
    let mut rows: BTreeMap<GroupResource, Vec<Arc<Served>>> = BTreeMap::new();
    for names in tables.served().filter(|row| is_supported(row)) {
        let kind = names.resource.gvk();
        let Some(schema) = tables.schema(&kind) else { continue };
        let own = extra.get(&(kind.group.to_string(), kind.kind.to_string()));
        let strategy = own.unwrap_or_else(|| strategies.of(&stored_kind(&kind))).clone();
        let collection = names.resource.serves("get").then(|| {
            let prefix = prefix(&names.resource.resource.group, &names.resource.resource.resource);
            let new = || Arc::new(Collection::new(prefix.clone(), strategy.clone()));
            collections.entry(prefix.clone()).or_insert_with(new).clone()
        });
        let resource = names.resource.resource.group_resource();
        let view = view(&resource);
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
            blank: OnceLock::new(),
        };
        rows.entry(resource).or_default().push(Arc::new(row));
    }
    rows
}

fn is_supported(row: &tables::Row) -> bool {
    let at = &row.resource.resource;
    !UNSUPPORTED.iter().any(|(group, version, resource)| {
        *group == at.group && *version == at.version && *resource == at.resource
    })
}

/// What whoever uses a kind is warned of.
fn deprecation(kind: &GroupVersionKind) -> Option<String> {
    let row = DEPRECATED.iter().find(|row| row.0 == kind.group && row.1 == kind.kind);
    row.map(|row| row.2.to_owned())
}

fn view(resource: &GroupResource) -> View {
    let row = VIEWS.iter().find(|(group, name, _)| *group == resource.group && *name == resource.resource);
    row.map_or(View::Same, |(_, _, view)| view.clone())
}

/// The rules of an object are those of the kind it is stored as.
fn stored_kind(kind: &GroupVersionKind) -> GroupVersionKind {
    match (kind.group.as_ref(), kind.kind.as_ref()) {
        ("events.k8s.io", "Event") => GroupVersionKind::new("", "v1", "Event"),
        _ => kind.clone(),
    }
}

fn prefix(group: &str, resource: &str) -> String {
    let row = PREFIXES.iter().find(|row| row.0 == group && row.1 == resource);
    format!("{REGISTRY}{}/", row.map_or(resource, |row| row.2))
}
