//! Writes a patched object as upstream shows it in errors: objects that the patch went through are ordered by name,
//! all others as Go's structs are.

use steersman_core::api::Patch;
use steersman_core::tree::{Map, Value, json};

use crate::json_text::for_pages;
use crate::schema::Cursor;

/// The text of an object that a patch made.
pub(super) fn of(object: &Value, at: Cursor<'_>, patch: &Patch) -> String {
    let gone_through = match patch {
        Patch::Merge(patch) => patch.clone(),
        Patch::Json(operations) => pointers(operations),
        _ => json!({}),
    };
    let mut text = String::new();
    write(object, Some(at), Some(&gone_through), &mut text);
    for_pages(&text)
}

/// The objects that lead to where operations act, as a tree.
fn pointers(operations: &Value) -> Value {
    let mut tree = json!({});
    for operation in operations.as_array().into_iter().flatten() {
        for path in ["path", "from"].into_iter().filter_map(|key| operation[key].as_str()) {
            let mut below = &mut tree;
            let mut steps: Vec<&str> = path.split('/').skip(1).collect();
            steps.pop();
            for step in steps {
                let entry = below.as_object_mut().map(|map| map.entry(step).or_insert_with(|| json!({})));
                below = entry.expect("the tree holds objects only");
            }
        }
    }
    tree
}

fn write(value: &Value, at: Option<Cursor<'_>>, gone_through: Option<&Value>, text: &mut String) {
    match value {
        Value::Object(map) => {
            text.push('{');
            for (index, (key, value)) in entries(map, at, gone_through).into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key).to_string());
                text.push(':');
                let through = gone_through.and_then(|tree| tree.get(key)).filter(|tree| tree.is_object());
                write(value, at.and_then(|at| at.child(key)), through, text);
            }
            text.push('}');
        }
        Value::Array(list) => {
            text.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(value, at.map(Cursor::items), None, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn entries<'a>(
    map: &'a Map,
    at: Option<Cursor<'_>>,
    gone_through: Option<&Value>,
) -> Vec<(&'a str, &'a Value)> {
    let mut entries: Vec<(&str, &Value)> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    if gone_through.is_none() {
        entries.sort_by_key(|(key, _)| at.and_then(|at| at.field(key)).map(|field| &field.order));
    }
    entries
}
