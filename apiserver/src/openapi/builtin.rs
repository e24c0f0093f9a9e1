//! Writes a built-in type as a schema.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use steersman_core::tree::{Map, Value, json};

use super::dialect::Dialect;
use super::docs::{Docs, FieldDoc};
use super::names;
use crate::schema;

/// The built-in types, with what is said of them.
pub(super) struct Builtin {
    lines: BTreeMap<&'static str, &'static str>,
    docs: Docs,
}

#[derive(Deserialize)]
struct TypeRow {
    #[serde(default)]
    fields: BTreeMap<String, FieldRow>,
    #[serde(default)]
    map: Option<String>,
    #[serde(default)]
    kind: Option<[String; 3]>,
    #[serde(default)]
    unions: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldRow {
    #[serde(rename = "type")]
    shape: String,
    #[serde(default)]
    presence: String,
    #[serde(default)]
    required: bool,
    /// The number of the field on the wire, or the numbers of what it is made of there.
    #[serde(default)]
    proto: Value,
    #[serde(default)]
    list: Option<String>,
    #[serde(default)]
    map: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    patch: Option<String>,
    #[serde(default)]
    merge_key: Option<String>,
}

impl Builtin {
    pub(super) fn load() -> Self {
        Builtin { lines: schema::table().collect(), docs: Docs::unpack() }
    }

    /// The schema of a type of the tables; `None` if there is none of that name. `group` and `version` are those of the
    /// document, which kinds of every group and version belong to.
    pub(super) fn schema(
        &self,
        name: &str,
        (group, version): (&str, &str),
        dialect: Dialect,
    ) -> Option<Value> {
        if let Some(schema) = scalar(name, dialect) {
            return Some(schema);
        }
        let row: TypeRow =
            serde_json::from_str(self.lines.get(name)?).expect("the checked-in table is well formed");
        let docs = self.docs.of(name);
        let mut schema = Map::new();
        if let Some(docs) = docs.filter(|docs| !docs.about.is_empty()) {
            schema.insert("description".to_owned(), docs.about.as_str().into());
        }
        schema.insert("type".to_owned(), "object".into());
        let required = required(name, &row.fields);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let none = FieldDoc::default();
        let doc = |field: &str| docs.and_then(|docs| docs.fields.get(field)).unwrap_or(&none);
        let is_known = docs.is_some();
        let properties: Map = row
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), property(field, doc(name), is_known, dialect)))
            .collect();
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if let Some([group, version, kind]) = &row.kind {
            schema.insert(KINDS.to_owned(), json!([{"group": group, "kind": kind, "version": version}]));
        } else if let Some(kind) = EVERYWHERE.iter().find(|kind| name == format!("meta.v1.{kind}")) {
            // They are kinds of the core group in every document.
            let mut here = vec![(String::new(), "v1".to_owned())];
            here.extend((!group.is_empty()).then(|| (group.to_owned(), version.to_owned())));
            // The older document tells of all groups at once.
            let places = if dialect == Dialect::V2 { self.group_versions() } else { here };
            let kinds = places
                .iter()
                .map(|(group, version)| json!({"group": group, "kind": kind, "version": version}));
            schema.insert(KINDS.to_owned(), kinds.collect());
        }
        if let Some(map) = &row.map {
            schema.insert("x-kubernetes-map-type".to_owned(), map.as_str().into());
        }
        if !row.unions.is_null() {
            schema.insert("x-kubernetes-unions".to_owned(), row.unions);
        }
        Some(schema.into())
    }
}

impl Builtin {
    /// Every group and version that there are kinds of, in order.
    fn group_versions(&self) -> Vec<(String, String)> {
        let kinds = self.lines.values().filter(|line| line.contains("\"kind\":["));
        let rows = kinds.filter_map(|line| serde_json::from_str::<TypeRow>(line).ok()?.kind);
        let found: BTreeSet<(String, String)> = rows.map(|[group, version, _]| (group, version)).collect();
        found.into_iter().collect()
    }
}

const KINDS: &str = "x-kubernetes-group-version-kind";

/// Kinds that belong to every group and version.
const EVERYWHERE: &[&str] = &["DeleteOptions", "WatchEvent"];

