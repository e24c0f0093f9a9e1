//! The rules of ownership, from the shared corpus of recorded behaviour.

use proptest::prelude::*;
use steersman_core::tree::{Value, json};

use super::testing::Story;

fn data(entries: Value) -> Value {
    json!({"metadata": {}, "data": entries})
}

fn maps() -> Story {
    Story::of("v1", "ConfigMap")
}

#[test]
fn who_changes_a_field_owns_it() {
    let mut map = maps();
    map.update("a", data(json!({"x": "1", "y": "1"})));
    assert_eq!(map.owners(), ["a Update 01 {f:data:{.,f:x,f:y}}"]);
    map.update("b", data(json!({"x": "2", "y": "1"})));
    assert_eq!(map.owners(), ["a Update 01 {f:data:{.,f:y}}", "b Update 02 {f:data:{f:x}}"]);
    map.update("b", data(json!({"x": "2"})));
    assert_eq!(
        map.owners(),
        ["a Update 01 {f:data}", "b Update 02 {f:data:{f:x}}"],
        "removing is not owning"
    );
}

#[test]
fn an_update_that_changes_nothing_keeps_the_times() {
    let mut map = maps();
    map.update("a", data(json!({"x": "1"})));
    assert!(!map.update("b", data(json!({"x": "1"}))));
    assert_eq!(map.owners(), ["a Update 01 {f:data:{.,f:x}}"]);
}

#[test]
fn owners_are_reset_by_an_empty_list_and_malformed_ones_are_ignored() {
    for reset in [json!([]), json!([{}])] {
        let mut map = maps();
        map.update("a", data(json!({"x": "1"})));
        let mut new = data(json!({"x": "1"}));
        new["metadata"]["managedFields"] = json!([{"manager": "z", "operation": "Update"}]);
        map.update("b", new.clone());
        assert_eq!(map.owners(), ["a Update 01 {f:data:{.,f:x}}"]);
        new["metadata"]["managedFields"] = reset;
        map.update("b", new);
        assert_eq!(map.owners(), [""; 0]);
        map.update("b", data(json!({"x": "2"})));
        assert_eq!(map.owners(), [""; 0], "nobody is tracked after that");
        let refused = map.apply("c", data(json!({"x": "3"})), false).unwrap_err();
        let why = "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.x";
        assert_eq!(refused.message(), why);
    }
}

#[test]
fn an_apply_refuses_to_change_what_others_own_unless_forced() {
    let mut map = maps();
    map.update("upd", data(json!({"a": "1", "b": "1"})));
    let refused = map.apply("m", data(json!({"a": "2", "b": "2"})), false).unwrap_err();
    let why = "Apply failed with 2 conflicts: conflicts with \"upd\" using v1:\n- .data.a\n- .data.b";
    assert_eq!(refused.message(), why);
    assert_eq!(refused.causes()[1].field.as_deref(), Some(".data.b"));
    assert_eq!(refused.causes()[1].message.as_deref(), Some("conflict with \"upd\" using v1"));
    map.apply("m", data(json!({"a": "1", "b": "1"})), false).unwrap();
    let shared = ["m Apply - {f:data:{f:a,f:b}}", "upd Update 01 {f:data:{.,f:a,f:b}}"];
    assert_eq!(map.owners(), shared, "agreeing takes no time");
    map.apply("m", data(json!({"a": "2", "b": "2"})), true).unwrap();
    assert_eq!(map.owners(), ["m Apply 04 {f:data:{f:a,f:b}}", "upd Update 01 {f:data}"]);
}

#[test]
fn what_an_applier_gives_up_is_removed_unless_another_owns_it() {
    let mut map = maps();
    map.apply("m1", data(json!({"a": "1", "b": "2"})), false).unwrap();
    map.apply("m2", data(json!({"b": "2"})), false).unwrap();
    map.apply("m1", data(json!({"a": "1"})), false).unwrap();
    assert_eq!(map.object["data"], json!({"a": "1", "b": "2"}));
    map.apply("m2", data(json!({})), false).unwrap();
    assert_eq!(map.object["data"], json!({"a": "1"}));
    assert_eq!(map.owners(), ["m1 Apply 01 {f:data:{f:a}}", "m2 Apply 04 {f:data}"]);
}

#[test]
fn lists_are_owned_by_their_elements() {
    let ports = |ports: Value| json!({"metadata": {}, "spec": {"ports": ports}});
    let mut service = Story::of("v1", "Service");
    service.apply("a", ports(json!([{"port": 80}])), false).unwrap();
    service.apply("b", ports(json!([{"port": 80, "protocol": "UDP"}])), false).unwrap();
    assert_eq!(service.object["spec"]["ports"].as_array().map(|list| list.len()), Some(2));
    assert_eq!(
        service.owners(),
        [
            r#"a Apply 01 {f:spec:{f:ports:{k:{\port\:80,\protocol\:\TCP\}:{.,f:port}}}}"#,
            r#"b Apply 02 {f:spec:{f:ports:{k:{\port\:80,\protocol\:\UDP\}:{.,f:port,f:protocol}}}}"#
        ]
    );
    service.apply("a", ports(json!([])), false).unwrap();
    assert_eq!(service.object["spec"]["ports"], json!([{"port": 80, "protocol": "UDP"}]));
    let twice = ports(json!([{"port": 1}, {"port": 1, "protocol": "TCP"}]));
    let refused = service.apply("a", twice, false).unwrap_err();
    let why = "failed to create typed patch object (/; /v1, Kind=Service): .spec.ports: duplicate entries for key \
               [port=1,protocol=\"TCP\"]";
    assert_eq!(refused.message(), why);
}

