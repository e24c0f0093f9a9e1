//! What patches make of objects of built-in kinds, in cases recorded from upstream.

use proptest::prelude::*;
use steersman_core::api::{FieldValidation, Patch};
use steersman_core::error::Result;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::apply;
use crate::Tables;
use crate::schema::Duplicates;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "x", "labels": {"l": "1", "m": "2"}, "finalizers": ["example.com/a", "example.com/b"]},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"spec": {
                "containers": [
                    {"name": "a", "image": "i", "args": ["1", "2"], "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}],
                     "ports": [{"containerPort": 80, "name": "h"}]},
                    {"name": "b", "image": "i"},
                ],
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "c"}}],
                "tolerations": [{"key": "t", "operator": "Exists"}],
            }},
        },
    })
}

fn patched(patch: Value) -> Result<Value> {
    let kind = GroupVersionKind::new("apps", "v1", "Deployment");
    let schema = Tables::load().schema(&kind).unwrap();
    apply(
        &Patch::Strategic(patch),
        &Duplicates::default(),
        &schema,
        || Ok(deployment()),
        FieldValidation::Warn,
    )
    .map(|done| done.object)
}

fn pod(patch: Value) -> Result<Value> {
    Ok(patched(json!({"spec": {"template": {"spec": patch}}}))?["spec"]["template"]["spec"].take())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn what_a_patch_only_repeats_stays_shared() {
    let kind = GroupVersionKind::new("apps", "v1", "Deployment");
    let (schema, before) = (Tables::load().schema(&kind).unwrap(), deployment());
    let patch = Patch::Strategic(json!({"metadata": {"name": "x"}, "spec": {"replicas": 2}}));
    let current = || Ok(before.clone());
    let after =
        apply(&patch, &Duplicates::default(), &schema, current, FieldValidation::Warn).unwrap().object;
    let metadata = |tree: &Value| tree["metadata"].as_object().unwrap().clone();
    assert!(metadata(&after).shares(&metadata(&before)));
    assert_eq!(after["spec"]["replicas"], 2);
}

#[test]
fn elements_of_merging_lists_merge_by_their_key() {
    let merged =
        pod(json!({"containers": [{"name": "b", "image": "z"}, {"name": "n", "image": "z"}]})).unwrap();
    assert_eq!(names(&merged["containers"]), ["a", "b", "n"]);
    assert_eq!(merged["containers"][1]["image"], "z");
    let added = pod(json!({"containers": [{"name": "n", "image": "z"}]})).unwrap();
    assert_eq!(names(&added["containers"]), ["n", "a", "b"]);
    let env =
        pod(json!({"containers": [{"name": "a", "env": [{"name": "E", "value": "9"}, {"name": "G"}]}]}))
            .unwrap();
    assert_eq!(names(&env["containers"][0]["env"]), ["E", "G", "F"]);
    let ports = pod(json!({"containers": [{"name": "a", "ports": [{"containerPort": 81}]}]})).unwrap();
    assert_eq!(
        ports["containers"][0]["ports"],
        json!([{"containerPort": 81}, {"containerPort": 80, "name": "h"}])
    );
}

#[test]
fn atomic_lists_are_replaced() {
    let merged =
        pod(json!({"tolerations": [{"key": "u"}], "containers": [{"name": "a", "args": ["x"]}]})).unwrap();
    assert_eq!(merged["tolerations"], json!([{"key": "u"}]));
    assert_eq!(merged["containers"][0]["args"], json!(["x"]));
}

#[test]
fn elements_can_be_deleted_and_lists_replaced() {
    let deleted =
        pod(json!({"containers": [{"name": "a", "env": [{"name": "E", "$patch": "delete"}]}]})).unwrap();
    assert_eq!(names(&deleted["containers"][0]["env"]), ["F"]);
    let replaced = pod(json!({"containers": [{"$patch": "replace"}, {"name": "q"}]})).unwrap();
    assert_eq!(names(&replaced["containers"]), ["q"]);
    assert_eq!(pod(json!({"volumes": null})).unwrap().get("volumes"), None);
}

#[test]
fn order_can_be_set() {
    let order = json!([{"name": "b"}, {"name": "a"}]);
    let both =
        pod(json!({"$setElementOrder/containers": order, "containers": [{"name": "a", "image": "z"}]}))
            .unwrap();
    assert_eq!(names(&both["containers"]), ["b", "a"]);
    assert_eq!(both["containers"][1]["image"], "z");
    assert_eq!(names(&pod(json!({"$setElementOrder/containers": order})).unwrap()["containers"]), ["b", "a"]);
    let finalizers = patched(json!({"metadata": {
        "$setElementOrder/finalizers": ["example.com/c", "example.com/a", "example.com/b"],
        "finalizers": ["example.com/c"],
    }}));
    let expected = json!(["example.com/c", "example.com/a", "example.com/b"]);
    assert_eq!(finalizers.unwrap()["metadata"]["finalizers"], expected);
}

#[test]
fn keys_that_are_not_retained_are_dropped() {
    let strategy =
        patched(json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}})).unwrap();
    assert_eq!(strategy["spec"]["strategy"], json!({"type": "Recreate"}));
    let volume = json!({"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/z"}});
    let volumes = pod(json!({"volumes": [volume]})).unwrap();
    assert_eq!(volumes["volumes"][0], json!({"name": "v", "hostPath": {"path": "/z"}}));
}

