//! Reads and writes field sets as `fieldsV1`.

use serde_json::{Map, Value};

use super::element::{Element, Unreadable};
use super::set::Set;

/// The key that says that the place itself belongs to the set.
const HERE: &str = ".";

/// No set is deeper than this: objects are not, either.
const DEPTH: usize = 256;

/// Reads a set; `None` if the value is malformed or too deep. Steps of an unknown kind are dropped, as upstream does.
pub(super) fn decode(fields: Value) -> Option<Set> {
    let mut set = node(fields, DEPTH)?;
    // The whole object has no owner.
    set.member = false;
    Some(set)
}

fn node(value: Value, depth: usize) -> Option<Set> {
    let steps = match value {
        Value::Object(steps) => steps,
        Value::Null => return Some(Set::here()),
        _ => return None,
    };
    let depth = depth.checked_sub(1)?;
    let mut set = Set::default();
    for (text, value) in steps {
        if text == HERE {
            set.member = true;
            continue;
        }
        match Element::read(text) {
            Ok(step) => drop(set.below.insert(step, node(value, depth)?)),
            Err(Unreadable::Unknown) => {}
            Err(Unreadable::Malformed) => return None,
        }
    }
    set.member |= set.below.is_empty();
    Some(set)
}

/// Writes a set.
pub(super) fn encode(set: Set) -> Value {
    let mut steps = Map::new();
    if set.member && !set.below.is_empty() {
        steps.insert(HERE.to_owned(), Value::Object(Map::new()));
    }
    steps.extend(set.below.into_iter().map(|(step, set)| (step.into_text(), encode(set))));
    Value::Object(steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_are_read_and_written() {
        let same = json!({
            "f:metadata": {"f:finalizers": {".": {}, "v:\"example.com/a\"": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "i:0": {}}
        });
        assert_eq!(encode(decode(same.clone()).unwrap()), same);
        let odd = json!({".": {}, "f:a": {".": {}}, "f:b": null, "z:later": {}});
        assert_eq!(encode(decode(odd).unwrap()), json!({"f:a": {}, "f:b": {}}));
        for bad in [json!([]), json!({"f:a": 1}), json!({"k:x": {}}), json!({"a": {}})] {
            assert_eq!(decode(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn a_bottomless_set_is_refused() {
        let nested = |depth| (0..depth).fold(json!({}), |below, _| json!({"f:a": below}));
        assert!(decode(nested(DEPTH - 1)).is_some());
        assert_eq!(decode(nested(DEPTH)), None);
    }

    fn set() -> impl Strategy<Value = Set> {
        let leaf = Just(Set::here());
        let step = prop_oneof![
            "[a-c]".prop_map(|name| Element::field(&name)),
            "[a-c]".prop_map(|name| Element::key([("name", json!(name))].into_iter())),
            any::<i8>().prop_map(|value| Element::value(&json!(value))),
        ];
        leaf.prop_recursive(4, 32, 4, move |below| {
            (any::<bool>(), proptest::collection::btree_map(step.clone(), below, 1..4))
                .prop_map(|(member, below)| Set { member, below })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(mut set in set()) {
            set.member = false;
            prop_assert_eq!(decode(encode(set.clone())), Some(set));
        }
    }
}
