//! Reads the built-in types from the distilled API tables (`apiserver/data/types.json`, one type a line).

use std::collections::BTreeMap;

use serde::Deserialize;
use steersman_core::resource::GroupVersionKind;

use super::document::Document;
use super::shape::{Field, ListKind, Node, ObjectType, PatchStrategy, Presence, Scalar, Shape};

const TABLE: &str = include_str!("../../data/types.json");

#[derive(Deserialize)]
struct TypeRow<'a> {
    #[serde(borrow, default)]
    fields: BTreeMap<&'a str, FieldRow<'a>>,
    #[serde(default)]
    map: Option<MapName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldRow<'a> {
    #[serde(rename = "type")]
    shape: &'a str,
    #[serde(default)]
    presence: Presence,
    #[serde(borrow, default)]
    go: Option<&'a str>,
    #[serde(default)]
    list: ListName,
    #[serde(default)]
    map: Option<MapName>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(borrow, default)]
    patch: &'a str,
    #[serde(default)]
    merge_key: String,
    #[serde(default)]
    proto: Proto,
}

/// The number of a field in protobuf, within those of the structs that embed it; Go's fields stand in that order.
#[derive(Clone, Default, Deserialize)]
#[serde(untagged)]
enum Proto {
    Embedded(Vec<u32>),
    Own(u32),
    #[default]
    None,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListName {
    #[default]
    Atomic,
    Set,
    Map,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MapName {
    Atomic,
    Granular,
}

/// The lines of the table: the name of a type, and the JSON that says what it is.
pub(crate) fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let (name, row) = line.strip_prefix('"')?.split_once("\":")?;
        Some((name, row.trim_end_matches(',')))
    })
}

/// The name in the table of a built-in kind: `core.v1.Pod`, `rbac.v1.Role`.
pub(crate) fn type_name(kind: &GroupVersionKind) -> String {
    let group = match kind.group.split('.').next() {
        None | Some("") => "core",
        Some("internal") => "apiserverinternal",
        Some(first) => first,
    };
    format!("{group}.{}.{}", kind.version, kind.kind)
}

/// Reads one line of the table.
pub(super) fn read(name: &str, source: &'static str, document: &Document) -> ObjectType {
    let row: TypeRow<'_> = serde_json::from_str(source).expect("the checked-in table is well formed");
    let fields = row.fields.iter().map(|(key, field)| field_of(key, field, document)).collect();
    let mut object = ObjectType::new(name.rsplit('.').next().unwrap_or_default(), fields);
    object.atomic = row.map == Some(MapName::Atomic);
    object
}

fn field_of(name: &str, row: &FieldRow<'_>, document: &Document) -> Field {
    Field {
        name: name.to_owned(),
        node: Node {
            atomic: row.map.map(|map| map == MapName::Atomic),
            ..shape(row.shape, row, document).into()
        },
        presence: row.presence,
        patch: PatchStrategy {
            merge: row.patch.split(',').any(|word| word == "merge"),
            replace: row.patch.split(',').any(|word| word == "replace"),
            retain_keys: row.patch.split(',').any(|word| word == "retainKeys"),
            merge_key: row.merge_key.clone(),
        },
        order: match &row.proto {
            Proto::Embedded(path) => path.clone(),
            Proto::Own(own) => vec![*own],
            // Go writes the kind first.
            Proto::None => vec![0, u32::from(name == "apiVersion")],
        },
        go: row.go.map_or_else(|| go_type(row.shape), str::to_owned),
    }
}

fn shape(text: &str, row: &FieldRow<'_>, document: &Document) -> Shape {
    if let Some(name) = text.strip_prefix('@') {
        return Shape::Object(document.named(name).expect("the table refers only to types that it holds"));
    }
    if let Some(items) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let kind = match row.list {
            ListName::Atomic => ListKind::Atomic,
            ListName::Set => ListKind::Set,
            ListName::Map => ListKind::Map(row.keys.clone()),
        };
        return Shape::List(Box::new(shape(items, row, document).into()), kind);
    }
    if let Some(values) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return Shape::Map(Box::new(shape(values, row, document).into()));
    }
    Shape::Scalar(scalar(text))
}

fn scalar(text: &str) -> Scalar {
    match text {
        "string" => Scalar::String,
        "bool" => Scalar::Bool,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "double" => Scalar::Double,
        "quantity" => Scalar::Quantity,
        "int-or-string" => Scalar::IntOrString,
        "time" => Scalar::Time,
        "micro-time" => Scalar::MicroTime,
        "bytes" => Scalar::Bytes,
        "fields-v1" => Scalar::FieldsV1,
        "schema-or-bool" => Scalar::SchemaOrBool,
        "schema-or-array" => Scalar::SchemaOrArray,
        "schema-or-strings" => Scalar::SchemaOrStrings,
        _ => Scalar::Any,
    }
}

/// The Go type that a type of the table usually has.
fn go_type(text: &str) -> String {
    if let Some(items) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return format!("[]{}", go_type(items));
    }
    if let Some(values) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return format!("map[string]{}", go_type(values));
    }
    match text {
        "time" => "v1.Time".to_owned(),
        "micro-time" => "v1.MicroTime".to_owned(),
        "quantity" => "resource.Quantity".to_owned(),
        "int-or-string" => "intstr.IntOrString".to_owned(),
        "bytes" => "[]uint8".to_owned(),
        "double" => "float64".to_owned(),
        other => match other.strip_prefix('@').and_then(|path| path.split_once('.')) {
            Some((_, name)) => name.to_owned(),
            None => other.to_owned(),
        },
    }
}
