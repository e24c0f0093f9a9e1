//! Reduces an answer as the recorder reduced the real one, where a case is about a part of it.

use steersman::core::tree::{List, Map, Text, Value, json};

/// What the recorder would have kept of `actual`, by the words with which it tells so. `recorded` says which items of a
/// list were of interest.
pub(crate) fn reduce(filter: &str, recorded: &Value, mut actual: Value) -> Result<Value, String> {
    match filter {
        "managedFields removed" => {
            drop_key("managedFields", &mut actual);
            Ok(actual)
        }
        "names of the items only" => Ok(json!({"names": names(&actual["items"])})),
        "sorted names of the bootstrap items" => Ok(json!({"names": bootstrap_names(recorded, &actual)})),
        "kind, apiVersion and group names only" => Ok(group_names(&actual)),
        "health paths only" => Ok(json!({"paths": health_paths(&actual)})),
        "path -> operation methods" => Ok(json!({"paths": methods(&actual["paths"])})),
        "definition names and group-version-kinds (those with fewer than 4)" => Ok(definitions(&actual)),
        "sorted paths and schema names only" => Ok(outline(&actual)),
        "only paths of this group; hash replaced" => Ok(own_paths(recorded, &actual)),
        "paths reduced to sorted keys; schemas reduced to those of the group" => {
            Ok(own_schemas(recorded, &actual))
        }
        other => one_schema(other, &actual),
    }
}

fn drop_key(key: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove(key);
            fields.values_mut().for_each(|value| drop_key(key, value));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| drop_key(key, value)),
        _ => {}
    }
}

fn names(items: &Value) -> Vec<Value> {
    items.as_array().into_iter().flatten().map(|item| item["metadata"]["name"].clone()).collect()
}

/// Other cases' objects may be there too: of the names only those count that were recorded, or are the server's own.
fn bootstrap_names(recorded: &Value, actual: &Value) -> Vec<Value> {
    let empty = List::new();
    let wanted = recorded["names"].as_array().unwrap_or(&empty);
    let mut names: Vec<Value> =
        names(&actual["items"]).into_iter().filter(|name| wanted.contains(name)).collect();
    names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    names
}

fn group_names(actual: &Value) -> Value {
    let mut reduced = Map::new();
    for key in ["kind", "apiVersion"] {
        if let Some(value) = actual.get(key) {
            reduced.insert(key.to_owned(), value.clone());
        }
    }
    let groups = actual["groups"].as_array().into_iter().flatten().map(|group| group["name"].clone());
    let items = names(&actual["items"]);
    reduced.insert("names".to_owned(), groups.chain(items).collect::<Vec<_>>().into());
    reduced.into()
}

fn health_paths(actual: &Value) -> Vec<&str> {
    let paths = actual["paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
    paths
        .filter(|path| ["/healthz", "/livez", "/readyz"].iter().any(|prefix| path.starts_with(prefix)))
        .collect()
}

fn methods(paths: &Value) -> Value {
    const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];
    let of = |operations: &Value| -> Vec<&str> {
        METHODS.into_iter().filter(|method| operations.get(method).is_some()).collect()
    };
    let pairs = paths.as_object().into_iter().flatten();
    pairs.map(|(path, operations)| (path.clone(), Value::from(of(operations)))).collect()
}

fn definitions(actual: &Value) -> Value {
    const KINDS: &str = "x-kubernetes-group-version-kind";
    let all: Vec<(&Text, &Value)> = actual["definitions"].as_object().into_iter().flatten().collect();
    let few = |kinds: &Value| kinds.as_array().is_some_and(|kinds| kinds.len() < 4);
    let kinds = all.iter().filter(|(_, one)| few(&one[KINDS]));
    let kinds: Map = kinds.map(|(name, one)| ((*name).clone(), one[KINDS].clone())).collect();
    json!({"definitions": all.iter().map(|(name, _)| name).collect::<Vec<_>>(), "gvk": kinds})
}

fn keys(value: &Value) -> Vec<&Text> {
    value.as_object().into_iter().flatten().map(|(key, _)| key).collect()
}

fn outline(actual: &Value) -> Value {
    json!({
        "openapi": actual["openapi"], "info": actual["info"],
        "paths": keys(&actual["paths"]), "schemas": keys(&actual["components"]["schemas"]),
    })
}

fn own_paths(recorded: &Value, actual: &Value) -> Value {
    let wanted = keys(&recorded["paths"]);
    let all = actual["paths"].as_object().into_iter().flatten();
    let own: Map = all
        .filter(|(path, _)| wanted.contains(path))
        .map(|(path, one)| (path.clone(), one.clone()))
        .collect();
    json!({"paths": own})
}

fn own_schemas(recorded: &Value, actual: &Value) -> Value {
    // The names begin with the group backwards, and end with version and kind.
    let first = keys(&recorded["schemas"]).first().map(|name| name.as_str()).unwrap_or_default().to_owned();
    let group = first.rsplitn(3, '.').last().unwrap_or_default().to_owned();
    let all = actual["components"]["schemas"].as_object().into_iter().flatten();
    let own: Map = all
        .filter(|(name, _)| name.starts_with(&group))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect();
    json!({"openapi": actual["openapi"], "paths": keys(&actual["paths"]), "schemas": own})
}

fn one_schema(filter: &str, actual: &Value) -> Result<Value, String> {
    let name = filter
        .strip_prefix("components.schemas[")
        .and_then(|rest| rest.strip_suffix("] without descriptions"));
    let name = name.ok_or_else(|| format!("the filter {filter:?} is not replayed"))?;
    let mut schema = actual["components"]["schemas"][name].clone();
    drop_descriptions(&mut schema);
    Ok(json!({"schema": schema}))
}

/// A property may itself be called `description`; that one is an object.
fn drop_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            fields.values_mut().for_each(drop_descriptions);
        }
        Value::Array(all) => all.iter_mut().for_each(drop_descriptions),
        _ => {}
    }
}