#[test]
fn maps_can_be_deleted_or_replaced() {
    let labels =
        |patch| patched(json!({"metadata": {"labels": patch}})).unwrap()["metadata"].get("labels").cloned();
    assert_eq!(labels(json!({"$patch": "delete"})), None);
    assert_eq!(labels(json!(null)), None);
    assert_eq!(labels(json!({"$patch": "replace", "z": "1"})), Some(json!({"z": "1"})));
    assert_eq!(labels(json!({"l": null})), Some(json!({"m": "2"})));
}

#[test]
fn scalars_can_be_deleted_from_lists() {
    let merged =
        patched(json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}})).unwrap();
    assert_eq!(merged["metadata"]["finalizers"], json!(["example.com/b"]));
    let ignored = patched(json!({"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}})).unwrap();
    assert_eq!(ignored["metadata"]["finalizers"].as_array().map(|list| list.len()), Some(2));
    let other = patched(json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [1]}})).unwrap_err();
    let why = "list element types are not identical: [[example.com/a example.com/b] [1]]";
    assert_eq!((other.code(), other.message()), (500, why));
    let whole = pod(json!({"$deleteFromPrimitiveList/containers": [{"name": "a", "image": "z"}]})).unwrap();
    assert_eq!(whole["containers"][0]["image"], "z", "what is no list of scalars is merged");
}

#[test]
fn patches_that_cannot_be_followed_are_refused_as_upstream_refuses_them() {
    let containers = |list: Value| json!({"spec": {"template": {"spec": {"containers": list}}}});
    let cases = [
        (
            containers(json!([{"image": "z"}])),
            500,
            "map: map[image:z] does not contain declared merge key: name",
        ),
        (
            containers(json!([{"name": "a", "$patch": "frob"}])),
            500,
            "unknown patch type: frob in map: map[$patch:frob name:a]",
        ),
        (
            json!({"spec": {"template": {"spec": {
                "$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b", "image": "z"}],
            }}}}),
            500,
            "The order in patch list:\n[map[image:z name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
        (
            json!({"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}}),
            400,
            "invalid patch format of retainKeys",
        ),
        (json!([]), 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ];
    for (patch, code, message) in cases {
        let error = patched(patch).unwrap_err();
        assert_eq!((error.code(), error.message()), (code, message));
    }
}

#[test]
fn unknown_fields_of_a_patch_are_told_of() {
    let kind = GroupVersionKind::new("", "v1", "ConfigMap");
    let schema = Tables::load().schema(&kind).unwrap();
    let current = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "z"}});
    let patch = Patch::Strategic(json!({"zzz": 1, "data": {"a": "b"}}));
    let warned =
        apply(&patch, &Duplicates::default(), &schema, || Ok(current.clone()), FieldValidation::Warn)
            .unwrap();
    assert_eq!(warned.warnings, [r#"unknown field "zzz""#]);
    assert_eq!(warned.object["data"]["a"], "b");
    let refused =
        apply(&patch, &Duplicates::default(), &schema, || Ok(current.clone()), FieldValidation::Strict)
            .unwrap_err();
    assert_eq!(refused.code(), 422);
    assert_eq!(
        refused.message(),
        " \"\" is invalid: patch: Invalid value: \"map[data:map[a:b] zzz:1]\": strict decoding error: unknown field \
         \"zzz\""
    );
}

#[test]
fn a_patched_text_is_shown_as_upstream_writes_it() {
    let schema = Tables::load().schema(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap();
    let current = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "z"},
        "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z", "name": "x", "uid": "u", "labels": {"k": "v"}},
    });
    let refused = |patch| {
        apply(&patch, &Duplicates::default(), &schema, || Ok(current.clone()), FieldValidation::Warn)
            .unwrap_err()
            .message()
            .to_owned()
    };
    assert_eq!(
        refused(Patch::Merge(json!({"data": {"b": 5}}))),
        r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"z\",\"b\":5},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\",\"uid\":\"u\",\"creationTimestamp\":\"2020-01-01T00:00:00Z\",\"labels\":{\"k\":\"v\"}}}": json: cannot unmarshal number into Go struct field ConfigMap.data of type string"#
    );
    let other_version = refused(Patch::Merge(json!({"apiVersion": "v2"})));
    assert!(other_version.ends_with(
        r#"no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30""#
    ));
    assert!(refused(Patch::Strategic(json!({"data": "x"}))).ends_with("cannot restore map from string"));
}

