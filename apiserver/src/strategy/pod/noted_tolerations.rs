//! Checks the annotation that once held the tolerations of a pod. It has no effect any more, but must still be right.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};

use crate::schema::{explain_json, kind_of};
use crate::strategy::pod_spec::check_tolerations;
use crate::tree::{Fill, Read};

const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";

/// The fields of a toleration as they are named in Go, in JSON, and with Go's types.
const FIELDS: [(&str, &str, &str); 5] = [
    ("Key", "key", "string"),
    ("Operator", "operator", "core.TolerationOperator"),
    ("Value", "value", "string"),
    ("Effect", "effect", "core.TaintEffect"),
    ("TolerationSeconds", "tolerationSeconds", "int64"),
];

/// Checks the tolerations among the annotations, which stand at `at`.
pub(super) fn validate(annotations: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let text = annotations.text(TOLERATIONS);
    if text.is_empty() {
        return;
    }
    match read(text) {
        Ok(tolerations) => check_tolerations(&tolerations, &at.child(TOLERATIONS), errors),
        Err(why) => errors.push(Error::invalid(at, TOLERATIONS, why)),
    }
}

/// The tolerations in a text, or why it has none, in the words of Go's decoder.
fn read(text: &str) -> Result<Vec<Value>, String> {
    if let Some(why) = explain_json(text.as_bytes()) {
        return Err(why);
    }
    match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(toleration).collect(),
        other => Err(mismatch(&other, "Go value of type []core.Toleration")),
    }
}

/// A toleration with the names that it has in JSON: Go reads those of the struct in whatever case.
fn toleration(value: &Value) -> Result<Value, String> {
    match value {
        Value::Null => Ok(Map::new().into()),
        Value::Object(map) => {
            let mut toleration = Map::new();
            for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                let field = FIELDS.iter().find(|(_, name, _)| key.eq_ignore_ascii_case(name));
                let Some((go, name, kind)) = field else { continue };
                let fits = if *kind == "int64" { value.as_i64().is_some() } else { value.is_string() };
                if !fits {
                    return Err(mismatch(value, &format!("Go struct field Toleration.{go} of type {kind}")));
                }
                toleration.put(name, value.clone());
            }
            Ok(toleration.into())
        }
        other => Err(mismatch(other, "Go value of type core.Toleration")),
    }
}

fn mismatch(found: &Value, place: &str) -> String {
    format!("json: cannot unmarshal {} into {place}", kind_of(found))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn tolerations_that_are_noted_are_checked() {
        let invalid = |why: &str| {
            format!(
                "metadata.annotations: Invalid value: \"scheduler.alpha.kubernetes.io/tolerations\": {why}"
            )
        };
        let cases = [
            ("", String::new()),
            ("null", String::new()),
            ("[]", String::new()),
            (r#"[{"key": "a", "OPERATOR": "Exists", "effect": null, "other": 1}]"#, String::new()),
            ("x", invalid("invalid character 'x' looking for beginning of value")),
            ("{}", invalid("json: cannot unmarshal object into Go value of type []core.Toleration")),
            ("[1]", invalid("json: cannot unmarshal number into Go value of type core.Toleration")),
            (
                r#"[{"key": true}]"#,
                invalid("json: cannot unmarshal bool into Go struct field Toleration.Key of type string"),
            ),
            (
                r#"[{"key": "a", "operator": "Exists", "value": "b"}]"#,
                "metadata.annotations.scheduler.alpha.kubernetes.io/tolerations[0].operator: Invalid value: \"b\": value \
                 must be empty when `operator` is 'Exists'"
                    .to_owned(),
            ),
        ];
        for (text, why) in cases {
            let mut errors = ErrorList::new();
            let at = Path::new("metadata");
            validate(&json!({TOLERATIONS: text}), &at.child("annotations"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why, "{text}");
        }
    }
}
