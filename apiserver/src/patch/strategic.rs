//! Strategic merge patch: like a merge patch, but lists merge as the schema says, and directives say more.

use steersman_core::tree::{Map, Text, Value};
use steersman_core::{Error, Result};

use super::order::{Identity, ordered};
use super::refusal::Refusal;
use super::{show, wrong_type};
use crate::schema::{Cursor, Field, Schema};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_LIST: &str = "$deleteFromPrimitiveList";
const ORDER: &str = "$setElementOrder";

type Object = Map;
type Outcome<T> = std::result::Result<T, Refusal>;

/// Merges `patch` into `current`.
pub(super) fn apply(patch: &Value, schema: &Schema, current: Value) -> Result<Value> {
    if schema.is_custom() {
        return Err(super::not_for_custom());
    }
    let nothing = Object::new();
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => &nothing,
        other => return Err(Error::bad_request(wrong_type(other, "map[string]interface {}"))),
    };
    let current = match current {
        Value::Object(current) => current,
        _ => Object::new(),
    };
    Ok(Value::Object(merge_map(current, patch, schema.cursor())?))
}

fn merge_map(mut original: Object, patch: &Object, at: Cursor<'_>) -> Outcome<Object> {
    let mut rest = Object::new();
    // Most say without a directive what they want.
    let patch = if patch.keys().any(|key| key.starts_with('$')) {
        rest.clone_from(patch);
        match rest.get(DIRECTIVE).map(Value::as_str) {
            None => {}
            Some(Some("replace")) => {
                rest.remove(DIRECTIVE);
                return Ok(rest);
            }
            Some(Some("delete")) => return Ok(Object::new()),
            Some(_) => return Err(Refusal::unknown_directive(&rest[DIRECTIVE], &rest)),
        }
        retain_keys(&mut original, &mut rest)?;
        order_lists(&mut original, &mut rest, at)?;
        &rest
    } else {
        patch
    };
    let mut new = Vec::new();
    for (key, value) in patch {
        match key.strip_prefix(DELETE_LIST) {
            Some(rest) => {
                let key = rest
                    .strip_prefix('/')
                    .ok_or(Refusal::Format("invalid patch format of primitive list"))?;
                delete_from_list(&mut original, key, value.clone(), at)?;
            }
            None if is_there(&original, key, value) => {}
            None => new.extend(merge_field(&mut original, key, value, at)?),
        }
    }
    original.extend(new);
    Ok(original)
}

/// Whether a field is as a patch wants it already, so that the object stays shared with whoever else has it.
fn is_there(original: &Object, key: &str, patch: &Value) -> bool {
    matches!(patch, Value::String(_) | Value::Bool(_)) && original.get(key) == Some(patch)
}

/// Merges a field that is there; gives back what is new.
fn merge_field(
    original: &mut Object,
    key: &Text,
    patch: &Value,
    at: Cursor<'_>,
) -> Outcome<Option<(Text, Value)>> {
    if patch.is_null() {
        original.remove(key);
        return Ok(None);
    }
    let Some(place) = original.get_mut(key) else {
        return Ok(made(patch.clone()).map(|made| (key.clone(), made)));
    };
    let merged = match (place.take(), patch) {
        (Value::Object(before), Value::Object(patch)) => {
            let (at, field) = lookup(at, key)?;
            let replaced = field.is_some_and(|field| field.patch.replace);
            Some(Value::Object(if replaced { patch.clone() } else { merge_map(before, patch, at)? }))
        }
        (Value::Array(before), Value::Array(patch)) => {
            let (at, field) = lookup(at, key)?;
            Some(merge_list(before.into_vec(), patch.to_vec(), at, field)?.into())
        }
        (_, new) => made(new.clone()),
    };
    match merged {
        Some(merged) => *place = merged,
        None => drop(original.remove(key)),
    }
    Ok(None)
}

fn lookup<'a>(at: Cursor<'a>, key: &str) -> Outcome<(Cursor<'a>, Option<&'a Field>)> {
    at.child(key).map(|below| (below, at.field(key))).ok_or_else(|| match at.object() {
        Some(object) => Refusal::Other(format!(
            "unable to find api field in struct {} for the json field {key:?}",
            object.name
        )),
        None => Refusal::Other(
            "merging an object in json but data type is not struct, instead is: interface".to_owned(),
        ),
    })
}

