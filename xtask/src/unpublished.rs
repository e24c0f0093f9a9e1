//! Adds the types that no published schema describes, but that may come or go as protobuf: options, metadata alone,
//! discovery, reviews, and the versions of an API that are no longer served.

use std::error::Error;

use serde_json::{Map, Value, json};

use crate::go::{Package, Struct};
use crate::tables::{Packages, natural};

/// Packages whose types are nobody's API, or stand in for others.
const LEFT_OUT: &[&str] = &[
    "testapigroup.v1",
    "cr.v1",
    "testing.v1",
    "apiextensions.v1beta1",
    "apiregistration.v1beta1",
    "meta.v1beta1",
];

/// Adds what is missing: every kind, and what kinds refer to.
pub(crate) fn add(types: &mut Map<String, Value>, packages: &Packages) -> Result<(), Box<dyn Error>> {
    let mut wanted: Vec<String> = Vec::new();
    for (key, package) in packages.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str())) {
        let kinds = package
            .structs
            .iter()
            .filter(|(_, found)| is_kind(found))
            .map(|(name, _)| format!("{key}.{name}"));
        wanted.extend(kinds);
    }
    while let Some(name) = wanted.pop() {
        if types.contains_key(&name) {
            continue;
        }
        let mut fields = Map::new();
        fields_of(packages, &name, &[], &mut fields)?;
        wanted.extend(fields.values().filter_map(|field| reference(field["type"].as_str()?)));
        types.insert(name, json!({ "fields": fields }));
    }
    types.sort_keys();
    Ok(())
}

/// Whether it is an object of its own that protobuf knows.
fn is_kind(found: &Struct) -> bool {
    found.embeds.iter().any(|one| one.full == "meta.v1.TypeMeta")
        && found.fields.iter().any(|field| field.number.is_some())
}

/// The type that a type refers to, if it does.
fn reference(shape: &str) -> Option<String> {
    let (_, name) = shape.split_once('@')?;
    Some(name.trim_end_matches([']', '}']).to_owned())
}

/// Adds the fields of a struct, which stands in another one at `place`.
fn fields_of(
    packages: &Packages,
    name: &str,
    place: &[u32],
    fields: &mut Map<String, Value>,
) -> Result<(), Box<dyn Error>> {
    let found = find(packages, name).ok_or_else(|| format!("{name} is not in the Go sources"))?;
    for embedded in &found.embeds {
        match embedded.number {
            Some(number) => fields_of(packages, &embedded.full, &[place, &[number]].concat(), fields)?,
            None => {
                for field in ["apiVersion", "kind"] {
                    fields.insert(field.to_owned(), json!({"type": "string"}));
                }
            }
        }
    }
    for field in &found.fields {
        let Some(number) = field.number else { continue };
        let shape = shape(packages, &field.full)?;
        let number = if place.is_empty() { json!(number) } else { json!([place, &[number]].concat()) };
        let mut row = json!({"presence": field.presence, "proto": number, "type": shape});
        if field.go != natural(&shape) {
            row["go"] = field.go.as_str().into();
        }
        fields.insert(field.json.clone(), row);
    }
    Ok(())
}

/// The type as the tables write it.
fn shape(packages: &Packages, go: &str) -> Result<String, Box<dyn Error>> {
    let go = go.trim_start_matches('*');
    if go == "[]byte" {
        return Ok("bytes".to_owned());
    }
    if let Some(items) = go.strip_prefix("[]") {
        return Ok(format!("[{}]", shape(packages, items)?));
    }
    if let Some(values) = go.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return Ok(format!("{{{}}}", shape(packages, values.1)?));
    }
    Ok(match go {
        "string" | "bool" | "int32" | "int64" => go.to_owned(),
        "float64" => "double".to_owned(),
        "types.UID" => "string".to_owned(),
        "meta.v1.Time" => "time".to_owned(),
        "meta.v1.MicroTime" => "micro-time".to_owned(),
        "meta.v1.FieldsV1" => "fields-v1".to_owned(),
        "resource.Quantity" => "quantity".to_owned(),
        "intstr.IntOrString" => "int-or-string".to_owned(),
        "runtime.RawExtension" => "raw".to_owned(),
        name if find(packages, name).is_some() => format!("@{name}"),
        name => {
            let (key, own) = name.rsplit_once('.').ok_or_else(|| format!("{name} is of no package"))?;
            let of = packages.get(key).and_then(|package: &Package| package.names.get(own));
            shape(packages, of.ok_or_else(|| format!("{name} is not in the Go sources"))?)?
        }
    })
}

fn find<'p>(packages: &'p Packages, name: &str) -> Option<&'p Struct> {
    let (key, own) = name.rsplit_once('.')?;
    packages.get(key)?.structs.get(own)
}
