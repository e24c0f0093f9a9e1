//! Phrases that cells of several kinds have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::Deserialize;
use steersman_core::selector::LabelSelector;
use steersman_core::tree::Value;

use crate::tree::Read;

/// What stands for nothing.
pub(super) const NONE: &str = "<none>";

/// What stands for a choice that was not made.
pub(super) const UNSET: &str = "<unset>";

/// Labels, or a selector by labels: `app=web,tier=front`.
pub(super) fn labels(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    or(pairs.join(","), NONE)
}

/// A selector with expressions: `app=web,tier in (a,b)`.
pub(super) fn selector(selector: &Value) -> String {
    match selector_text(selector) {
        Some(text) => or(text, NONE),
        None => "<error>".to_owned(),
    }
}

/// The same; empty if it selects everything or nothing, `None` if it is none.
pub(super) fn selector_text(selector: &Value) -> Option<String> {
    if selector.is_null() {
        return Some(String::new());
    }
    let typed = v1::LabelSelector::deserialize(selector).ok()?;
    LabelSelector::from_object(Some(&typed)).ok().map(|selector| selector.to_string())
}

/// The names and the images of containers.
pub(super) fn containers(spec: &Value) -> [Value; 2] {
    ["name", "image"].map(|field| {
        let texts: Vec<&str> = spec.items("containers").iter().map(|one| one.text(field)).collect();
        texts.join(",").into()
    })
}

/// The first three of a list, and how many there are beyond.
pub(super) fn first(list: &[String]) -> String {
    const SHOWN: usize = 3;
    match list.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} + {more} more...", list[..SHOWN].join(",")),
        _ => list.join(","),
    }
}

/// A text, or another if it is empty.
pub(super) fn or(text: impl Into<String>, other: &str) -> String {
    let text = text.into();
    if text.is_empty() { other.to_owned() } else { text }
}

/// A text or a number as text; `None` if there is neither.
pub(super) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number; zero if there is none.
pub(super) fn count(value: &Value) -> Value {
    value.as_i64().unwrap_or_default().into()
}

/// How many items or entries there are.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn selectors_are_printed_as_they_are_written() {
        assert_eq!(labels(&json!({"b": "2", "a": "1"})), "a=1,b=2");
        assert_eq!(labels(&json!({})), "<none>");
        let expression = json!({"key": "t", "operator": "In", "values": ["b", "a"]});
        assert_eq!(
            selector(&json!({"matchLabels": {"a": "1"}, "matchExpressions": [expression]})),
            "a=1,t in (a,b)"
        );
        assert_eq!(selector(&Value::Null), "<none>");
        assert_eq!(selector(&json!({"matchExpressions": [{"key": "t", "operator": "Is"}]})), "<error>");
    }

    #[test]
    fn long_lists_are_cut() {
        let list: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(first(&list), "a,b,c + 2 more...");
        assert_eq!(first(&list[..3]), "a,b,c");
    }
}
