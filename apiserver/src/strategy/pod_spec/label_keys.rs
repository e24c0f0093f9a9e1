//! Checks the keys of labels whose values a selector takes from the pod itself (KEP-3243, KEP-3633).

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::tree::Value;

use crate::tree::Read;

/// Checks `matchLabelKeys` and `mismatchLabelKeys` beside a `labelSelector`, which has their requirements already if
/// this is a pod.
pub(super) fn validate(term: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let selector = term.at("labelSelector");
    for field in ["matchLabelKeys", "mismatchLabelKeys"] {
        let path = at.child(field);
        if selector.is_null() && !term.items(field).is_empty() {
            errors.push(Error::forbidden(&path, "must not be specified when labelSelector is not set"));
            continue;
        }
        for (index, key) in term.texts(field).enumerate() {
            errors.extend(labels::validate_label_name(key, &path.index(index)));
        }
    }
    check_selected(term, selector, at, errors);
    let path = at.child("matchLabelKeys");
    for (index, key) in term.texts("matchLabelKeys").enumerate() {
        if term.texts("mismatchLabelKeys").any(|other| other == key) {
            let why = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.push(Error::invalid(&path.index(index), key, why));
        }
    }
}

/// What a key has made a requirement of, the selector does not say once more.
fn check_selected(term: &Value, selector: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let expressions = selector.items("matchExpressions");
    for (index, expression) in expressions.iter().enumerate() {
        let key = expression.text("key");
        let is_said = selector.at("matchLabels").has(key)
            || expressions[..index].iter().any(|before| before.text("key") == key);
        let place = term.items("matchLabelKeys").iter().rposition(|one| one.as_str() == Some(key));
        if let Some(place) = place.filter(|_| is_said) {
            // Upstream's path leaves the field out.
            let why = "exists in both matchLabelKeys and labelSelector";
            errors.push(Error::invalid(&at.index(place), key, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_key_is_named_once() {
        let expression = json!({"key": "a", "operator": "In", "values": ["x"]});
        let cases = [
            (json!({"labelSelector": {"matchExpressions": [expression]}, "matchLabelKeys": ["a"]}), ""),
            (
                json!({"matchLabelKeys": ["a"], "mismatchLabelKeys": ["b"]}),
                "t.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set; t.mismatchLabelKeys: \
                 Forbidden: must not be specified when labelSelector is not set",
            ),
            (
                json!({
                    "labelSelector": {"matchLabels": {"a": "x"}, "matchExpressions": [expression]},
                    "matchLabelKeys": ["b", "a"]
                }),
                "t[1]: Invalid value: \"a\": exists in both matchLabelKeys and labelSelector",
            ),
            (
                json!({"labelSelector": {}, "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"]}),
                "t.matchLabelKeys[0]: Invalid value: \"a\": exists in both matchLabelKeys and mismatchLabelKeys",
            ),
        ];
        for (term, why) in cases {
            let mut errors = ErrorList::new();
            validate(&term, &Path::new("t"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