/// Required fields whose order is not that of their numbers on the wire.
const ORDERED: &[(&str, &[&str])] = &[
    ("meta.v1.APIResource", &["name", "singularName", "namespaced", "kind", "verbs"]),
    ("meta.v1.OwnerReference", &["apiVersion", "kind", "name", "uid"]),
    ("networking.v1.HTTPIngressPath", &["pathType", "backend"]),
    (
        "version.Info",
        &[
            "major",
            "minor",
            "gitVersion",
            "gitCommit",
            "gitTreeState",
            "buildDate",
            "goVersion",
            "compiler",
            "platform",
        ],
    ),
];

/// The required fields of a type, as its source declares them one after the other.
fn required<'a>(name: &str, fields: &'a BTreeMap<String, FieldRow>) -> Vec<&'a str> {
    let known = ORDERED.iter().find(|(kind, _)| *kind == name).map_or(&[][..], |(_, order)| *order);
    let mut required: Vec<_> = fields.iter().filter(|(_, field)| field.required).collect();
    required.sort_by_key(|(name, field)| {
        let number = field.proto.get(0).unwrap_or(&field.proto).as_u64();
        (known.iter().position(|one| *one == name.as_str()).unwrap_or(known.len()), number)
    });
    required.into_iter().map(|(name, _)| name.as_str()).collect()
}

/// The schema of a field; `is_known` if the sources' words on its type are.
fn property(field: &FieldRow, doc: &FieldDoc, is_known: bool, dialect: Dialect) -> Value {
    let mut schema = Map::new();
    if !doc.about.is_empty() {
        schema.insert("description".to_owned(), doc.about.as_str().into());
    }
    let default = if dialect == Dialect::V3 { default(field, doc) } else { None };
    // A reference stands alone where nothing else is said of the field.
    let is_bare = is_known && doc.about.is_empty() && default.is_none();
    value(&field.shape, &mut schema, !is_bare, dialect);
    if !doc.values.is_empty() {
        let at = if schema.contains_key("items") {
            schema.get_mut("items").and_then(Value::as_object_mut)
        } else {
            Some(&mut schema)
        };
        if let Some(at) = at {
            at.insert("enum".to_owned(), json!(doc.values));
        }
    }
    schema.extend(default.map(|default| ("default".to_owned(), default)));
    let mut extend = |name: &str, value: Option<Value>| {
        schema.extend(value.map(|value| (format!("x-kubernetes-{name}"), value)));
    };
    extend("list-type", field.list.clone().map(Value::from));
    extend("list-map-keys", (!field.keys.is_empty()).then(|| json!(field.keys)));
    extend("map-type", field.map.clone().map(Value::from));
    extend("patch-strategy", field.patch.clone().map(Value::from));
    extend("patch-merge-key", field.merge_key.clone().map(Value::from));
    schema.into()
}

/// What a field has that is not given: what the sources say, or the zero that Go writes.
fn default(field: &FieldRow, doc: &FieldDoc) -> Option<Value> {
    if !doc.default.is_null() {
        return Some(doc.default.clone());
    }
    let is_value = matches!(field.presence.as_str(), "always" | "omit" | "omitzero");
    let is_always = field.presence == "always" || field.presence.is_empty() && field.required;
    match field.shape.as_str() {
        shape if shape.starts_with('@') && is_value => Some(json!({})),
        _ if !is_always => None,
        "string" => Some("".into()),
        "bool" => Some(false.into()),
        "int32" | "int64" | "double" => Some(0.into()),
        _ => None,
    }
}

/// Writes a shape of the tables (`[@core.v1.Container]`) into a schema; `beside` if other things stand there.
fn value(shape: &str, schema: &mut Map, beside: bool, dialect: Dialect) {
    let inner = |text: &str| {
        let mut schema = Map::new();
        value(text, &mut schema, false, dialect);
        Value::from(schema)
    };
    let strip = |open, close| shape.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    if let Some(items) = strip('[', ']') {
        schema.insert("type".to_owned(), "array".into());
        schema.insert("items".to_owned(), inner(items));
        return;
    }
    if let Some(values) = strip('{', '}') {
        schema.insert("type".to_owned(), "object".into());
        schema.insert("additionalProperties".to_owned(), inner(values));
        return;
    }
    let (kind, format) = match shape {
        "string" => ("string", ""),
        "bytes" => ("string", "byte"),
        "bool" => ("boolean", ""),
        "int32" => ("integer", "int32"),
        "int64" => ("integer", "int64"),
        "double" => ("number", "double"),
        reference => {
            let name = names::published(reference.trim_start_matches('@'));
            match (beside, dialect.reference(&name)) {
                (false, Value::Object(reference)) => schema.extend(reference),
                _ => dialect.refer(schema, &name),
            }
            return;
        }
    };
    schema.insert("type".to_owned(), kind.into());
    if !format.is_empty() {
        schema.insert("format".to_owned(), format.into());
    }
}