/// Drops what the patch does not want to retain; a patch may set only what it retains.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Outcome<()> {
    const MALFORMED: Refusal = Refusal::Format("invalid patch format of retainKeys");
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let retained = retained.as_array().ok_or(MALFORMED)?;
    let is_retained = |key: &str| retained.iter().any(|one| one == key);
    let is_list_directive = |key: &str| key.starts_with(DELETE_LIST) || key.starts_with(ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_list_directive(key) && !is_retained(key)) {
        return Err(MALFORMED);
    }
    original.retain(|key, _| is_retained(key));
    Ok(())
}

/// Merges the lists whose order the patch sets, and takes them out of the patch.
fn order_lists(original: &mut Object, patch: &mut Object, at: Cursor<'_>) -> Outcome<()> {
    let directives: Vec<Text> = patch.keys().filter(|key| key.starts_with(ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else { continue };
        let key = directive
            .strip_prefix(ORDER)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(Refusal::Format("invalid patch format of setElementOrder list"))?;
        let order = list_of(order)?;
        let before = original.get(key).cloned().map(list_of).transpose()?;
        let change = patch.get(key).cloned().map(list_of).transpose()?;
        let (at, field) = lookup(at, key)?;
        let identity = identity_of(field);
        check_order(change.as_deref().unwrap_or_default(), &order, identity)?;
        let server = before.clone().unwrap_or_default();
        let merged = match (before, change) {
            (None, None) => continue,
            (Some(before), None) => before,
            (None, Some(change)) => without_directives(change.into()).map_or(Ok(Vec::new()), list_of)?,
            (Some(before), Some(change)) => merge_list(before, change, at, field)?,
        };
        check_keys(&merged, identity)?;
        check_keys(&order, identity)?;
        if server.is_empty() && patch.get(key).and_then(Value::as_array).is_none_or(|list| list.is_empty()) {
            return Err(Refusal::Other("no elements in any of the given slices".to_owned()));
        }
        let (order, server) = (identity.all(&order), identity.all(&server));
        original.insert(key, ordered(merged, &order, &server, identity).into());
        patch.remove(key);
    }
    Ok(())
}

fn identity_of(field: Option<&Field>) -> Identity<'_> {
    match field.map(|field| field.patch.merge_key.as_str()) {
        None | Some("") => Identity::Whole,
        Some(key) => Identity::Key(key),
    }
}

fn list_of(value: Value) -> Outcome<Vec<Value>> {
    match value {
        Value::Array(list) => Ok(list.into_vec()),
        other => Err(Refusal::wrong_argument("[]interface {}", &other)),
    }
}

/// The elements of the patch must stand in the order that is set, deletions aside.
fn check_order(patch: &[Value], order: &[Value], identity: Identity<'_>) -> Outcome<()> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    check_keys(order, identity)?;
    let mut wanted = order.iter();
    for element in patch.iter().filter(|element| element.get(DIRECTIVE).is_none()) {
        check_keys(std::slice::from_ref(element), identity)?;
        if !wanted.any(|one| identity.of(one) == identity.of(element)) {
            return Err(Refusal::Other(format!(
                "The order in patch list:\n{}\n doesn't match {ORDER} list:\n{}\n",
                show(&patch.into()),
                show(&order.into())
            )));
        }
    }
    Ok(())
}

fn check_keys(list: &[Value], identity: Identity<'_>) -> Outcome<()> {
    let Identity::Key(key) = identity else { return Ok(()) };
    list.iter().try_for_each(|element| match element {
        Value::Object(map) if map.contains_key(key) => Ok(()),
        Value::Object(map) => Err(Refusal::no_merge_key(map, key)),
        other => Err(Refusal::wrong_argument("map[string]interface {}", other)),
    })
}

fn merge_list(
    before: Vec<Value>,
    patch: Vec<Value>,
    at: Cursor<'_>,
    field: Option<&Field>,
) -> Outcome<Vec<Value>> {
    if !field.is_some_and(|field| field.patch.merge) {
        return Ok(patch);
    }
    let Some(first) = before.first().or(patch.first()) else { return Ok(before) };
    check_alike(first, &before, &patch)?;
    match first {
        Value::Object(_) => merge_objects(before, patch, at, field),
        _ => Ok(merge_scalars(before, patch)),
    }
}

fn merge_objects(
    before: Vec<Value>,
    patch: Vec<Value>,
    at: Cursor<'_>,
    field: Option<&Field>,
) -> Outcome<Vec<Value>> {
    match identity_of(field) {
        Identity::Key(key) => merge_list_of_maps(before, patch, key, at.items()),
        Identity::Whole => {
            let kind = if at.items().object().is_some() { "struct" } else { "map" };
            Err(Refusal::Other(format!("cannot merge lists without merge key for {kind}")))
        }
    }
}

