//! JSON patch (RFC 6902), as upstream's library applies it: more forgiving than the RFC about paths.

use steersman_core::api::FieldValidation;
use steersman_core::error::Reason;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::{Misfit, inapplicable, wrong_type};
use crate::schema::kind_of;

/// No patch has more operations than this; upstream's limit.
const OPERATIONS: usize = 10_000;

/// The values that the copies of one patch may add up to, in bytes of JSON; upstream's limit.
const COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Applies the operations, one after the other, to `current`.
pub(super) fn apply(patch: &Value, current: Value, validation: FieldValidation) -> Result<Value> {
    let operations = read(patch, validation)?;
    if operations.len() > OPERATIONS {
        return Err(Error::new(
            Reason::RequestEntityTooLarge,
            format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS}, got {}",
                operations.len()
            ),
        ));
    }
    let mut document = Document { root: current, copied: 0 };
    for operation in operations {
        document.perform(operation).ok_or_else(inapplicable)?;
    }
    Ok(document.root)
}

/// The operations of a patch. Where nothing is validated, nobody but upstream's library reads them, which looks at the
/// types of their fields only when it performs them.
fn read(patch: &Value, validation: FieldValidation) -> Result<&[Value]> {
    let is_read_once = validation == FieldValidation::Ignore;
    let undecodable = |found: &Value, read_once: &str, read_twice: &str| {
        Err(Error::bad_request(match is_read_once {
            true => wrong_type(found, read_once),
            false => format!("error decoding patch: {}", wrong_type(found, read_twice)),
        }))
    };
    let operations = match patch {
        Value::Array(operations) => operations.as_slice(),
        Value::Null => &[],
        other => return undecodable(other, "jsonpatch.Patch", "[]handlers.jsonPatchOp"),
    };
    if let Some(odd) = operations.iter().find(|operation| !operation.is_object() && !operation.is_null()) {
        return undecodable(odd, "jsonpatch.Operation", "handlers.jsonPatchOp");
    }
    match operations.iter().find_map(untyped).filter(|_| !is_read_once) {
        None => Ok(operations),
        Some((name, found)) => Err(Error::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go struct field jsonPatchOp.{name} of type string",
            kind_of(found)
        ))),
    }
}

/// The same for the operations of a policy, of which it is told why they do not apply.
pub(super) fn perform(operations: &Value, current: &Value) -> std::result::Result<Value, Misfit> {
    let mut document = Document { root: current.clone(), copied: 0 };
    for operation in operations.as_array().into_iter().flatten() {
        if document.perform(operation).is_none() {
            return Err(document.misfit(operation));
        }
    }
    Ok(document.root)
}

/// A field of an operation that is to be a text and is none.
fn untyped(operation: &Value) -> Option<(&'static str, &Value)> {
    let fields = ["op", "path", "from"].into_iter();
    let mut found = fields.filter_map(|name| Some((name, operation.get(name)?)));
    found.find(|(_, value)| !value.is_string() && !value.is_null())
}

struct Document {
    root: Value,
    copied: usize,
}

impl Document {
    /// Performs one operation; `None` if it does not apply.
    fn perform(&mut self, operation: &Value) -> Option<()> {
        let path = operation.get("path")?.as_str()?;
        let value = || operation.get("value").cloned().unwrap_or(Value::Null);
        match operation.get("op")?.as_str()? {
            "add" => self.add(path, value()),
            "remove" => self.remove(path).map(drop),
            "replace" => self.replace(path, value()),
            "test" => {
                (self.find(path) == Some(&value()) || self.is_absent(path) && value().is_null()).then_some(())
            }
            "move" => {
                let moved = self.remove(operation.get("from")?.as_str()?)?;
                self.add(path, moved)
            }
            "copy" => {
                let copied = self.copied(operation.get("from")?.as_str()?)?;
                self.copied += copied.to_string().len();
                if self.copied > COPIED_BYTES { None } else { self.add(path, copied) }
            }
            _ => None,
        }
    }

    /// Why an operation does not apply.
    fn misfit(&mut self, operation: &Value) -> Misfit {
        let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (op, path) = (text("op"), text("path"));
        let shown = if op == "replace" { path.clone() } else { format!("{path:?}") };
        let missing = format!("{op} operation does not apply: doc is missing path: {shown}: missing value");
        Misfit::Other(match (op.as_str(), self.parent(&path)) {
            ("test", _) => return Misfit::Test(format!("testing value {path} failed: test failed")),
            ("add" | "replace" | "remove", None) => missing,
            ("add" | "replace" | "remove", Some((Value::Array(_), key))) => {
                format!(
                    "error in {op} for path: '{path}': Unable to access invalid index: {key}: invalid index referenced"
                )
            }
            ("remove", Some((_, key))) => {
                format!(
                    "error in remove for path: '{path}': Unable to remove nonexistent key: {key}: missing value"
                )
            }
            ("move" | "copy", _) => {
                format!(
                    "{op} operation does not apply: doc is missing from path: {}: missing value",
                    text("from")
                )
            }
            _ => format!("Unexpected kind: {op}"),
        })
    }

