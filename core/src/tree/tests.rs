//! Trees are to their users what those of `serde_json` are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

/// A name of few, so that objects often share some.
fn name() -> impl Strategy<Value = String> {
    "[a-c]{1,2}|a name that is longer than a text has room for"
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~é]{0,30}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 40, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(name(), inner.clone(), 0..4)
                .prop_map(|map| map.into_iter().collect()),
            // More fields than are looked through one by one.
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..40).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// What a tree, and what `serde_json` makes of a text.
fn read(text: &str) -> [String; 2] {
    let ours: Value = serde_json::from_str(text).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(text).unwrap();
    [ours.to_string(), theirs.to_string()]
}

proptest! {
    #[test]
    fn trees_are_read_and_written_as_serde_json_does(json in any_json()) {
        let tree = Value::from(json.clone());
        prop_assert_eq!(tree.to_string(), json.to_string());
        prop_assert_eq!(format!("{tree:#}"), format!("{json:#}"));
        let [ours, theirs] = read(&json.to_string());
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(to_value(&tree).unwrap(), tree.clone());
        prop_assert_eq!(from_value::<serde_json::Value>(&tree).unwrap(), json.clone());
        prop_assert_eq!(serde_json::Value::from(tree), json);
    }

    #[test]
    fn objects_are_what_maps_are(steps in prop::collection::vec((name(), any::<Option<u8>>()), 0..60)) {
        let (mut map, mut model) = (Map::new(), BTreeMap::new());
        for (name, number) in steps {
            let before = map.clone();
            let shown = Value::Object(before.clone()).to_string();
            let (gone, expected) = match number {
                Some(number) => (map.insert(name.clone(), number.into()), model.insert(name.clone(), number)),
                None => (map.remove(&name), model.remove(&name)),
            };
            prop_assert_eq!(gone, expected.map(Value::from));
            prop_assert_eq!(map.get(&name).cloned(), number.map(Value::from));
            prop_assert_eq!(&map, &model.iter().map(|(name, number)| (name.as_str(), *number)).collect());
            // What was shared is as it was.
            prop_assert_eq!(Value::Object(before).to_string(), shown);
        }
    }

    #[test]
    fn of_fields_with_one_name_the_last_stays(fields in prop::collection::vec((name(), any::<u8>()), 0..60)) {
        let model: BTreeMap<_, _> = fields.iter().cloned().collect();
        let text: Vec<_> = fields.iter().map(|(name, number)| format!("{name:?}:{number}")).collect();
        let read: Map = serde_json::from_str(&format!("{{{}}}", text.join(","))).unwrap();
        prop_assert_eq!(&read, &model.into_iter().collect());
        prop_assert_eq!(&read, &fields.into_iter().collect());
    }
}

#[test]
fn objects_with_many_fields_are_what_objects_with_few_are() {
    let name = |number: u32| format!("{}", number * 7919 % 1000);
    let (mut map, mut model) = (Map::new(), BTreeMap::new());
    for number in 0..1000 {
        assert_eq!(map.insert(name(number), number.into()), None);
        model.insert(name(number), number);
    }
    let read: Map = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!((&map, map.len()), (&read, 1000));
    for number in 10..1000 {
        assert_eq!(map.remove(&name(number)), model.remove(&name(number)).map(Value::from));
        assert_eq!(map.get(&name(number)), None);
    }
    assert_eq!((map.keys().next_back(), map.len()), (model.keys().next_back().map(Text::from).as_ref(), 10));
    assert_eq!(map, model.into_iter().collect());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    New(i32),
    Pair(i32, String),
    Named { size: Option<u8>, flag: bool },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    by_number: BTreeMap<String, (f64, char)>,
    nothing: (),
    text: String,
}