/// So it is upstream: what sets no path is not seen when fields are given up.
#[test]
fn an_empty_list_does_not_keep_the_struct_that_it_stands_in() {
    let set = json!({"type": "array", "items": {"type": "integer"}, "x-kubernetes-list-type": "set"});
    let number = json!({"type": "integer"});
    let inner = json!({"type": "object", "properties": {"list": set, "x": number}});
    let spec = |spec: Value| json!({"metadata": {}, "spec": spec});
    for (list, left) in [(json!([]), json!({"y": 1})), (json!([1]), json!({"inner": {"list": [1]}, "y": 1}))]
    {
        let mut widget =
            Story::custom(&json!({"type": "object", "properties": {"inner": inner, "y": number}}));
        widget.update("u", spec(json!({"inner": {"list": list}})));
        widget.apply("m", spec(json!({"inner": {"x": 1}})), false).unwrap();
        widget.apply("m", spec(json!({"y": 1})), false).unwrap();
        assert_eq!(widget.object["spec"], left);
    }
}

/// So it is upstream: a list that others own something of, but no element, is emptied, and sets no path any more.
#[test]
fn a_list_that_loses_its_last_element_takes_the_struct_that_it_stands_in() {
    let item = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer"}, "x": {"type": "integer"}
    }});
    let list = json!({
        "type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]
    });
    let spec = |spec: Value| json!({"metadata": {}, "spec": spec});
    let mut widget = Story::custom(&json!({"type": "object", "properties": {"list": list}}));
    widget.apply("m", spec(json!({"list": [{"id": 1}]})), false).unwrap();
    widget.update("u", spec(json!({"list": [{"id": 1, "x": 2}]})));
    widget.apply("m", spec(json!({})), false).unwrap();
    assert_eq!(widget.object.get("spec"), None);
    assert_eq!(widget.owners(), ["m Apply 03 {f:spec}"]);
}

#[test]
fn the_status_has_owners_of_its_own() {
    let status = json!({"metadata": {}, "spec": {"replicas": 7}, "status": {"replicas": 2}});
    let mut deployment = Story::of("apps/v1", "Deployment");
    deployment.apply("m", status.clone(), false).unwrap();
    assert_eq!(deployment.owners(), ["m Apply 01 {f:spec:{f:replicas}}"]);
    deployment.apply("ctl/status", status, false).unwrap();
    let owners = deployment.owners();
    assert_eq!(owners, ["ctl Apply - {f:status:{f:replicas}}", "m Apply 01 {f:spec:{f:replicas}}"]);
}

#[test]
fn kubectl_takes_over_what_it_applied_from_the_client() {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let applied_before = |api_version: &str| {
        let last = json!({"apiVersion": api_version, "kind": "ConfigMap", "data": {"x": "1", "y": "0"}});
        let mut new = data(json!({"x": "1", "y": "1"}));
        new["metadata"]["annotations"] = json!({annotation: last.to_string()});
        let mut map = maps();
        map.update("kubectl-client-side-apply", new);
        map
    };
    let refused = applied_before("v2").apply("kubectl", data(json!({"x": "2"})), false).unwrap_err();
    assert!(refused.message().ends_with("using v1: .data.x"), "of another version: {refused}");
    let mut map = applied_before("v1");
    let refused = map.apply("kubectl", data(json!({"x": "2", "y": "2"})), false).unwrap_err();
    assert!(refused.message().ends_with("using v1: .data.y"), "{refused}");
    map.apply("kubectl", data(json!({"x": "2"})), false).unwrap();
    assert_eq!(map.object["data"], json!({"x": "2", "y": "1"}));
    let kept = map.object["metadata"]["annotations"][annotation].as_str().unwrap().to_owned();
    assert!(kept.ends_with("\"kind\":\"ConfigMap\",\"metadata\":{}}\n"), "{kept}");
    map.apply("kubectl", data(json!({"x": "<a & b>"})), false).unwrap();
    let kept = map.object["metadata"]["annotations"][annotation].as_str().unwrap().to_owned();
    assert!(kept.contains(r#""x":"\u003ca \u0026 b\u003e""#), "{kept}");
}

fn entries(keys: &'static str) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(keys, "[a-c]", 0..5)
        .prop_map(|entries| json!({"metadata": {"labels": entries}, "data": entries}))
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(live in entries("[a-e]"), config in entries("[a-e]")) {
        let mut map = maps();
        map.update("u", live);
        map.apply("m", config.clone(), true).unwrap();
        let (object, owners) = (map.object.clone(), map.owners());
        prop_assert!(!map.apply("m", config, false).unwrap());
        prop_assert_eq!(map.owners(), owners);
        prop_assert_eq!(map.object, object);
    }

    #[test]
    fn appliers_of_different_fields_commute(a in entries("[a-c]"), b in entries("[d-f]")) {
        let (mut one, mut other) = (maps(), maps());
        one.apply("a", a.clone(), false).unwrap();
        one.apply("b", b.clone(), false).unwrap();
        other.apply("b", b, false).unwrap();
        other.apply("a", a, false).unwrap();
        prop_assert_eq!(&one.object["data"], &other.object["data"]);
        prop_assert_eq!(&one.object["metadata"]["labels"], &other.object["metadata"]["labels"]);
    }
}
