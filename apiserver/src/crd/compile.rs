//! Compiles an established definition into what the server serves: a row and a schema for each version.

use std::borrow::Cow;

use steersman_core::resource::{ApiResource, GroupVersionKind, GroupVersionResource, Scope};
use steersman_core::tree::{List, Value};

use super::rules::condition;
use super::scale::ScalePaths;
use super::structural;
use crate::schema::Schema;
use crate::tables::{Row, Subresource, Tables};

/// One served version of a custom resource.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Version {
    /// What discovery tells of it, with its subresources.
    pub row: Row,
    /// The kind of its lists.
    pub list_kind: String,
    /// The shape and the rules of its objects.
    pub schema: Schema,
    /// The version that objects are stored in.
    pub storage_version: String,
    /// Whether objects may have been written before the schema had all of its defaults.
    pub defaults_on_read: bool,
    /// Whether objects may be stored in another version: there are several, or there were.
    pub is_one_of_several: bool,
    /// Where the scale subresource finds its values, if there is one.
    pub scale: Option<ScalePaths>,
    /// The fields that selectors may name besides name and namespace, as simple paths: `.spec.color`.
    pub selectable_fields: Vec<String>,
    /// The columns of its tables.
    pub columns: Vec<Column>,
    /// What whoever uses the version is warned of, if it is deprecated.
    pub deprecation: Option<String>,
}

/// A column of the table that a resource is printed as.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The heading.
    pub name: String,
    /// `integer`, `number`, `string`, `boolean` or `date`.
    pub kind: String,
    /// `name`, `date-time`, …; may be empty.
    pub format: String,
    /// What it shows.
    pub description: String,
    /// 0 is always shown, more only in wide tables.
    pub priority: i64,
    /// Where its value is: `.spec.replicas`.
    pub json_path: String,
}

/// The versions that a definition serves; none unless it is established.
pub fn compile(tables: &Tables, definition: &Value) -> Vec<Version> {
    if condition(definition, "Established").is_none_or(|one| one["status"] != "True") {
        return Vec::new();
    }
    let versions = definition["spec"]["versions"].as_array().map_or(&[][..], List::as_slice);
    let served = versions.iter().filter(|version| version["served"] == true);
    served.map(|version| compile_version(tables, definition, versions, version)).collect()
}

fn compile_version(tables: &Tables, definition: &Value, versions: &[Value], version: &Value) -> Version {
    let names = &definition["status"]["acceptedNames"];
    let stored = versions.iter().find(|one| one["storage"] == true).unwrap_or(version);
    let fields = version["selectableFields"].as_array().into_iter().flatten();
    Version {
        row: row(definition, version),
        list_kind: text(names, "listKind"),
        schema: Schema::custom(tables.types(), &version["schema"]["openAPIV3Schema"]),
        storage_version: text(stored, "name"),
        defaults_on_read: definition["metadata"]["generation"].as_i64().unwrap_or(2) > 1
            && has_defaults(&version["schema"]["openAPIV3Schema"]),
        is_one_of_several: versions.len() > 1
            || definition["status"]["storedVersions"].as_array().is_some_and(|stored| stored.len() > 1),
        scale: ScalePaths::of(version),
        selectable_fields: fields.map(|field| text(field, "jsonPath")).collect(),
        columns: version["additionalPrinterColumns"].as_array().into_iter().flatten().map(column).collect(),
        deprecation: deprecation(definition, versions, version),
    }
}

fn has_defaults(schema: &Value) -> bool {
    !schema["default"].is_null() || structural::children(schema).any(|(_, _, child)| has_defaults(child))
}

fn row(definition: &Value, version: &Value) -> Row {
    const VERBS: [&str; 8] =
        ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    let (spec, names) = (&definition["spec"], &definition["status"]["acceptedNames"]);
    let (group, version_name) = (text(spec, "group"), text(version, "name"));
    let kind = GroupVersionKind::new(group.clone(), version_name.clone(), text(names, "kind"));
    let subresources = subresources(version, &kind);
    Row {
        resource: ApiResource {
            resource: GroupVersionResource::new(group, version_name, text(names, "plural")),
            kind: kind.kind.clone(),
            scope: if spec["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced },
            verbs: VERBS.map(Cow::Borrowed).to_vec().into(),
            subresources: subresources.iter().map(|one| one.name.clone().into()).collect::<Vec<_>>().into(),
        },
        singular: text(names, "singular"),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        subresources,
    }
}

fn subresources(version: &Value, kind: &GroupVersionKind) -> Vec<Subresource> {
    let scale = GroupVersionKind::new("autoscaling", "v1", "Scale");
    [("scale", scale), ("status", kind.clone())]
        .into_iter()
        .filter(|(name, _)| version["subresources"][*name].is_object())
        .map(|(name, kind)| Subresource {
            name: name.to_owned(),
            kind,
            verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
        })
        .collect()
}

/// What is warned of: the definition's own words, or the newest version that is served and not deprecated.
fn deprecation(definition: &Value, versions: &[Value], version: &Value) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    if let Some(own) = version["deprecationWarning"].as_str() {
        return Some(own.to_owned());
    }
    let group = text(&definition["spec"], "group");
    let kind = text(&definition["status"]["acceptedNames"], "kind");
    let name = text(version, "name");
    let others = versions.iter().filter(|one| one["served"] == true && one["deprecated"] != true);
    let newest = others.map(|one| text(one, "name")).max_by_key(|name| priority(name));
    let newer = newest.filter(|newest| priority(newest) > priority(&name));
    let hint = newer.map_or_else(String::new, |newer| format!("; use {group}/{newer} {kind}"));
    Some(format!("{group}/{name} {kind} is deprecated{hint}"))
}

/// How versions are ordered: stable ones above beta above alpha, higher numbers above lower ones, all else below.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let parse = |text: &str| text.parse::<u32>().unwrap_or(0);
    for (word, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return (rank, parse(major), parse(minor));
        }
    }
    rest.parse().map_or((0, 0, 0), |major| (3, major, 0))
}

fn column(column: &Value) -> Column {
    Column {
        name: text(column, "name"),
        kind: text(column, "type"),
        format: text(column, "format"),
        description: text(column, "description"),
        priority: column["priority"].as_i64().unwrap_or_default(),
        json_path: text(column, "jsonPath"),
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