    fn add(&mut self, path: &str, value: Value) -> Option<()> {
        match self.parent(path)? {
            (Value::Object(map), key) => {
                map.insert(key, value);
            }
            (Value::Array(list), key) if key == "-" => list.push(value),
            (Value::Array(list), key) => {
                // An index counts from the end if it is negative, where the end is behind the new element.
                let at = position(&key, list.len() + 1)?;
                list.insert(at, value);
            }
            _ => return None,
        }
        Some(())
    }

    fn remove(&mut self, path: &str) -> Option<Value> {
        match self.parent(path)? {
            (Value::Object(map), key) => map.remove(&key),
            (Value::Array(list), key) => position(&key, list.len()).map(|at| list.remove(at)),
            _ => None,
        }
    }

    /// Upstream's library lets a missing key of an object be replaced.
    fn replace(&mut self, path: &str, value: Value) -> Option<()> {
        if path.is_empty() {
            let whole = value.is_object() || value.is_array();
            return whole.then(|| self.root = value);
        }
        match self.parent(path)? {
            (Value::Object(map), key) => {
                map.insert(key, value);
            }
            (Value::Array(list), key) => {
                let at = position(&key, list.len())?;
                list[at] = value;
            }
            _ => return None,
        }
        Some(())
    }

    fn find(&self, path: &str) -> Option<&Value> {
        if path.is_empty() {
            return Some(&self.root);
        }
        let mut steps = path.split('/');
        // Whatever stands before the first slash stands for the document.
        steps.next();
        steps.try_fold(&self.root, |value, step| match value {
            Value::Object(map) => map.get(&unescaped(step)),
            Value::Array(list) => list.get(position(step, list.len())?),
            _ => None,
        })
    }

    /// What is copied from a path; upstream's library makes null of a key that an object does not have, and does not copy
    /// the whole.
    fn copied(&self, path: &str) -> Option<Value> {
        if self.is_absent(path) {
            return Some(Value::Null);
        }
        self.find(path).filter(|_| path.contains('/')).cloned()
    }

    /// Whether the path leads to a key that an object does not have.
    fn is_absent(&self, path: &str) -> bool {
        let Some((parent, key)) = path.rsplit_once('/') else { return false };
        matches!(self.find(parent), Some(Value::Object(map)) if !map.contains_key(&unescaped(key)))
    }

    /// The object or list that the last step of the path leads into, and that step.
    fn parent(&mut self, path: &str) -> Option<(&mut Value, String)> {
        let (parent, key) = path.rsplit_once('/')?;
        let mut steps = parent.split('/');
        steps.next();
        let parent = steps.try_fold(&mut self.root, |value, step| match value {
            Value::Object(map) => map.get_mut(&unescaped(step)),
            Value::Array(list) => {
                let at = position(step, list.len())?;
                list.get_mut(at)
            }
            _ => None,
        })?;
        Some((parent, unescaped(key)))
    }
}

fn unescaped(step: &str) -> String {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~") } else { step.to_owned() }
}

