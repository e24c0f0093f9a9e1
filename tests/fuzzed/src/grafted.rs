//! JSON that is nearly right: trees, in which a few values and names are removed, copied or replaced.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use steersman_core::tree::Value;

/// How many edits away from a seed a tree is at most.
const EDITS: usize = 4;

/// Values that stand where others were expected.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e300",
    "9223372036854775807",
    "18446744073709551615",
    "\"\"",
    "\"a\"",
    "\"-1\"",
    "\"a/b\"",
    "\"\\u0000\"",
    "\"é\"",
    "\"1E3\"",
    "\"2026-01-01T00:00:00Z\"",
    "{}",
    "[]",
    "[null]",
    "[{}]",
    "[[]]",
    "{\"a\":null}",
    "\"delete\"",
    "\"replace\"",
    "\"/\"",
    "\"/metadata/name\"",
    "\"/-\"",
    "\"/~1~\"",
];

/// Names that stand where others were expected.
const NAMES: &[&str] = &[
    "",
    ".",
    "a",
    "-",
    "~",
    "a/b",
    "name",
    "kind",
    "uid",
    "namespace",
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$deleteFromPrimitiveList/finalizers",
    "f:",
    "f:a",
    "f:data",
    "v:1",
    "v:",
    "k:{}",
    "k:{\"name\":1}",
    "i:-1",
    "i:99999999999",
];

#[derive(Clone, Debug)]
enum Edit {
    /// A value is removed.
    Remove,
    /// A value is replaced.
    Value(&'static str),
    /// A value stands in another place, too.
    Copy(Index),
    /// A value has another name.
    Name(&'static str),
}

/// The seeds that are JSON.
pub(crate) fn trees(seeds: &[&str]) -> Vec<Value> {
    seeds.iter().filter_map(|seed| serde_json::from_str(seed).ok()).collect()
}

/// Texts of trees a few edits away from these.
pub(crate) fn texts(trees: Vec<Value>) -> impl Strategy<Value = Bytes> {
    let edits = vec((any::<Index>(), edit()), 1..=EDITS);
    (select(trees), edits).prop_map(|(mut tree, edits)| {
        edits.iter().for_each(|(at, edit)| apply(&mut tree, *at, edit));
        Bytes::from(tree.to_string())
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Remove),
        select(VALUES).prop_map(Edit::Value),
        any::<Index>().prop_map(Edit::Copy),
        select(NAMES).prop_map(Edit::Name),
    ]
}

fn apply(tree: &mut Value, at: Index, edit: &Edit) {
    let places = places(tree, "");
    let place = places[at.index(places.len())].as_str();
    match edit {
        Edit::Remove => drop(take(tree, place)),
        Edit::Value(text) => {
            let value = serde_json::from_str(text).expect("the values are JSON");
            put(tree, place, value);
        }
        Edit::Copy(from) => {
            let value = tree.pointer(&places[from.index(places.len())]).cloned().unwrap_or_default();
            put(tree, place, value);
        }
        Edit::Name(name) => {
            let Some((parent, _)) = place.rsplit_once('/') else { return };
            if let (Some(value), Some(Value::Object(parent))) = (take(tree, place), tree.pointer_mut(parent))
            {
                parent.insert((*name).to_owned(), value);
            }
        }
    }
}

/// The pointers to a value and to all within it.
fn places(value: &Value, here: &str) -> Vec<String> {
    let below = |name: &str| format!("{here}/{}", name.replace('~', "~0").replace('/', "~1"));
    let within: Vec<String> = match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| places(value, &below(name))).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(number, item)| places(item, &below(&number.to_string())))
            .collect(),
        _ => Vec::new(),
    };
    [here.to_owned()].into_iter().chain(within).collect()
}

fn put(tree: &mut Value, place: &str, value: Value) {
    if let Some(old) = tree.pointer_mut(place) {
        *old = value;
    }
}

/// Takes a value out of what it stands in.
fn take(tree: &mut Value, place: &str) -> Option<Value> {
    let (parent, name) = place.rsplit_once('/')?;
    match tree.pointer_mut(parent)? {
        Value::Object(fields) => fields.remove(&name.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => name.parse().ok().map(|number: usize| items.remove(number)),
        _ => None,
    }
}
