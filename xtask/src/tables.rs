//! Joins the published schemas with the Go sources into `types.json`: one type a line, so that a type can be read
//! without the others.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::go::{self, Field, Package};
use crate::unpublished;

/// Lists that say something even where they are empty: managers are reset, and scaling without policies is invalid
/// where scaling by default policies is not.
const EMPTY_IS_MORE_THAN_NONE: [&str; 2] = ["managedFields", "policies"];

/// Every package, by its name in the tables.
pub(crate) type Packages = BTreeMap<String, Package>;

/// Rebuilds the tables in `out`.
pub(crate) fn write(facts: &Path, go: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(out)?;
    let packages = go::read(go)?;
    let mut types: Map<String, Value> = read(facts, "types.json")?;
    for (name, row) in &mut types {
        complete(name, row, &packages)?;
    }
    unpublished::add(&mut types, &packages)?;
    std::fs::write(out.join("types.json"), lines(&types)?)?;
    let resources: Vec<Value> = read(facts, "resources.json")?;
    let rows: Result<Vec<String>, _> = resources.iter().map(serde_json::to_string).collect();
    std::fs::write(out.join("resources.json"), format!("[\n{}\n]\n", rows?.join(",\n")))?;
    Ok(())
}

fn read<T: for<'de> serde::Deserialize<'de>>(dir: &Path, file: &str) -> Result<T, Box<dyn Error>> {
    Ok(serde_json::from_slice(&std::fs::read(dir.join(file))?)?)
}

fn lines(rows: &Map<String, Value>) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("{\n");
    for (index, (name, row)) in rows.iter().enumerate() {
        let comma = if index + 1 == rows.len() { "" } else { "," };
        writeln!(text, "\"{name}\":{}{comma}", serde_json::to_string(row)?)?;
    }
    text.push_str("}\n");
    Ok(text)
}

/// Adds `presence`, and `go` where the type's name does not follow from the schema, to every field of a type.
fn complete(name: &str, row: &mut Value, packages: &Packages) -> Result<(), Box<dyn Error>> {
    let (package, type_name) = name.rsplit_once('.').ok_or("a type has a package")?;
    let Some(fields) = row.get_mut("fields").and_then(Value::as_object_mut) else { return Ok(()) };
    let known = fields_of(packages, package, type_name);
    // `version.Info` is no API type: nothing decodes it.
    for (json, field) in fields.iter_mut().filter(|_| package != "version") {
        if matches!(json.as_str(), "apiVersion" | "kind") && field.get("proto").is_none() {
            continue;
        }
        let found = known.get(json).ok_or_else(|| format!("{name}.{json} is not in the Go sources"))?;
        let natural = natural(field["type"].as_str().unwrap_or_default());
        let field = field.as_object_mut().ok_or("a field is an object")?;
        let presence =
            if EMPTY_IS_MORE_THAN_NONE.contains(&json.as_str()) { "pointer" } else { found.presence };
        field.insert("presence".to_owned(), presence.into());
        if found.go != natural {
            field.insert("go".to_owned(), found.go.clone().into());
        }
    }
    Ok(())
}

fn fields_of(packages: &Packages, package: &str, name: &str) -> BTreeMap<String, Field> {
    // Older versions of a group alias some types of its first stable version.
    let stable = format!("{}.v1", package.split('.').next().unwrap_or_default());
    let find = |package: &str| packages.get(package).and_then(|package| package.structs.get(name));
    let Some(found) = find(package).or_else(|| find(&stable)) else { return BTreeMap::new() };
    let mut fields = BTreeMap::new();
    for embedded in &found.embeds {
        fields.extend(fields_of(packages, package, &embedded.go));
    }
    fields.extend(found.fields.iter().map(|field| (field.json.clone(), field.clone())));
    fields
}

/// The Go type that a type of the schema usually has.
pub(crate) fn natural(schema: &str) -> String {
    if let Some(inner) = schema.strip_prefix('[') {
        return format!("[]{}", natural(inner.trim_end_matches(']')));
    }
    if let Some(inner) = schema.strip_prefix('{') {
        return format!("map[string]{}", natural(inner.strip_suffix('}').unwrap_or(inner)));
    }
    match schema {
        "time" => "v1.Time".to_owned(),
        "micro-time" => "v1.MicroTime".to_owned(),
        "quantity" => "resource.Quantity".to_owned(),
        "int-or-string" => "intstr.IntOrString".to_owned(),
        "bytes" => "[]uint8".to_owned(),
        "double" => "float64".to_owned(),
        reference => match reference.strip_prefix('@') {
            Some(path) => path.split_once('.').map_or(path, |(_, name)| name).to_owned(),
            None => reference.to_owned(),
        },
    }
}
