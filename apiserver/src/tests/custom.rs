//! Custom resources: served as soon as they are defined, and no longer than that; Rust types likewise.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

fn definitions() -> Target {
    Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"))
}

fn widgets() -> Target {
    Target::all(GroupVersionResource::new("example.com", "v1", "widgets")).in_namespace("default")
}

fn definition() -> Value {
    let properties = json!({"size": {"type": "integer", "default": 3}});
    let schema =
        json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}});
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    })
}

fn widget(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"unknown": true}})
}

#[test]
fn a_resource_is_served_as_soon_as_it_is_defined() {
    let world = World::new();
    assert_eq!(world.create(&widgets(), widget("w")).unwrap_err().code(), 404);
    world.create(&definitions(), definition()).unwrap();
    let value = world.create(&widgets(), widget("w")).unwrap().to_value().unwrap();
    assert_eq!(value["spec"], json!({"size": 3}));
    assert_eq!(value["metadata"]["generation"], 1);
    let mut stream = world.watch(&widgets(), &WatchOptions::default()).unwrap();
    world.merge(&widgets().named("w"), json!({"spec": {"size": 4}})).unwrap();
    assert_eq!(told(&mut stream), ["ADDED w", "MODIFIED w"]);
}

#[test]
fn a_default_that_came_later_is_stored_with_the_next_write() {
    let world = World::new();
    world.create(&definitions(), definition()).unwrap();
    world.create(&widgets(), widget("w")).unwrap();
    let set_default = |weight: u8| {
        let mut versions = definition()["spec"]["versions"].take();
        let spec = &mut versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["properties"]["weight"] = json!({"type": "integer", "default": weight});
        let named = definitions().named("widgets.example.com");
        world.merge(&named, json!({"spec": {"versions": versions}})).unwrap();
    };
    set_default(1);
    world.merge(&widgets().named("w"), json!({"metadata": {"labels": {"a": "b"}}})).unwrap();
    set_default(2);
    let value = world.get(&widgets().named("w")).unwrap().to_value().unwrap();
    assert_eq!(value["spec"], json!({"size": 3, "weight": 1}));
}

#[test]
fn who_uses_a_deprecated_version_is_warned_whatever_he_asks_for() {
    let world = World::new();
    let mut definition = definition();
    definition["spec"]["versions"][0]["deprecated"] = true.into();
    world.create(&definitions(), definition).unwrap();
    let all = "/apis/example.com/v1/namespaces/default/widgets";
    for (method, path, code) in [("GET", all.to_owned(), 200), ("POST", format!("{all}/w/status"), 405)] {
        let request = http::Request::builder().method(method).uri(path).body(bytes::Bytes::new()).unwrap();
        let response = world.run(world.server.call(User::admin(), request));
        let warning = response.headers().get("Warning").and_then(|value| value.to_str().ok());
        assert_eq!(
            (response.status().as_u16(), warning),
            (code, Some("299 - \"example.com/v1 Widget is deprecated\""))
        );
    }
}

#[test]
fn a_definition_takes_its_objects_with_it() {
    let world = World::new();
    world.create(&definitions(), definition()).unwrap();
    let mut held = widget("held");
    held["metadata"]["finalizers"] = json!(["example.com/f"]);
    world.create(&widgets(), widget("w")).unwrap();
    world.create(&widgets(), held).unwrap();
    world.delete(&definitions().named("widgets.example.com")).unwrap();
    assert!(world.get(&widgets().named("w")).unwrap_err().is_not_found());
    let error = world.create(&widgets(), widget("late")).unwrap_err();
    let why = "create not allowed while custom resource definition is terminating";
    assert_eq!(error.message(), format!("widgets.example.com \"late\" is forbidden: {why}"));
    let generated = json!({"metadata": {"generateName": "late-", "labels": {"a b": ""}}});
    let error = world.create(&widgets(), generated).unwrap_err();
    assert_eq!(error.message(), format!("widgets.example.com is forbidden: {why}"));
    world.merge(&widgets().named("held"), json!({"metadata": {"finalizers": null}})).unwrap();
    assert!(world.get(&definitions().named("widgets.example.com")).unwrap_err().is_not_found());
    assert_eq!(world.list(&widgets(), &ListOptions::default()).unwrap_err().code(), 404);
}

#[test]
fn a_definition_that_serves_nothing_takes_its_objects_with_it() {
    let world = World::new();
    world.create(&definitions(), definition()).unwrap();
    world.create(&widgets(), widget("w")).unwrap();
    let named = definitions().named("widgets.example.com");
    let mut hidden = world.get(&named).unwrap().to_value().unwrap();
    hidden["spec"]["versions"][0]["served"] = false.into();
    world.update(&named, hidden).unwrap();
    assert_eq!(world.list(&widgets(), &ListOptions::default()).unwrap_err().code(), 404);
    world.delete(&named).unwrap();
    assert!(world.get(&named).unwrap_err().is_not_found());
    world.create(&definitions(), definition()).unwrap();
    assert!(world.list(&widgets(), &ListOptions::default()).unwrap().items.is_empty());
}

#[test]
fn a_definition_that_another_server_of_the_store_writes_is_served_and_vanishes() {
    let world = World::new();
    let another = world.another();
    let other = another.api_as(User::admin(), "test");
    world.create(&definitions(), definition()).unwrap();
    let get = |name: &str| world.run(other.get(&widgets().named(name), &GetOptions::default()));
    world.create(&widgets(), widget("w")).unwrap();
    assert_eq!(get("w").unwrap().name(), "w");
    world.delete(&definitions().named("widgets.example.com")).unwrap();
    let list = || world.run(other.list(&widgets(), &ListOptions::default()));
    assert_eq!(list().unwrap_err().code(), 404);
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Boat {
    metadata: ObjectMeta,
    length_metres: u32,
}
steersman_core::resource!(Boat: "harbour.example", "v1", "boats", Namespaced);

#[test]
fn a_rust_type_is_a_resource() {
    let world = World::with(Builder::resource::<Boat>);
    let boats = world.server.client_as(User::admin(), "test").namespaced::<Boat>("default");
    let name = ObjectMeta { name: Some("ada".to_owned()), ..ObjectMeta::default() };
    world.run(boats.create(&Boat { metadata: name, length_metres: 7 })).unwrap();
    assert_eq!(world.run(boats.get("ada")).unwrap().length_metres, 7);
}