#[test]
fn typed_values_go_through_a_tree_unharmed() {
    let all = Everything {
        shapes: vec![
            Shape::Unit,
            Shape::New(-1),
            Shape::Pair(2, "two".into()),
            Shape::Named { size: None, flag: true },
        ],
        by_number: BTreeMap::from([("1".to_owned(), (0.5, 'é'))]),
        nothing: (),
        text: "longer than a text has room for in its place".to_owned(),
    };
    let tree = to_value(&all).unwrap();
    assert_eq!(serde_json::Value::from(tree.clone()), serde_json::to_value(&all).unwrap());
    assert_eq!(from_value::<Everything>(tree).unwrap(), all);
}

#[test]
fn what_does_not_fit_a_type_is_told_in_the_words_of_serde_json() {
    for json in
        [r#"{"Pair": [1]}"#, r#"{"New": "x"}"#, r#"{"Unit": null, "New": 1}"#, "7", r#""Round""#, "[]"]
    {
        let tree: Value = serde_json::from_str(json).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(json).unwrap();
        let (ours, theirs) = (from_value::<Shape>(tree), serde_json::from_value::<Shape>(theirs));
        assert_eq!(ours.unwrap_err().to_string(), theirs.unwrap_err().to_string(), "{json}");
    }
}

#[test]
fn a_literal_is_the_json_that_stands_there() {
    let (name, list) = ("b", [1, 2]);
    let tree = json!({
        "null": null, "list": [null, true, {"a": -1}, [], list.len(), name.len() + 1], name: {}, name.repeat(2): list,
    });
    let text = r#"{"b":{},"bb":[1,2],"list":[null,true,{"a":-1},[],2,2],"null":null}"#;
    assert_eq!(tree.to_string(), text);
    assert_eq!(json!([]), json!(Vec::<i32>::new()));
}

#[test]
fn pointers_and_indexes_lead_to_the_same_places() {
    let mut tree = json!({"a/b": [{"~": 1}, 2], "": {"0": 3}});
    for (pointer, found) in [
        ("/a~1b/0/~0", Some(1)),
        ("/a~1b/1", Some(2)),
        ("//0", Some(3)),
        ("/a~1b/01", None),
        ("/a~1b/+1", None),
        ("/a~1b/2", None),
        ("a~1b/1", None),
    ] {
        assert_eq!(tree.pointer(pointer).and_then(Value::as_i64), found, "{pointer}");
        assert_eq!(tree.pointer_mut(pointer).and_then(|value| value.as_i64()), found, "{pointer}");
    }
    assert_eq!(tree.pointer(""), Some(&tree));
    assert_eq!((&tree["a/b"][1], &tree["none"]["deep"], &tree["a/b"]["x"]), (&json!(2), &NULL, &NULL));
    tree["new"]["deep"] = json!(4);
    assert_eq!(tree["new"], json!({"deep": 4}));
}

#[test]
fn clones_share_until_one_is_changed() {
    let mut tree = json!({"spec": {"list": [{"a": 1}]}, "status": {}});
    let before = tree.clone();
    tree["spec"]["list"][0]["a"] = json!(2);
    assert_eq!(before, json!({"spec": {"list": [{"a": 1}]}, "status": {}}));
    assert_eq!(tree, json!({"spec": {"list": [{"a": 2}]}, "status": {}}));
}

#[test]
fn entries_fill_and_change() {
    let mut map = Map::from([("a", 1), ("c", 3)]);
    *map.entry("b").or_insert(Value::Null) = json!(2);
    let unchanged = map.entry("a").and_modify(|value| *value = json!(10)).or_insert(json!(0)).clone();
    assert_eq!(unchanged, 10);
    if let Entry::Occupied(entry) = map.entry("c") {
        assert_eq!(entry.key(), "c");
        assert_eq!(entry.remove(), json!(3));
    }
    map.retain(|name, _| name != "a");
    map.append(&mut Map::from([("b", 4), ("a", 5)]));
    assert_eq!(Value::Object(map), json!({"a": 5, "b": 4}));
}
