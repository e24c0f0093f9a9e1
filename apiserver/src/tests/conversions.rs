//! Custom resources whose versions a webhook makes of each other.

use http::Uri;

use super::*;
use crate::reviewing;

/// The objects that each question was about, and the version that was wanted.
type Asked = Arc<Mutex<Vec<(usize, String)>>>;

/// A world with widgets that are stored as v1 and served as v2, too: what is `size` in one is `length` in the other.
fn world(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> (World, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let hook = reviewing(move |uri: &Uri, mut review| {
        assert_eq!(uri.to_string(), "https://127.0.0.1:9443/convert?timeout=30s");
        let wanted = review["request"]["desiredAPIVersion"].as_str().unwrap().to_owned();
        log.lock().unwrap().push((review["request"]["objects"].as_array().unwrap().len(), wanted));
        let mut response = answer(&review["request"]);
        response["uid"] = review["request"]["uid"].clone();
        review["response"] = response;
        review
    });
    let world = World::with(|builder| builder.webhooks(hook));
    let schema = |field: &str| {
        let spec = json!({"type": "object", "properties": {field: {"type": "integer", "maximum": 100}}});
        json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}})
    };
    let version = |name: &str, storage: bool, field: &str| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": schema(field), "subresources": {"status": {}},
        })
    };
    let client = json!({"url": "https://127.0.0.1:9443/convert"});
    let definition = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version("v1", true, "size"), version("v2", false, "length")],
            "conversion": {
                "strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]},
            },
        },
    });
    let definitions =
        Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"));
    world.create(&definitions, definition).unwrap();
    (world, asked)
}

fn widgets(version: &'static str) -> Target {
    Target::all(GroupVersionResource::new("example.com", version, "widgets")).in_namespace("default")
}

fn convert(request: &Value) -> Value {
    let converted: Vec<Value> = request["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| {
            let mut object = object.clone();
            object["apiVersion"] = request["desiredAPIVersion"].clone();
            let spec = object["spec"].as_object_mut().unwrap();
            for (from, to) in [("size", "length"), ("length", "size")] {
                if let Some(value) = spec.remove(from) {
                    spec.insert(to.to_owned(), value);
                    break;
                }
            }
            object
        })
        .collect();
    json!({"result": {"status": "Success"}, "convertedObjects": converted})
}

fn spec(object: Result<Object>) -> Value {
    object.unwrap().to_value().unwrap()["spec"].take()
}

#[test]
fn an_object_is_written_and_read_in_either_version() {
    let (world, _) = world(convert);
    let made = world.create(&widgets("v2"), json!({"metadata": {"name": "a"}, "spec": {"length": 3}}));
    assert_eq!(spec(made), json!({"length": 3}));
    assert_eq!(spec(world.get(&widgets("v1").named("a"))), json!({"size": 3}));
    assert_eq!(
        spec(world.merge(&widgets("v2").named("a"), json!({"spec": {"length": 4}}))),
        json!({"length": 4})
    );
    assert_eq!(spec(world.get(&widgets("v1").named("a"))), json!({"size": 4}));
    let mut whole = world.get(&widgets("v2").named("a")).unwrap().to_value().unwrap();
    whole["spec"]["length"] = 5.into();
    assert_eq!(spec(world.update(&widgets("v2").named("a"), whole)), json!({"length": 5}));
    let config = json!({"apiVersion": "example.com/v2", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"length": 6}});
    let options = WriteOptions { field_manager: "m".to_owned(), force: true, ..WriteOptions::default() };
    let named = widgets("v2").named("a");
    let apply = world.api.patch(&named, Patch::Apply(config), &options);
    assert_eq!(spec(world.run(apply)), json!({"length": 6}));
    let refused = world.merge(&widgets("v2").named("a"), json!({"spec": {"length": 101}})).unwrap_err();
    assert!(refused.message().contains("spec.length: Invalid value: 101"), "{refused}");
    world.delete(&widgets("v2").named("a")).unwrap();
    assert!(world.get(&widgets("v1").named("a")).unwrap_err().is_not_found());
}

#[test]
fn the_objects_of_a_list_are_converted_at_once() {
    let (world, asked) = world(convert);
    for name in ["a", "b", "c"] {
        world.create(&widgets("v1"), json!({"metadata": {"name": name}, "spec": {"size": 1}})).unwrap();
    }
    assert!(asked.lock().unwrap().is_empty());
    let listed = world.list(&widgets("v2"), &ListOptions::default()).unwrap();
    for object in listed.items {
        assert_eq!(spec(Ok(object)), json!({"length": 1}));
    }
    assert_eq!(*asked.lock().unwrap(), [(3, "example.com/v2".to_owned())]);
}

#[test]
fn events_are_converted_for_who_follows() {
    let (world, _) = world(convert);
    let mut stream = world.watch(&widgets("v2"), &WatchOptions::default()).unwrap();
    world.create(&widgets("v1"), json!({"metadata": {"name": "a"}, "spec": {"size": 1}})).unwrap();
    let event = world.run(futures::StreamExt::next(&mut stream)).unwrap();
    let WatchEvent::Added(object) = event else { panic!("{event:?}") };
    assert_eq!(spec(Ok(object)), json!({"length": 1}));
}

#[test]
fn what_a_webhook_says_is_wrong_is_told() {
    let (world, _) = world(|request| match request["objects"][0]["metadata"]["name"].as_str() {
        Some("refused") => json!({"result": {"status": "Failure", "message": "not this one"}}),
        Some("few") => json!({"result": {"status": "Success"}, "convertedObjects": []}),
        _ => json!({"result": {"status": "Success"}, "convertedObjects": request["objects"]}),
    });
    let head = "conversion webhook for example.com/v2, Kind=Widget";
    let cases = [
        ("refused", format!("{head} failed: not this one")),
        ("few", format!("{head} returned 0 objects, expected 1")),
        (
            "same",
            format!(
                "{head} returned invalid object at index 0: invalid groupVersion (expected example.com/v1, received \
                 example.com/v2)"
            ),
        ),
    ];
    for (name, why) in cases {
        let body = json!({"metadata": {"name": name}, "spec": {"length": 1}});
        let error = world.create(&widgets("v2"), body).unwrap_err();
        assert_eq!((error.code(), error.message()), (500, why.as_str()));
    }
}

#[test]
fn a_webhook_that_cannot_be_called_is_told_of() {
    let silent = |_: http::Request<bytes::Bytes>| async {
        Err::<http::Response<bytes::Bytes>, _>(steersman_core::Error::internal("Post \"x\": no route"))
    };
    let (mut world, _) = world(convert);
    let definitions =
        Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"));
    let definition =
        world.get(&definitions.clone().named("widgets.example.com")).unwrap().to_value().unwrap();
    world = World::with(|builder| builder.webhooks(silent));
    let definition = json!({"metadata": {"name": "widgets.example.com"}, "spec": definition["spec"]});
    world.create(&definitions, definition).unwrap();
    let body = json!({"metadata": {"name": "a"}, "spec": {"length": 1}});
    let error = world.create(&widgets("v2"), body).unwrap_err();
    let why = "conversion webhook for example.com/v2, Kind=Widget failed: Post \"x\": no route";
    assert_eq!(error.message(), why);
}
