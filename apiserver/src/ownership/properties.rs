//! What holds of owners and of apply whatever the schema: over schemas and objects made at random.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::strategy::Union;
use steersman_core::tree::{Map, Value, json};

use super::codec::{self, Fields};
use super::testing::Story;

/// A type, as a custom resource may have it.
#[derive(Clone, Debug)]
enum Type {
    Number,
    Struct(BTreeMap<String, Type>, bool),
    Map(Box<Type>, bool),
    Atoms(Box<Type>),
    Set,
    /// A list of structs told apart by the field `id`.
    Keyed(BTreeMap<String, Type>),
}

impl Type {
    fn schema(&self) -> Value {
        let properties = |fields: &BTreeMap<String, Type>| -> Map {
            fields.iter().map(|(name, of)| (name.clone(), of.schema())).collect()
        };
        let kind = |atomic: &bool| if *atomic { "atomic" } else { "granular" };
        match self {
            Type::Number => json!({"type": "integer"}),
            Type::Struct(fields, atomic) => {
                json!({"type": "object", "properties": properties(fields), "x-kubernetes-map-type": kind(atomic)})
            }
            Type::Map(of, atomic) => {
                json!({"type": "object", "additionalProperties": of.schema(), "x-kubernetes-map-type": kind(atomic)})
            }
            Type::Atoms(of) => json!({"type": "array", "items": of.schema()}),
            Type::Set => {
                json!({"type": "array", "items": {"type": "integer"}, "x-kubernetes-list-type": "set"})
            }
            Type::Keyed(fields) => {
                let mut properties = properties(fields);
                properties.insert("id".to_owned(), json!({"type": "integer"}));
                json!({
                    "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                    "items": {"type": "object", "required": ["id"], "properties": properties}
                })
            }
        }
    }

    /// Values of the type. Lists that are owned by their elements have at least one: an empty one sets no path, for
    /// upstream's `ToFieldSet` looks at the elements alone. When an applier gives up the fields beside it, whatever
    /// holds it looks empty and is removed, whoever else owns or applies it, and the next apply makes it anew. That is
    /// promised apart, by `an_empty_list_does_not_keep_the_struct_that_it_stands_in`.
    fn values(&self) -> BoxedStrategy<Value> {
        match self {
            Type::Number => (0..3).prop_map(Value::from).boxed(),
            Type::Struct(fields, _) => some_fields(fields).prop_map(Value::Object).boxed(),
            Type::Map(of, _) => btree_map("[x-z]", of.values(), 0..4).prop_map(Value::from_iter).boxed(),
            Type::Atoms(of) => vec(of.values(), 0..3).prop_map(Value::from).boxed(),
            Type::Set => {
                btree_set(0..4, 1..4).prop_map(Vec::from_iter).prop_shuffle().prop_map(Value::from).boxed()
            }
            Type::Keyed(fields) => btree_map(0..3, some_fields(fields), 1..3).prop_map(keyed).boxed(),
        }
    }
}

/// Some of the fields of a struct, with values.
fn some_fields(fields: &BTreeMap<String, Type>) -> BoxedStrategy<Map> {
    let none: BoxedStrategy<Map> = Just(Map::new()).boxed();
    fields.iter().fold(none, |others, (name, of)| {
        let name = name.clone();
        (others, proptest::option::of(of.values()))
            .prop_map(move |(mut map, value)| {
                map.extend(value.map(|value| (name.clone(), value)));
                map
            })
            .boxed()
    })
}

fn keyed(elements: BTreeMap<i32, Map>) -> Value {
    let with_id = |(id, mut fields): (i32, Map)| {
        fields.insert("id".to_owned(), id.into());
        Value::Object(fields)
    };
    elements.into_iter().map(with_id).collect()
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Number), Just(Type::Set)];
    leaf.prop_recursive(3, 12, 3, |of| {
        let fields = btree_map("[a-c]", of.clone(), 1..4);
        prop_oneof![
            (fields.clone(), any::<bool>()).prop_map(|(fields, atomic)| Type::Struct(fields, atomic)),
            (of.clone(), any::<bool>()).prop_map(|(of, atomic)| Type::Map(of.into(), atomic)),
            of.prop_map(|of| Type::Atoms(of.into())),
            fields.prop_map(Type::Keyed),
        ]
    })
}

