//! Decides whether label keys and values, and whole maps of labels and annotations, are allowed.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/api/validate/content` and of the label parts of
//! `apis/meta/v1/validation`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::field::{self, Path};
use crate::names::{SUBDOMAIN_MAX_BYTES, framed, regex_sentence, subdomain_form};

/// The most bytes that all keys and values of an object's annotations have together.
pub const ANNOTATIONS_MAX_BYTES: usize = 256 << 10;

const MAX_BYTES: usize = 63;
const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_SENTENCE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                             alphanumeric character";

/// What is wrong with a label key: a name of at most 63 bytes, optionally after a DNS subdomain and a slash. Also the
/// form of annotation keys, finalizers, taints, condition types and resource names; upstream's `IsQualifiedName`.
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut slashes = value.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
    let (mut errors, name) = match (slashes.next(), slashes.next()) {
        (None, _) => (Vec::new(), value),
        (Some(at), None) => (prefix_errors(&value[..at]), &value[at + 1..]),
        (Some(_), Some(_)) => return vec![too_many_parts()],
    };
    name_errors(name, &mut errors);
    errors
}

/// What is wrong with a label value: empty, or at most 63 bytes of letters, digits, `-`, `_` and `.` between letters
/// or digits.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors: Vec<String> = too_long(value, MAX_BYTES).into_iter().collect();
    if !value.is_empty() && !is_name(value) {
        let sentence =
            format!("a valid label must be an empty string or {}", &NAME_SENTENCE["must ".len()..]);
        errors.push(regex_sentence(&sentence, &format!("({NAME})?"), &["MyValue", "my_value", "12345"]));
    }
    errors
}

/// Validates a label key, as part of the object at `path`.
pub fn validate_label_name(key: &str, path: &Path<'_>) -> field::ErrorList {
    qualified_name(key).into_iter().map(|why| field::Error::invalid(path, key, why)).collect()
}

/// Validates a map of labels: every key and every value.
pub fn validate_labels(labels: &BTreeMap<String, String>, path: &Path<'_>) -> field::ErrorList {
    let mut errors = field::ErrorList::new();
    for (key, value) in labels {
        errors.extend(validate_label_name(key, path));
        errors.extend(label_value(value).into_iter().map(|why| field::Error::invalid(path, value, why)));
    }
    errors
}

