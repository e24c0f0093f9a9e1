//! The built-in resources: one row each, from the distilled API tables.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use steersman_core::resource::{ApiResource, GroupVersionKind, GroupVersionResource, Scope};

use crate::schema::{Document, Schema};

const TABLE: &str = include_str!("../data/resources.json");

/// The alpha versions that can be served; the rules of their kinds are known.
const ON_REQUEST: [&str; 1] = ["scheduling.k8s.io/v1alpha2"];

/// What is known of the built-in resources and kinds; the server owns one.
///
/// Reading it costs a fraction of a millisecond: the rows are read at once, a kind's types when they are first needed.
#[derive(Debug)]
pub struct Tables {
    rows: Vec<Row>,
    types: Arc<Document>,
    /// The versions that are served though they are not stable.
    asked_for: BTreeSet<String>,
}

/// A resource that a server serves.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// What discovery tells of it.
    pub resource: ApiResource,
    /// The name of one object: `pod`.
    pub singular: String,
    /// Abbreviations: `po`.
    pub short_names: Vec<String>,
    /// The categories it belongs to: `all`.
    pub categories: Vec<String>,
    /// Its subresources, ordered by name.
    pub subresources: Vec<Subresource>,
}

/// A subresource of a resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Subresource {
    /// The last step of the path: `status`.
    pub name: String,
    /// The kind of its body: that of the object itself, `autoscaling/v1, Kind=Scale`, …
    pub kind: GroupVersionKind,
    /// The verbs it serves.
    pub verbs: Vec<String>,
}

/// A row as the table has it, whose text lives as long as the program.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowData<'a> {
    group: &'a str,
    version: &'a str,
    resource: &'a str,
    kind: &'a str,
    singular: String,
    scope: ScopeName,
    verbs: Vec<&'a str>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default, borrow)]
    subresources: Vec<SubresourceData<'a>>,
}

#[derive(Deserialize)]
enum ScopeName {
    Cluster,
    Namespaced,
}

#[derive(Deserialize)]
struct SubresourceData<'a> {
    name: &'a str,
    kind: &'a str,
    verbs: Vec<String>,
}

impl Tables {
    /// Reads the rows, and finds the types without reading them.
    pub fn load() -> Self {
        let rows: Vec<RowData<'static>> =
            serde_json::from_str(TABLE).expect("the checked-in table is well formed");
        let rows = rows.into_iter().map(Row::from).collect();
        Tables { rows, types: Arc::new(Document::builtin()), asked_for: BTreeSet::new() }
    }

    /// The resources that are served: those of stable versions, and those of versions that were [asked
    /// for](Tables::serve).
    pub fn served(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| {
            let resource = &row.resource.resource;
            is_stable(&resource.version) || self.asked_for.contains(&resource.api_version())
        })
    }

    /// Has the resources of an alpha version served, too; `false` if this version cannot be.
    pub fn serve(&mut self, api_version: &str) -> bool {
        let known = ON_REQUEST.iter().find(|known| **known == api_version);
        self.asked_for.extend(known.map(|known| (*known).to_owned()));
        known.is_some()
    }

    /// Every built-in resource, those of alpha and beta versions too.
    pub fn all(&self) -> &[Row] {
        &self.rows
    }

    /// The schema of a built-in kind, of a list or an options type too; `None` if there is no such kind. What every
    /// group has (options, statuses) is found under any group and version.
    pub fn schema(&self, kind: &GroupVersionKind) -> Option<Schema> {
        let shared = || GroupVersionKind::new("meta", "v1", kind.kind.clone());
        Schema::builtin(&self.types, kind).or_else(|| Schema::builtin(&self.types, &shared()))
    }

    /// The built-in types, for schemas that build upon them.
    pub(crate) fn types(&self) -> &Arc<Document> {
        &self.types
    }
}

fn is_stable(version: &str) -> bool {
    version.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

impl From<RowData<'static>> for Row {
    fn from(row: RowData<'static>) -> Self {
        let own = GroupVersionKind::new(row.group, row.version, row.kind);
        let names_of_subresources = row.subresources.iter().map(|one| Cow::Borrowed(one.name));
        Row {
            resource: ApiResource {
                resource: GroupVersionResource::new(row.group, row.version, row.resource),
                kind: Cow::Borrowed(row.kind),
                scope: match row.scope {
                    ScopeName::Cluster => Scope::Cluster,
                    ScopeName::Namespaced => Scope::Namespaced,
                },
                verbs: row.verbs.into_iter().map(Cow::Borrowed).collect(),
                subresources: names_of_subresources.collect(),
            },
            singular: row.singular,
            short_names: row.short_names,
            categories: row.categories,
            subresources: row.subresources.into_iter().map(|one| one.of(&own)).collect(),
        }
    }
}

impl SubresourceData<'static> {
    /// The kind is written as `autoscaling/v1/Scale`, or without group and version if they are the resource's own.
    fn of(self, own: &GroupVersionKind) -> Subresource {
        let kind = match self.kind.rsplit_once('/') {
            Some((api_version, kind)) => {
                let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
                GroupVersionKind::new(group, version, kind)
            }
            None => GroupVersionKind { kind: self.kind.into(), ..own.clone() },
        };
        Subresource { name: self.name.to_owned(), kind, verbs: self.verbs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_schema() {
        let tables = Tables::load();
        for row in tables.all() {
            assert!(tables.schema(&row.resource.gvk()).is_some(), "{}", row.resource.gvk());
            for subresource in row.subresources.iter().filter(|one| !one.kind.kind.ends_with("Options")) {
                assert!(tables.schema(&subresource.kind).is_some(), "{}", subresource.kind);
            }
        }
    }

    #[test]
    fn every_type_of_the_table_can_be_read() {
        let document = Document::builtin();
        assert!(document.read_all() > 700);
    }

    #[test]
    fn only_stable_versions_are_served() {
        let tables = Tables::load();
        assert!(tables.served().all(|row| !row.resource.resource.version.contains("beta")));
        assert!(tables.served().any(|row| row.resource.resource.version == "v2"));
    }

    #[test]
    fn an_alpha_version_is_served_where_it_is_asked_for_and_has_rules() {
        let mut tables = Tables::load();
        let is_served = |tables: &Tables| tables.served().any(|row| row.resource.kind == "PodGroup");
        assert!(!is_served(&tables) && !tables.serve("coordination.k8s.io/v1alpha2"));
        assert!(tables.serve("scheduling.k8s.io/v1alpha2") && is_served(&tables));
    }

    #[test]
    fn a_subresource_has_the_kind_of_its_body() {
        let tables = Tables::load();
        let row = tables.served().find(|row| row.resource.resource.resource == "deployments").unwrap();
        let kinds: Vec<String> = row.subresources.iter().map(|one| one.kind.to_string()).collect();
        assert_eq!(kinds, ["autoscaling/v1, Kind=Scale", "apps/v1, Kind=Deployment"]);
        assert_eq!(row.short_names, ["deploy"]);
    }
}