/// Who writes what.
#[derive(Clone, Debug)]
enum Write {
    Update(&'static str, Value),
    Apply(&'static str, Value),
}

/// The schema of a `spec`, and writes of objects that have it.
fn writes() -> impl Strategy<Value = (Value, Vec<Write>)> {
    btree_map("[a-d]", types(), 1..5).prop_flat_map(|fields| {
        let spec = Type::Struct(fields, false);
        let object = || spec.values().prop_map(|spec| json!({"metadata": {}, "spec": spec}));
        let who = || proptest::sample::select(vec!["a", "b", "c"]);
        let write = Union::new([
            (who(), object()).prop_map(|(who, object)| Write::Update(who, object)).boxed(),
            (who(), object()).prop_map(|(who, object)| Write::Apply(who, object)).boxed(),
        ]);
        (Just(spec.schema()), vec(write, 1..6))
    })
}

/// A schema, and two configurations that have no field in common. Each has a label, so that there is always something
/// it owns: an object that nobody owns is ascribed to somebody before the next apply.
fn apart() -> impl Strategy<Value = (Value, Value, Value)> {
    (btree_map("[a-c]", types(), 1..4), btree_map("[d-f]", types(), 1..4)).prop_flat_map(|(one, other)| {
        let all = Type::Struct(one.clone().into_iter().chain(other.clone()).collect(), false);
        let config = |label: &'static str, fields: &BTreeMap<String, Type>| {
            let metadata = json!({"labels": {label: "x"}});
            some_fields(fields).prop_map(move |spec| json!({"metadata": metadata, "spec": spec}))
        };
        (Just(all.schema()), config("one", &one), config("other", &other))
    })
}

fn make(story: &mut Story, write: Write) {
    match write {
        Write::Update(who, object) => drop(story.update(who, object)),
        Write::Apply(who, config) => drop(story.apply(who, config, true).unwrap()),
    }
}

/// The paths that each manager owns, as `manager operation`, path by path.
fn owned(object: &Value) -> BTreeSet<(String, Vec<String>)> {
    let mut paths = BTreeSet::new();
    for entry in object["metadata"]["managedFields"].as_array().into_iter().flatten() {
        let who = format!("{} {}", entry["manager"], entry["operation"]);
        leaves(&entry["fieldsV1"], &mut Vec::new(), &mut |path| {
            paths.insert((who.clone(), path.to_vec()));
        });
    }
    paths
}

/// Every path of a `fieldsV1`.
fn leaves(fields: &Value, path: &mut Vec<String>, take: &mut impl FnMut(&[String])) {
    let Some(fields) = fields.as_object() else { return };
    if !path.is_empty() && (fields.is_empty() || fields.contains_key(".")) {
        take(path);
    }
    for (step, below) in fields.iter().filter(|(step, _)| *step != ".") {
        path.push(step.to_string());
        leaves(below, path, take);
        path.pop();
    }
}

/// What stands at a path.
fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, step| {
        let (kind, text) = step.split_at(2);
        match kind {
            "f:" => value.get(text),
            _ => {
                let wanted: Value = serde_json::from_str(text).unwrap();
                let matches = |element: &&Value| match kind {
                    "k:" => element["id"] == wanted["id"],
                    _ => **element == wanted,
                };
                value.as_array()?.iter().find(matches)
            }
        }
    })
}

proptest! {
    #[test]
    fn what_a_new_object_sets_is_told_by_one_walk_as_by_a_comparison((schema, writes) in writes()) {
        for Write::Update(_, object) | Write::Apply(_, object) in writes {
            let (walked, compared) = Story::custom(&schema).first(object);
            prop_assert_eq!(walked, Some(compared));
        }
    }

    #[test]
    fn every_owned_path_is_in_the_object((schema, writes) in writes()) {
        let (mut story, mut applied) = (Story::custom(&schema), BTreeMap::new());
        for write in writes {
            if let Write::Apply(who, config) = &write {
                applied.insert(format!("\"{who}\" \"Apply\""), config.clone());
            }
            make(&mut story, write);
            for (who, path) in owned(&story.object) {
                // So it is upstream: a list that loses its last element takes what it stands in with it, even if that is
                // applied, but empty.
                let is_empty = applied.get(&who).and_then(|config| at(config, &path)) == Some(&json!({}));
                let is_there = is_empty || at(&story.object, &path).is_some();
                prop_assert!(is_there, "{who} owns {path:?} of {}", story.object);
            }
        }
    }

    #[test]
    fn a_path_is_lost_only_by_changing_it_or_by_giving_it_up((schema, writes) in writes()) {
        let mut story = Story::custom(&schema);
        for write in writes {
            let (before, had) = (story.object.clone(), owned(&story.object));
            let (who, gives_up) = match &write {
                Write::Update(who, _) => (*who, false),
                Write::Apply(who, _) => (*who, true),
            };
            let applier = format!("\"{who}\" \"Apply\"");
            make(&mut story, write);
            let has = owned(&story.object);
            for (who, path) in had.difference(&has) {
                let changed = at(&before, path) != at(&story.object, path);
                prop_assert!(changed || gives_up && *who == applier, "{who} lost {path:?}");
            }
        }
    }

    #[test]
    fn applying_twice_is_applying_once_whatever_the_schema((schema, writes) in writes(), last in 0usize..6) {
        let mut story = Story::custom(&schema);
        let last = writes[last % writes.len()].clone();
        for write in writes {
            make(&mut story, write);
        }
        let (Write::Update(_, config) | Write::Apply(_, config)) = last;
        story.apply("z", config.clone(), true).unwrap();
        let once = story.object.clone();
        prop_assert!(!story.apply("z", config, false).unwrap());
        prop_assert_eq!(story.object, once);
    }

    #[test]
    fn appliers_of_different_fields_commute_whatever_the_schema((schema, one, other) in apart()) {
        let (mut first, mut second) = (Story::custom(&schema), Story::custom(&schema));
        first.apply("a", one.clone(), false).unwrap();
        first.apply("b", other.clone(), false).unwrap();
        second.apply("b", other, false).unwrap();
        second.apply("a", one, false).unwrap();
        prop_assert_eq!(&first.object["spec"], &second.object["spec"]);
        prop_assert_eq!(owned(&first.object), owned(&second.object));
    }

    #[test]
    fn the_owners_of_any_object_are_written_as_they_are_read((schema, writes) in writes()) {
        let mut story = Story::custom(&schema);
        for write in writes {
            make(&mut story, write);
        }
        for entry in story.object["metadata"]["managedFields"].as_array().into_iter().flatten() {
            let (fields, mut written) = (entry["fieldsV1"].to_string(), String::new());
            let read: Fields<'_> = serde_json::from_str(&fields).unwrap();
            codec::encode(&read.0, &mut written);
            prop_assert_eq!(written, fields);
        }
    }
}