#[test]
fn a_patch_cannot_make_an_object_one_of_another_kind() {
    let schema = Tables::load().schema(&GroupVersionKind::new("", "v1", "ConfigMap")).unwrap();
    let current =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "z"}});
    let patched =
        |patch| apply(&patch, &Duplicates::default(), &schema, || Ok(current.clone()), FieldValidation::Warn);
    let refused = [
        (json!({"kind": "Foo"}), r#"no kind "Foo" is registered for version "v1""#),
        (json!({"kind": "Secret"}), "illegal base64 data at input byte 0"),
        (
            json!({"kind": "Secret", "data": null}),
            "converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
    ];
    for (patch, why) in refused {
        let error = patched(Patch::Merge(patch)).unwrap_err();
        assert!(error.message().contains(why), "{error}");
    }
    let kept = [
        Patch::Merge(json!({"kind": ""})),
        Patch::Json(json!([{"op": "remove", "path": "/kind"}])),
        Patch::Strategic(json!({"kind": "Foo", "apiVersion": "v9"})),
    ];
    for patch in kept {
        assert_eq!(patched(patch).unwrap().object, current);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0i64..3).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", any_value(), 0..4).prop_map(|map| map.into_iter().collect())
}

/// The merge patch that turns one tree into another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let gone = from.keys().filter(|key| !to.contains_key(key)).map(|key| (key.clone(), Value::Null));
    let changed = to.iter().filter(|(key, value)| from.get(key) != Some(value));
    let changed = changed
        .map(|(key, value)| (key.clone(), from.get(key).map_or(value.clone(), |old| difference(old, value))));
    gone.chain(changed).collect()
}

fn any_pod_patch() -> impl Strategy<Value = Value> {
    let env = prop::collection::btree_map("[EFG]", "[12]", 0..3).prop_map(|env| {
        env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Value>()
    });
    let containers = prop::collection::btree_map("[abc]", env, 0..3);
    let named = |(name, env): (String, Value)| json!({"name": name, "env": env});
    containers.prop_map(move |all| json!({"containers": all.into_iter().map(named).collect::<Value>()}))
}

proptest! {
    #[test]
    fn the_merge_patch_of_a_difference_leads_to_the_target(from in any_object(), to in any_object()) {
        prop_assert_eq!(super::merge::apply(&difference(&from, &to), from, FieldValidation::Warn).unwrap(), to);
    }

    #[test]
    fn a_strategic_patch_applied_twice_is_applied_once(patch in any_pod_patch()) {
        let kind = GroupVersionKind::new("apps", "v1", "Deployment");
        let schema = Tables::load().schema(&kind).unwrap();
        let patch = Patch::Strategic(json!({"spec": {"template": {"spec": patch}}}));
        let once = apply(&patch, &Duplicates::default(), &schema, || Ok(deployment()), FieldValidation::Warn).unwrap().object;
        let twice = apply(&patch, &Duplicates::default(), &schema, || Ok(once.clone()), FieldValidation::Warn).unwrap().object;
        prop_assert_eq!(once, twice);
    }
}