/// Validates a map of annotations: every key, whatever its case, and the size of all together.
pub fn validate_annotations(annotations: &BTreeMap<String, String>, path: &Path<'_>) -> field::ErrorList {
    let mut errors = field::ErrorList::new();
    for key in annotations.keys() {
        let faults = qualified_name(&key.to_lowercase());
        errors.extend(faults.into_iter().map(|why| field::Error::invalid(path, key, why)));
    }
    let bytes: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ANNOTATIONS_MAX_BYTES {
        errors.push(field::Error::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
    errors
}

/// Validates the label selector of an object; none is fine. Upstream's `ValidateLabelSelector`.
pub fn validate_label_selector(selector: Option<&LabelSelector>, path: &Path<'_>) -> field::ErrorList {
    let mut errors = field::ErrorList::new();
    let Some(selector) = selector else { return errors };
    if let Some(labels) = &selector.match_labels {
        errors.extend(validate_labels(labels, &path.child("matchLabels")));
    }
    let expressions = path.child("matchExpressions");
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        errors.extend(expression_errors(expression, &expressions.index(index)));
    }
    errors
}

fn expression_errors(expression: &LabelSelectorRequirement, path: &Path<'_>) -> field::ErrorList {
    let mut errors = field::ErrorList::new();
    let has_values = expression.values.as_ref().is_some_and(|values| !values.is_empty());
    match (expression.operator.as_str(), has_values) {
        ("In" | "NotIn", false) => errors.push(field::Error::required(
            &path.child("values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        ("Exists" | "DoesNotExist", true) => errors.push(field::Error::forbidden(
            &path.child("values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        ("In" | "NotIn", true) | ("Exists" | "DoesNotExist", false) => {}
        (other, _) => {
            errors.push(field::Error::invalid(
                &path.child("operator"),
                other,
                "not a valid selector operator",
            ));
        }
    }
    errors.extend(validate_label_name(&expression.key, &path.child("key")));
    errors
}

fn prefix_errors(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let faults = too_long(prefix, SUBDOMAIN_MAX_BYTES).into_iter().chain(subdomain_form(prefix));
    faults.map(|fault| format!("prefix part {fault}")).collect()
}

fn name_errors(name: &str, errors: &mut Vec<String>) {
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    }
    errors.extend(too_long(name, MAX_BYTES).map(|fault| format!("name part {fault}")));
    if !is_name(name) {
        errors.push(format!("name part {}", name_sentence(NAME_SENTENCE)));
    }
}

fn too_many_parts() -> String {
    let sentence = name_sentence(&format!("a valid label key {NAME_SENTENCE}"));
    format!("{sentence} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")
}

fn name_sentence(sentence: &str) -> String {
    regex_sentence(sentence, NAME, &["MyName", "my.name", "123-abc"])
}

fn is_name(value: &str) -> bool {
    let end = |byte: u8| byte.is_ascii_alphanumeric();
    framed(value.as_bytes(), end, |byte| end(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

fn too_long(value: &str, max_bytes: usize) -> Option<String> {
    (value.len() > max_bytes).then(|| format!("must be no more than {max_bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
                       an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                       validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

    #[test]
    fn keys_are_judged_as_upstream_judges_them() {
        let long = "a".repeat(64);
        let cases: &[(&str, &[&str])] = &[
            ("a", &[]),
            ("A.b_c-1", &[]),
            ("example.com/A", &[]),
            ("", &["name part must be non-empty", KEY]),
            ("a.com/", &["name part must be non-empty", KEY]),
            ("/b", &["prefix part must be non-empty"]),
            ("a b", &[KEY]),
            (&long, &["name part must be no more than 63 bytes"]),
            (&format!("{}/b", "a".repeat(254)), &["prefix part must be no more than 253 bytes"]),
        ];
        for (key, faults) in cases {
            assert_eq!(qualified_name(key), *faults, "{key}");
        }
        assert!(
            qualified_name("a/b/c")[0]
                .starts_with("a valid label key must consist of alphanumeric characters")
        );
        assert!(qualified_name("a/b/c")[0].ends_with(" and '/' (e.g. 'example.com/MyName')"));
        assert!(qualified_name("A.com/b")[0].starts_with("prefix part a lowercase RFC 1123 subdomain must"));
    }

    #[test]
    fn values_are_judged_as_upstream_judges_them() {
        let good = ["", "a", "A_b.c-1"];
        good.iter().for_each(|value| assert!(label_value(value).is_empty(), "{value}"));
        assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
        assert_eq!(
            label_value("-b"),
            [
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
              start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
              for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ]
        );
    }

    #[test]
    fn annotations_have_any_values_but_a_limited_size() {
        let path = Path::new("annotations");
        let with = |key: &str, bytes: usize| BTreeMap::from([(key.to_owned(), " ".repeat(bytes))]);
        assert_eq!(validate_annotations(&with("A.com/b", ANNOTATIONS_MAX_BYTES - 7), &path), []);
        let errors = validate_annotations(&with("a", ANNOTATIONS_MAX_BYTES), &path);
        assert_eq!(errors[0].to_string(), "annotations: Too long: may not be more than 262144 bytes");
        assert_eq!(validate_annotations(&with("a b", 0), &path).len(), 1);
    }

    #[test]
    fn selectors_of_objects_have_values_where_their_operators_want_them() {
        let errors = |operator: &str, values: &[&str]| {
            let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
            let expression = LabelSelectorRequirement { key: "a".into(), operator: operator.into(), values };
            let selector = LabelSelector { match_expressions: Some(vec![expression]), ..Default::default() };
            let errors = validate_label_selector(Some(&selector), &Path::new("selector"));
            errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let at = "selector.matchExpressions[0]";
        assert_eq!(errors("In", &["b"]), Vec::<String>::new());
        assert_eq!(
            errors("NotIn", &[]),
            [format!("{at}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'")]
        );
        assert_eq!(
            errors("Exists", &["b"]),
            [format!(
                "{at}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            )]
        );
        assert_eq!(
            errors("Gt", &["1"]),
            [format!("{at}.operator: Invalid value: \"Gt\": not a valid selector operator")]
        );
    }
}