/// The types that are no structs.
fn scalar(name: &str, dialect: Dialect) -> Option<Value> {
    let schema = match (name, dialect) {
        ("time" | "micro-time", _) => json!({
            "description": "A moment, as RFC 3339 writes it.", "type": "string", "format": "date-time",
        }),
        ("quantity", Dialect::V2) => json!({"description": QUANTITY, "type": "string"}),
        ("quantity", Dialect::V3) => {
            json!({"description": QUANTITY, "oneOf": [{"type": "string"}, {"type": "number"}]})
        }
        ("int-or-string", Dialect::V2) => {
            json!({"description": INT_OR_STRING, "type": "string", "format": "int-or-string"})
        }
        ("int-or-string", Dialect::V3) => json!({
            "description": INT_OR_STRING, "format": "int-or-string",
            "oneOf": [{"type": "integer"}, {"type": "string"}],
        }),
        ("raw", _) => json!({"description": "An object of any kind.", "type": "object"}),
        ("fields-v1", _) => json!({"description": "A set of fields, as a trie.", "type": "object"}),
        ("patch", _) => {
            json!({"description": "A patch, in the form that its media type says.", "type": "object"})
        }
        ("json", _) => json!({"description": "Any JSON value."}),
        ("schema-or-array", _) => json!({"description": "A schema, or an array of schemas."}),
        ("schema-or-bool", _) => json!({"description": "A schema, or a boolean."}),
        ("schema-or-strings", _) => json!({"description": "A schema, or an array of strings."}),
        _ => return None,
    };
    Some(schema)
}

const QUANTITY: &str = "A number with a suffix, as in `500m` or `2Gi`, of fixed precision.";
const INT_OR_STRING: &str = "A whole number, or a string.";

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str, place: (&str, &str)) -> Value {
        Builtin::load().schema(name, place, Dialect::V3).expect("the type is in the tables")
    }

    #[test]
    fn required_fields_come_as_they_are_declared() {
        let required = |name: &str| schema(name, ("", "v1"))["required"].clone();
        assert_eq!(required("core.v1.VolumeMount"), json!(["name", "mountPath"]));
        assert_eq!(required("core.v1.ISCSIVolumeSource"), json!(["targetPortal", "iqn", "lun"]));
        assert_eq!(required("meta.v1.OwnerReference"), json!(["apiVersion", "kind", "name", "uid"]));
        assert_eq!(required("networking.v1.HTTPIngressPath"), json!(["pathType", "backend"]));
        assert_eq!(required("version.Info")[2], "gitVersion");
    }

    #[test]
    fn a_reference_of_which_nothing_is_said_stands_alone() {
        let http = &schema("networking.v1.IngressRule", ("", "v1"))["properties"]["http"];
        let target = "#/components/schemas/io.k8s.api.networking.v1.HTTPIngressRuleValue";
        assert_eq!(*http, json!({"$ref": target}));
        let backend = &schema("networking.v1.HTTPIngressPath", ("", "v1"))["properties"]["backend"];
        assert!(backend["allOf"].is_array(), "{backend}");
    }

    #[test]
    fn kinds_of_every_group_are_the_core_groups_too() {
        let kinds = |place| schema("meta.v1.DeleteOptions", place)[KINDS].clone();
        let kind = |group: &str| json!({"group": group, "kind": "DeleteOptions", "version": "v1"});
        assert_eq!(kinds(("", "v1")), json!([kind("")]));
        assert_eq!(kinds(("apps", "v1")), json!([kind(""), kind("apps")]));
    }
}
