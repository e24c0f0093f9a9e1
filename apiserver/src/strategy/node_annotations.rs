//! Annotations of nodes that stand for what became fields: taints, and pods that rather run elsewhere.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::node;
use crate::schema::{explain_json, kind_of};
use crate::tree::Read;

const TAINTS: &str = "scheduler.alpha.kubernetes.io/taints";

const AVOIDED: &str = "scheduler.alpha.kubernetes.io/preferAvoidPods";

/// What is wrong with the annotations of a node.
pub(super) fn validate(node: &Value, errors: &mut ErrorList) {
    let metadata = Path::new("metadata");
    let (at, annotations) = (metadata.child("annotations"), node.at("metadata").at("annotations"));
    match read(annotations.text(TAINTS), "array", "[]core.Taint") {
        Ok(taints) => {
            let taints: Vec<Value> = taints.as_array().into_iter().flatten().map(in_lower_case).collect();
            node::check_taints(&taints, &at.child(TAINTS), errors);
        }
        Err(why) => errors.push(Error::invalid(&at, TAINTS, why)),
    }
    match read(annotations.text(AVOIDED), "object", "v1.AvoidPods") {
        Ok(avoided) => check_avoided(avoided.items("preferAvoidPods"), &at.child(AVOIDED), errors),
        Err(why) => errors.push(Error::invalid(&at.child("AvoidPods"), AVOIDED, why)),
    }
}

/// The value in a text, if it is not empty; or why it is none of that Go type.
fn read(text: &str, kind: &str, go: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if let Some(why) = explain_json(text.as_bytes()) {
        return Err(why);
    }
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    match kind_of(&value) {
        "null" => Ok(value),
        found if found == kind => Ok(value),
        found => Err(format!("json: cannot unmarshal {found} into Go value of type {go}")),
    }
}

/// Upstream's taints have the names of Go's fields here; its decoder takes them however they are written.
fn in_lower_case(taint: &Value) -> Value {
    let fields = taint.as_object().into_iter().flatten();
    Value::Object(fields.map(|(name, value)| (name.to_lowercase(), value.clone())).collect())
}

fn check_avoided(entries: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, entry) in entries.iter().enumerate() {
        let item = at.index(index);
        let (path, owner) = (item.child("PodSignature"), entry.at("podSignature").at("podController"));
        if owner.is_null() {
            errors.push(Error::required(&path, ""));
        } else if !owner.flag("controller") {
            let path = path.child("PodController");
            errors.push(Error::invalid(&path.child("Controller"), false, "must point to a controller"));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn annotations_of_nodes_are_refused_in_upstreams_words() {
        let owned = |controller: bool| {
            json!({"preferAvoidPods": [{"podSignature": {"podController": {"controller": controller}}}]})
                .to_string()
        };
        let at = "metadata.annotations";
        let taint = r#"[{"Key": "a", "effect": "Never"}]"#;
        let cases = [
            (TAINTS, String::new(), String::new()),
            (TAINTS, "null".to_owned(), String::new()),
            (
                TAINTS,
                "{}".to_owned(),
                format!(
                    "{at}: Invalid value: \"{TAINTS}\": json: cannot unmarshal object into Go value of type \
                     []core.Taint"
                ),
            ),
            (
                TAINTS,
                taint.to_owned(),
                format!(
                    "{at}.{TAINTS}[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", \
                     \"PreferNoSchedule\", \"NoExecute\""
                ),
            ),
            (
                AVOIDED,
                "{".to_owned(),
                format!("{at}.AvoidPods: Invalid value: \"{AVOIDED}\": unexpected end of JSON input"),
            ),
            (
                AVOIDED,
                r#"{"preferAvoidPods": [{}]}"#.to_owned(),
                format!("{at}.{AVOIDED}[0].PodSignature: Required value"),
            ),
            (AVOIDED, owned(true), String::new()),
            (
                AVOIDED,
                owned(false),
                format!(
                    "{at}.{AVOIDED}[0].PodSignature.PodController.Controller: Invalid value: false: must point to a \
                     controller"
                ),
            ),
        ];
        for (key, text, expected) in cases {
            let mut errors = ErrorList::new();
            validate(&json!({"metadata": {"annotations": {key: text.clone()}}}), &mut errors);
            assert_eq!(
                errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                expected,
                "{text}"
            );
        }
    }
}
