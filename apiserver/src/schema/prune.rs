//! Drops from a custom resource what its schema does not know, and brings metadata and numbers into canonical form.

use steersman_core::field::Path;
use steersman_core::tree::{Map, Number, Value};

use super::conform;
use super::cursor::Cursor;
use super::decode::Duplicates;
use super::fault::Fault;
use super::shape::{ObjectType, Rest};
use super::unknown::Unknown;

/// Prunes a custom resource, noting what is dropped. Only metadata may be at fault: all else is for validation.
pub(super) fn object(at: Cursor<'_>, value: &mut Value, unknown: &mut Unknown) -> Result<(), Fault> {
    if !value.is_object() {
        return Err(Fault::mismatch(value, "map[string]interface {}", "map"));
    }
    prune(at, value, &Path::ROOT, unknown)
}

fn prune(at: Cursor<'_>, value: &mut Value, path: &Path<'_>, unknown: &mut Unknown) -> Result<(), Fault> {
    match value {
        Value::Object(map) => match at.object() {
            Some(object) => fields(at, object, map, path, unknown),
            None => map.iter_mut().try_for_each(|(key, value)| match at.child(key) {
                Some(below) => prune(below, value, &path.child(key), unknown),
                None => {
                    canonicalize(value);
                    Ok(())
                }
            }),
        },
        Value::Array(list) => list
            .iter_mut()
            .enumerate()
            .try_for_each(|(index, value)| prune(at.items(), value, &path.index(index), unknown)),
        other => {
            canonicalize(other);
            Ok(())
        }
    }
}

fn fields(
    at: Cursor<'_>,
    object: &ObjectType,
    map: &mut Map,
    path: &Path<'_>,
    unknown: &mut Unknown,
) -> Result<(), Fault> {
    let mut outcome = Ok(());
    map.retain(|key, value| {
        let path = path.child(key);
        let Some(below) = at.child(key) else {
            canonicalize(value);
            return keep_undeclared(object, &path, unknown);
        };
        let is_metadata = object.embedded && key == "metadata";
        if outcome.is_ok() {
            outcome = if is_metadata {
                conform::object(below, value, None, &path, &Duplicates::default(), unknown)
            } else {
                prune(below, value, &path, unknown)
            };
        }
        true
    });
    outcome
}

fn keep_undeclared(object: &ObjectType, path: &Path<'_>, unknown: &mut Unknown) -> bool {
    match object.rest {
        Rest::Kept => true,
        Rest::Unknown => {
            unknown.note(path);
            false
        }
    }
}

/// Writes numbers as Go does: those without a fraction as integers, unless they have more than 64 bits.
fn canonicalize(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(canonical) = canonical(number) {
                *number = canonical;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(canonicalize),
        Value::Object(map) => map.values_mut().for_each(canonicalize),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn canonical(number: &Number) -> Option<Number> {
    if number.is_i64() {
        return None;
    }
    let float = number.as_f64()?;
    if float.fract() != 0.0 {
        return Number::from_f64(float);
    }
    // Beyond what is exact, Go fills the shortest digits up with zeros, and so does this.
    let digits = format!("{float}");
    let whole = digits.parse::<i64>().map(Number::from).or_else(|_| digits.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(float))
}
