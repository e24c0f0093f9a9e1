//! Reads and writes field sets as `fieldsV1`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::element::{Element, Unreadable};
use super::set::Set;

/// The key that says that the place itself belongs to the set.
pub(super) const HERE: &str = ".";

/// How the fields at a place begin that belongs to the set itself.
pub(super) const OPEN_HERE: &str = r#"{".":{}"#;

/// A set, read from `fieldsV1`. Steps of an unknown kind are dropped, as upstream does; a text that is malformed is an
/// error, and so is one that is nested deeper than any JSON is read.
#[derive(Default)]
pub(super) struct Fields<'a>(pub(super) Set<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = Node.deserialize(deserializer)?;
        // The whole object has no owner.
        set.member = false;
        Ok(Fields(set))
    }
}

struct Node;

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Set<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Set<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Set<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields below a field")
    }

    fn visit_unit<E>(self) -> Result<Set<'de>, E> {
        Ok(Set::here())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Set<'de>, A::Error> {
        let (mut member, mut below) = (false, Vec::new());
        while let Some(text) = entries.next_key_seed(Key)? {
            if text == HERE {
                entries.next_value::<IgnoredAny>()?;
                member = true;
                continue;
            }
            match Element::read(text) {
                Ok(step) => below.push((step, entries.next_value_seed(Node)?)),
                Err(Unreadable::Unknown) => drop(entries.next_value::<IgnoredAny>()?),
                Err(Unreadable::Malformed) => return Err(A::Error::custom("malformed step")),
            }
        }
        Ok(Set::new(member || below.is_empty(), below))
    }
}

/// A key, borrowed from the text where nothing in it is escaped.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step of a path")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Writes a set.
pub(super) fn encode(set: &Set<'_>, out: &mut String) {
    write(set, set.member, out);
}

/// Writes a set and, whether it holds that or not, the place itself.
pub(super) fn encode_here(set: &Set<'_>, out: &mut String) {
    write(set, true, out);
}

fn write(set: &Set<'_>, is_member: bool, out: &mut String) {
    out.push_str(if is_member && !set.is_leaf() { OPEN_HERE } else { "{" });
    set.iter().for_each(|(step, below)| write_step(step, below, out));
    out.push('}');
}

/// Writes a step and what is below it, behind the others.
pub(super) fn write_step(step: &Element<'_>, below: &Set<'_>, out: &mut String) {
    separate(out);
    step.write(out);
    out.push(':');
    encode(below, out);
}

/// Sets the next step apart from the one before, if there is one.
pub(super) fn separate(out: &mut String) {
    if out.as_bytes().last() != Some(&b'{') {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steersman_core::tree::{Value, json};

    use super::super::written;
    use super::*;

    fn decode(text: &str) -> Option<Set<'_>> {
        serde_json::from_str::<Fields<'_>>(text).ok().map(|fields| fields.0)
    }

    fn written(set: &Set<'_>) -> String {
        let mut text = String::new();
        encode(set, &mut text);
        text
    }

    #[test]
    fn sets_are_read_and_written() {
        let rewritten = |fields: Value| decode(&fields.to_string()).map(|set| written(&set));
        let same = json!({
            "f:metadata": {"f:finalizers": {".": {}, "v:\"example.com/a\"": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "i:0": {}}
        });
        assert_eq!(rewritten(same.clone()), Some(same.to_string()));
        let odd = json!({".": {}, "f:a": {".": {}}, "f:b": null, "z:later": {}});
        assert_eq!(rewritten(odd).as_deref(), Some(r#"{"f:a":{},"f:b":{}}"#));
        for bad in [json!([]), json!({"f:a": 1}), json!({"k:x": {}}), json!({"a": {}})] {
            assert_eq!(rewritten(bad.clone()), None, "{bad}");
        }
        let disordered = r#"{"f:b":{},"f:a":{"f:x":{}},"f:b":{"f:y":{}}}"#;
        assert_eq!(written(&decode(disordered).unwrap()), r#"{"f:a":{"f:x":{}},"f:b":{"f:y":{}}}"#);
    }

    #[test]
    fn a_bottomless_set_is_refused() {
        let nested = |depth| format!("{}{{}}{}", "{\"f:a\":".repeat(depth), "}".repeat(depth));
        assert!(decode(&nested(120)).is_some());
        assert_eq!(decode(&nested(100_000)), None);
    }

    fn set() -> impl Strategy<Value = Set<'static>> {
        let leaf = Just(Set::here());
        let step = prop_oneof![
            "[a-c]".prop_map(|name| Element::Field(name.into())),
            "[a-c]".prop_map(|name| Element::key([("name", Cow::Owned(json!(name)))].into_iter())),
            any::<i8>().prop_map(|value| Element::value(&json!(value))),
        ];
        leaf.prop_recursive(4, 32, 4, move |below| {
            (any::<bool>(), proptest::collection::btree_map(step.clone(), below, 1..4))
                .prop_map(|(member, below)| Set::new(member, below.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(mut set in set()) {
            set.member = false;
            let text = written(&set);
            prop_assert_eq!(decode(&text), Some(set));
        }

        #[test]
        fn what_is_written_holds_what_was_read(mut one in set(), mut other in set()) {
            (one.member, other.member) = (false, false);
            let text = written(&one);
            prop_assert_eq!(written::hold(&text, &other), one.covers(&other), "{}", text);
            let common = one.intersection(&other);
            prop_assert!(written::hold(&text, &common), "{}", text);
            prop_assert_eq!(written::meet(&text, &other), Some(one.meets(&other)), "{}", text);
            let mut united = String::new();
            let is_told = written::unite(&text, &other, &mut united).is_some();
            prop_assert!(is_told || one.is_empty(), "{}", text);
            one.unite(other);
            prop_assert!(!is_told || united == written(&one), "{}", text);
        }
    }
}
