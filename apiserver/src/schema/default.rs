//! Fills the defaults of a custom resource's schema in, and drops nulls where the schema has no place for them.

use steersman_core::tree::Value;

use super::cursor::Cursor;
use super::shape::Node;

/// Defaults a custom resource, or a part of it that stands at `at`.
pub(super) fn object(at: Cursor<'_>, value: &mut Value) {
    fill(at, value);
    drop_nulls(at, value);
}

fn fill(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for field in at.object().into_iter().flat_map(|object| &object.fields) {
                let Some(default) = &field.node.default else { continue };
                if map.get(&field.name).is_none_or(|value| is_misplaced_null(value, &field.node)) {
                    map.insert(field.name.clone(), default.clone());
                }
            }
            for (key, value) in map.iter_mut() {
                if let Some(node) = at.node(key) {
                    replace_null(value, node);
                    fill(at.below(node), value);
                }
            }
        }
        Value::Array(list) => {
            let Some(node) = at.item_node() else { return };
            for value in list {
                replace_null(value, node);
                fill(at.below(node), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replace_null(value: &mut Value, node: &Node) {
    if let Some(default) = node.default.as_ref().filter(|_| is_misplaced_null(value, node)) {
        *value = default.clone();
    }
}

fn drop_nulls(at: Cursor<'_>, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|key, value| {
            let Some(node) = at.node(key) else { return true };
            drop_nulls(at.below(node), value);
            !is_misplaced_null(value, node)
        }),
        Value::Array(list) => {
            let Some(node) = at.item_node() else { return };
            list.iter_mut().for_each(|value| drop_nulls(at.below(node), value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_misplaced_null(value: &Value, node: &Node) -> bool {
    value.is_null() && !node.nullable
}