/// The elements of two lists that merge are of one type, and no lists.
fn check_alike(first: &Value, before: &[Value], patch: &[Value]) -> Outcome<()> {
    if first.is_array() {
        return Err(Refusal::ListOfLists);
    }
    if before.iter().chain(patch).all(|one| std::mem::discriminant(one) == std::mem::discriminant(first)) {
        return Ok(());
    }
    let lists = show(&[before, patch].into());
    Err(Refusal::Other(format!("list element types are not identical: {lists}")))
}

fn merge_scalars(before: Vec<Value>, patch: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::with_capacity(before.len() + patch.len());
    for element in before.iter().chain(&patch) {
        if !merged.contains(element) {
            merged.push(element.clone());
        }
    }
    ordered(merged, &Identity::Whole.all(&patch), &Identity::Whole.all(&before), Identity::Whole)
}

fn merge_list_of_maps(
    before: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    at: Cursor<'_>,
) -> Outcome<Vec<Value>> {
    let identity = Identity::Key(key);
    let (mut merged, patch) = follow_directives(before, patch, key)?;
    let (wanted, server) = (identity.all(&patch), identity.all(&merged));
    for element in patch {
        check_keys(std::slice::from_ref(&element), identity)?;
        match (identity.position(&merged, &element), element) {
            (Some(index), Value::Object(patch)) => {
                let before = merged[index].as_object_mut().map(std::mem::take).unwrap_or_default();
                merged[index] = Value::Object(merge_map(before, &patch, at)?);
            }
            (_, element) => merged.push(element),
        }
    }
    check_keys(&merged, identity)?;
    Ok(ordered(merged, &wanted, &server, identity))
}

/// Deletes what elements of the patch say to delete, or everything if one says to replace the list; returns what
/// remains of both.
fn follow_directives(
    mut before: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Outcome<(Vec<Value>, Vec<Value>)> {
    let mut replace = false;
    let mut rest = Vec::with_capacity(patch.len());
    for element in patch {
        match (element.get(DIRECTIVE).map(Value::as_str), &element) {
            (Some(Some("replace")), _) => replace = true,
            (Some(Some("delete")), _) => {
                check_keys(std::slice::from_ref(&element), Identity::Key(key))?;
                before.retain(|one| one.get(key).is_none() || one.get(key) != element.get(key));
            }
            (Some(Some("merge")), _) => {
                return Err(Refusal::Other("merging lists cannot yet be specified in the patch".to_owned()));
            }
            (Some(_), Value::Object(map)) => return Err(Refusal::unknown_directive(&map[DIRECTIVE], map)),
            _ => rest.push(element),
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (before, rest) })
}

/// Upstream reads on as if the directive were not there where it names no list of scalars.
fn delete_from_list(original: &mut Object, key: &str, deleted: Value, at: Cursor<'_>) -> Outcome<()> {
    match (original.get_mut(key), deleted) {
        (_, Value::Null) => drop(original.remove(key)),
        (Some(Value::Array(list)), Value::Array(deleted)) => {
            let (at, field) = lookup(at, key)?;
            match list.first().or(deleted.first()) {
                Some(first @ Value::Object(_)) => {
                    check_alike(first, list, &deleted)?;
                    *list =
                        merge_objects(std::mem::take(list).into_vec(), deleted.into_vec(), at, field)?.into();
                }
                Some(first) => {
                    check_alike(first, list, &deleted)?;
                    list.retain(|element| !deleted.contains(element));
                }
                None => {}
            }
        }
        (Some(before), deleted) if std::mem::discriminant(before) == std::mem::discriminant(&deleted) => {
            let new = merge_field(original, &key.into(), &deleted, at)?;
            original.extend(new);
        }
        _ => {}
    }
    Ok(())
}

/// What becomes of a value that merges with none; nothing, if it says so.
fn made(value: Value) -> Option<Value> {
    if is_plain(&value) { Some(value) } else { without_directives(without_nulls(value)) }
}

/// Whether a new value stays as it is: it has neither nulls nor directives.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.iter().all(|(key, value)| key != DIRECTIVE && !value.is_null() && is_plain(value))
        }
        Value::Array(items) => items.iter().all(is_plain),
        _ => true,
    }
}

/// What is new has nothing that its nulls could delete.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// What is new has nothing that its directives could change; an object that says so is not there at all.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}
