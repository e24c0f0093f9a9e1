//! Custom resources in several versions, and the fields that they can be selected by.

use super::*;

fn definitions() -> Target {
    Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"))
}

fn gauges(version: &'static str) -> Target {
    Target::all(GroupVersionResource::new("example.com", version, "gauges")).in_namespace("default")
}

/// Gauges in centimetres, and in metres; stored in centimetres.
fn definition(conversion: &Value) -> Value {
    let version = |name: &str, unit: &str, is_stored: bool| {
        let properties = json!({
            unit: {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 0", "message": "none"}]},
            "place": {"type": "string"},
        });
        json!({
            "name": name, "served": true, "storage": is_stored,
            "selectableFields": [{"jsonPath": ".spec.place"}, {"jsonPath": format!(".spec.{unit}")}],
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": properties},
            }}},
        })
    };
    json!({
        "metadata": {"name": "gauges.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "gauges", "kind": "Gauge"},
            "versions": [version("v1", "centimetres", true), version("v2", "metres", false)],
            "conversion": conversion,
        },
    })
}

fn by_webhook() -> Value {
    definition(&json!({"strategy": "Webhook", "webhook": {
        "clientConfig": {"url": "https://nobody.example/convert"}, "conversionReviewVersions": ["v1"],
    }}))
}

fn convert(mut object: Value, api_version: &str) -> Result<Value, String> {
    let spec = object["spec"].as_object_mut().ok_or("no spec")?;
    if let Some(length) = spec.remove("centimetres").and_then(|value| value.as_i64()) {
        spec.insert("metres".to_owned(), (length / 100).into());
    } else if let Some(length) = spec.remove("metres").and_then(|value| value.as_i64()) {
        spec.insert("centimetres".to_owned(), (length * 100).into());
    }
    object["apiVersion"] = api_version.into();
    Ok(object)
}

fn world() -> World {
    let world = World::with(|builder| builder.converter("gauges.example.com", convert));
    world.create(&definitions(), by_webhook()).unwrap();
    world
}

fn gauge(unit: &str, length: i64) -> Value {
    json!({"metadata": {"name": "g"}, "spec": {unit: length, "place": "north"}})
}

#[test]
fn a_converter_makes_every_version_of_the_stored_one() {
    let world = world();
    let created = world.create(&gauges("v2"), gauge("metres", 3)).unwrap().to_value().unwrap();
    assert_eq!((&created["apiVersion"], &created["spec"]["metres"]), (&json!("example.com/v2"), &json!(3)));
    let stored = world.get(&gauges("v1").named("g")).unwrap().to_value().unwrap();
    assert_eq!(stored["spec"], json!({"centimetres": 300, "place": "north"}));
    world.merge(&gauges("v2").named("g"), json!({"spec": {"metres": 5}})).unwrap();
    let stored = world.get(&gauges("v1").named("g")).unwrap().to_value().unwrap();
    assert_eq!(stored["spec"]["centimetres"], 500);
    let listed = world.list(&gauges("v2"), &ListOptions::default()).unwrap();
    assert_eq!(listed.items[0].to_value().unwrap()["spec"]["metres"], 5);
}

#[test]
fn objects_are_judged_in_the_version_that_they_were_written_in() {
    let world = world();
    let error = world.create(&gauges("v2"), gauge("metres", 0)).unwrap_err();
    assert_eq!(error.message(), "Gauge.example.com \"g\" is invalid: spec.metres: Invalid value: 0: none");
}

#[test]
fn without_anybody_who_converts_other_versions_are_told_apart_from_the_stored_one() {
    let world = World::new();
    world.create(&definitions(), by_webhook()).unwrap();
    world.create(&gauges("v1"), gauge("centimetres", 300)).unwrap();
    let error = world.get(&gauges("v2").named("g")).unwrap_err();
    assert_eq!(error.code(), 500);
    assert_eq!(
        error.message(),
        "conversion webhook for example.com/v1, Kind=Gauge failed: this server calls no webhooks: it was given nobody who \
         does (`Builder::webhooks`)"
    );
}

#[test]
fn selectable_fields_select() {
    let world = World::new();
    world.create(&definitions(), definition(&json!({"strategy": "None"}))).unwrap();
    world.create(&gauges("v1"), gauge("centimetres", 300)).unwrap();
    let count = |selector: &str| {
        let options = ListOptions { fields: selector.parse().unwrap(), ..ListOptions::default() };
        world.list(&gauges("v1"), &options).map(|list| list.items.len())
    };
    assert_eq!(count("spec.place=north").unwrap(), 1);
    assert_eq!(count("spec.place=south").unwrap(), 0);
    assert_eq!(count("spec.colour=red").unwrap_err().message(), "field label not supported: spec.colour");
}
