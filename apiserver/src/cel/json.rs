//! What expressions make, as JSON.

use base64::Engine as _;
use steersman_core::tree::{Map as JsonMap, Number, Value as Json};

use super::value::{Key, Map, Value};

/// A value as JSON.
///
/// # Errors
/// It is none, or a message is not named after the place where it stands.
pub(super) fn of(value: &Value<'_>) -> Result<Json, String> {
    at(value, &root(value))
}

/// The value at a path, whose steps are the name of the message that may stand there.
fn at(value: &Value<'_>, path: &[String]) -> Result<Json, String> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Double(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        Value::Duration(span) => super::time::show_duration(*span).into(),
        Value::Timestamp(moment) => moment.to_string().into(),
        Value::List(list) => Json::Array(list.iter().map(|item| at(&item, path)).collect::<Result<_, _>>()?),
        Value::Map(map) => Json::Object(entries(map, path)?),
        Value::Optional(Some(value)) => at(value, path)?,
        Value::Quantity(quantity) => quantity.to_string().into(),
        other => return Err(format!("type '{}' cannot be converted to JSON", other.type_name())),
    })
}

fn entries(map: &Map<'_>, path: &[String]) -> Result<JsonMap, String> {
    if let Map::Message(name, _) = map {
        let wanted = path.join(".");
        if *name == "JSONPatch" {
            return patch(map);
        }
        if **name != wanted && !path.is_empty() {
            return Err(format!(
                "type mismatch: unexpected type name {name:?}, expected {wanted:?}, which matches field name path from \
                 root Object type"
            ));
        }
    }
    let mut object = JsonMap::new();
    for (key, value) in map.entries() {
        let Some(Key::String(name)) = key.key() else {
            return Err(format!("unsupported key type: {}", key.type_name()));
        };
        let below: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        object.insert(name, at(&value, &below)?);
    }
    Ok(object)
}

/// An operation; a message that is its value stands at the root of its own path.
fn patch(map: &Map<'_>) -> Result<JsonMap, String> {
    let mut operation = JsonMap::new();
    for (key, value) in map.entries() {
        if let Some(Key::String(name)) = key.key() {
            operation.insert(name, at(&value, &root(&value))?);
        }
    }
    Ok(operation)
}

/// Where a message stands that is named by its own path.
fn root(value: &Value<'_>) -> Vec<String> {
    match value {
        Value::Map(Map::Message(name, _)) => vec![(*name).to_owned()],
        _ => Vec::new(),
    }
}