/// An index into a list of that length; a negative one counts from its end.
fn position(step: &str, len: usize) -> Option<usize> {
    let index: i64 = step.parse().ok()?;
    let len = i64::try_from(len).ok()?;
    let index = if index < 0 { index + len } else { index };
    if (0..len).contains(&index) { usize::try_from(index).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn apply(patch: &Value, current: Value) -> Result<Value> {
        super::apply(patch, current, FieldValidation::Warn)
    }

    #[test]
    fn operations_do_what_upstreams_library_does() {
        let at = json!({"a": "1", "l": [1, 2], "s/t": 1});
        let cases = [
            (
                json!([{"op": "add", "path": "/b", "value": 2}]),
                json!({"a": "1", "b": 2, "l": [1, 2], "s/t": 1}),
            ),
            (
                json!([{"op": "replace", "path": "/n", "value": 2}]),
                json!({"a": "1", "n": 2, "l": [1, 2], "s/t": 1}),
            ),
            (
                json!([{"op": "add", "path": "ignored/b", "value": 2}]),
                json!({"a": "1", "b": 2, "l": [1, 2], "s/t": 1}),
            ),
            (json!([{"op": "add", "path": "/l/0", "value": 0}]), json!({"a": "1", "l": [0, 1, 2], "s/t": 1})),
            (json!([{"op": "add", "path": "/l/-", "value": 0}]), json!({"a": "1", "l": [1, 2, 0], "s/t": 1})),
            (
                json!([{"op": "add", "path": "/l/-1", "value": 0}]),
                json!({"a": "1", "l": [1, 2, 0], "s/t": 1}),
            ),
            (
                json!([{"op": "replace", "path": "/l/00", "value": 0}]),
                json!({"a": "1", "l": [0, 2], "s/t": 1}),
            ),
            (json!([{"op": "remove", "path": "/s~1t"}]), json!({"a": "1", "l": [1, 2]})),
            (
                json!([{"op": "move", "from": "/l/0", "path": "/l/1"}]),
                json!({"a": "1", "l": [2, 1], "s/t": 1}),
            ),
            (
                json!([{"op": "copy", "from": "/a", "path": "/s~1t"}]),
                json!({"a": "1", "l": [1, 2], "s/t": "1"}),
            ),
            (
                json!([{"op": "copy", "from": "/none", "path": "/b"}]),
                json!({"a": "1", "b": null, "l": [1, 2], "s/t": 1}),
            ),
            (json!([{"op": "test", "path": "/l", "value": [1, 2]}]), at.clone()),
            (json!([{"op": "test", "path": "/none", "value": null}]), at.clone()),
            (json!([{"op": "replace", "path": "", "value": {"x": 1}}]), json!({"x": 1})),
            (json!(null), at.clone()),
        ];
        for (patch, target) in cases {
            assert_eq!(apply(&patch, at.clone()).unwrap(), target, "{patch}");
        }
    }

    #[test]
    fn operations_that_do_not_apply_are_422() {
        let at = json!({"a": "1", "l": [1, 2]});
        for patch in [
            json!([{"op": "add", "path": "/n/x", "value": 2}]),
            json!([{"op": "frob", "path": "/a"}]),
            json!([{"path": "/a"}]),
            json!([{"op": "remove", "path": "/n"}]),
            json!([{"op": "add", "path": "/l/9", "value": 1}]),
            json!([{"op": "replace", "path": "/l/x", "value": 1}]),
            json!([{"op": "test", "path": "/a", "value": "2"}]),
            json!([{"op": "add", "path": "", "value": {}}]),
            json!([{"op": "copy", "from": "", "path": "/b"}]),
        ] {
            assert_eq!(apply(&patch, at.clone()).unwrap_err().code(), 422, "{patch}");
        }
    }

    #[test]
    fn an_operation_whose_fields_are_no_texts_cannot_be_read() {
        let error = apply(&json!([{"op": "add", "path": 1, "value": 2}]), json!({})).unwrap_err();
        let why = "json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string";
        assert_eq!((error.code(), error.message()), (400, format!("error decoding patch: {why}").as_str()));
    }

    #[test]
    fn a_patch_that_is_no_list_of_operations_cannot_be_read() {
        let cases = [
            (json!({}), "object", "[]handlers.jsonPatchOp", "jsonpatch.Patch"),
            (json!(["x"]), "string", "handlers.jsonPatchOp", "jsonpatch.Operation"),
        ];
        for (patch, found, strict, lax) in cases {
            let message =
                |validation| super::apply(&patch, json!({}), validation).unwrap_err().message().to_owned();
            let why = |go: &str| format!("json: cannot unmarshal {found} into Go value of type {go}");
            assert_eq!(message(FieldValidation::Strict), format!("error decoding patch: {}", why(strict)));
            assert_eq!(message(FieldValidation::Ignore), why(lax));
        }
        let untyped = json!([{"op": "add", "path": 1, "value": 2}]);
        let error = super::apply(&untyped, json!({}), FieldValidation::Ignore).unwrap_err();
        assert_eq!(error.code(), 422);
    }

    #[test]
    fn no_patch_has_more_than_ten_thousand_operations() {
        let operation = json!({"op": "test", "path": "/a", "value": 1});
        let at = json!({"a": 1});
        assert!(apply(&vec![operation.clone(); 10_000].into(), at.clone()).is_ok());
        let error = apply(&vec![operation; 10_001].into(), at).unwrap_err();
        assert_eq!(error.code(), 413);
        assert!(error.message().ends_with("maximum operations in a JSON patch is 10000, got 10001"));
    }
}
