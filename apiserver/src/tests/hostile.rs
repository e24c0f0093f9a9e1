//! What no honest client sends: the work that it causes is bounded, the answer is upstream's, and nothing is stored.

use std::fmt::Write;

use super::*;

fn definitions() -> Target {
    Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"))
}

/// A definition whose objects have such a spec.
fn definition(spec: &Value) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

fn managers(count: usize, operation: &str) -> Vec<Value> {
    let entry = |number: usize| {
        let fields = json!({"f:data": {format!("f:k{number}"): {}}});
        json!({
            "manager": format!("m{number}"), "operation": operation, "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    };
    (0..count).map(entry).collect()
}

fn owners(object: &Object) -> Vec<String> {
    let tree = object.to_value().unwrap();
    let entries = tree["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| entry["manager"].as_str().map(str::to_owned)).collect()
}

impl World {
    fn apply(&self, name: &str, data: Value) -> Result<Object> {
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        let options = WriteOptions { field_manager: "m".to_owned(), ..WriteOptions::default() };
        self.run(self.api.patch(&maps().named(name), Patch::Apply(config), &options))
    }

    /// Posts a text to a path; the status of the answer and its body.
    fn post(&self, path: &str, body: String) -> (u16, String) {
        let request = http::Request::post(path).body(body.into()).unwrap();
        let response = self.run(self.server.call(User::admin(), request));
        let code = response.status().as_u16();
        match response.into_body() {
            crate::http::Body::Full(bytes) => (code, String::from_utf8_lossy(&bytes).into_owned()),
            _ => (code, String::new()),
        }
    }

    fn holds_nothing(&self) -> bool {
        self.list(&maps(), &ListOptions::default()).unwrap().items.is_empty()
    }
}

fn wide(keys: usize) -> Value {
    (0..keys).map(|number| (format!("k{number}"), Value::from(""))).collect()
}

#[test]
fn ten_thousand_managers_that_update_become_eleven() {
    let world = World::new();
    let mut object = map("a", "x");
    object["metadata"]["managedFields"] = managers(10_000, "Update").into();
    let told = owners(&world.create(&maps(), object).unwrap());
    assert!(told.len() <= 11, "{}", told.len());
    assert_eq!(told[0], "ancient-changes");
}

/// Upstream has no limit for those.
#[test]
fn managers_that_apply_are_all_kept() {
    let world = World::new();
    let mut object = map("a", "x");
    object["metadata"]["managedFields"] = managers(5_000, "Apply").into();
    world.create(&maps(), object).unwrap();
    let changed = world.merge(&maps().named("a"), json!({"data": {"k7": "y"}})).unwrap();
    assert_eq!(owners(&changed).len(), 5_000);
}

#[test]
fn owned_fields_that_nest_without_end_are_no_body() {
    let world = World::new();
    let bomb = format!("{}{{}}{}", "{\"f:a\":".repeat(100_000), "}".repeat(100_000));
    let entry = format!(
        r#"{{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{bomb}}}"#
    );
    let body = format!(r#"{{"metadata":{{"name":"a","managedFields":[{entry}]}}}}"#);
    let (code, why) = world.post("/api/v1/namespaces/default/configmaps", body);
    assert_eq!(code, 400, "{why}");
    assert!(world.holds_nothing());
}

#[test]
fn a_map_of_a_million_keys_is_too_large() {
    let world = World::new();
    let mut body = r#"{"metadata":{"name":"a"},"data":{"#.to_owned();
    for number in 0..1_000_000 {
        write!(body, "{}\"k{number}\":\"\"", if number == 0 { "" } else { "," }).unwrap();
    }
    body.push_str("}}");
    assert_eq!(world.post("/api/v1/namespaces/default/configmaps", body).0, 413);
    assert!(world.holds_nothing());
}

/// What passes as a request may still be more than upstream's store takes.
#[test]
fn an_object_that_the_store_would_not_take_is_not_stored() {
    let world = World::new();
    let error = world.apply("a", wide(100_000)).unwrap_err();
    assert_eq!((error.code(), error.message()), (500, "etcdserver: request is too large"));
    assert!(world.holds_nothing());
}

#[test]
fn a_map_below_the_limit_is_applied_again_and_given_up() {
    let world = World::new();
    let stored = world.apply("a", wide(25_000)).unwrap();
    assert_eq!(world.apply("a", wide(25_000)).unwrap().resource_version(), stored.resource_version());
    let left = world.apply("a", wide(1)).unwrap().to_value().unwrap();
    assert_eq!(left["data"], wide(1));
}

#[test]
fn a_schema_that_refers_to_itself_is_refused() {
    let world = World::new();
    let spec = json!({"$ref": "#/properties/spec"});
    let error = world.create(&definitions(), definition(&spec)).unwrap_err();
    assert_eq!(error.code(), 422);
    assert!(error.message().contains("$ref is not supported"), "{error}");
}

#[test]
fn a_schema_that_nests_without_end_is_no_body() {
    let world = World::new();
    let bomb = format!(
        "{}{{\"type\":\"object\"}}{}",
        r#"{"type":"object","properties":{"a":"#.repeat(20_000),
        "}}".repeat(20_000)
    );
    let spec: Value = json!("BOMB");
    let body = definition(&spec).to_string().replace("\"BOMB\"", &bomb);
    let (code, why) = world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body);
    assert_eq!(code, 400, "{why}");
}

#[test]
fn a_schema_of_twenty_thousand_properties_is_served() {
    let world = World::new();
    let properties: steersman_core::tree::Map =
        (0..20_000).map(|number| (format!("p{number}"), json!({"type": "string"}))).collect();
    world.create(&definitions(), definition(&json!({"type": "object", "properties": properties}))).unwrap();
    let widgets =
        Target::all(GroupVersionResource::new("example.com", "v1", "widgets")).in_namespace("default");
    world.create(&widgets, json!({"metadata": {"name": "w"}, "spec": {"p19999": "x"}})).unwrap();
}

#[test]
fn rules_that_cost_too_much_are_refused_with_the_definition() {
    let world = World::new();
    let items = json!({"type": "array", "items": {"type": "string"}});
    let bomb = "self.all(a, self.all(b, self.all(c, a + b + c != '')))";
    for (rule, why) in [
        (bomb, "estimated rule cost exceeds budget by factor of more than 100x"),
        (&*"(".repeat(10_000), "recursion limit exceeded"),
        (&*format!("'{}' == ''", "x".repeat(100_000)), "exceeds limit"),
    ] {
        let mut spec = items.clone();
        spec["x-kubernetes-validations"] = json!([{"rule": rule}]);
        let error = world.create(&definitions(), definition(&spec)).unwrap_err();
        assert_eq!(error.code(), 422);
        assert!(
            error.message().contains(why),
            "{}",
            &error.message()[error.message().len().saturating_sub(600)..]
        );
    }
    assert!(world.list(&definitions(), &ListOptions::default()).unwrap().items.is_empty());
}
