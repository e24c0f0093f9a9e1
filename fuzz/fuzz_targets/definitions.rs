//! Schemas of custom resources: one that is accepted serves its objects.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use steersman_fuzz::{JSON, in_house};

fuzz_target!(|body: &[u8]| {
    let Ok(schema) = serde_json::from_slice::<Value>(body) else { return };
    in_house(|house| {
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]
            }
        });
        let (status, _) = house.post(definitions, &definition);
        if status.is_success() {
            let widgets = "/apis/example.com/v1/namespaces/default/widgets";
            let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"},
                                "spec": {"a": 1, "b": ["x", null], "c": {"d": true}}});
            house.post(widgets, &widget);
            house.send(Method::DELETE, &format!("{widgets}/w"), JSON, b"");
            house.send(Method::DELETE, &format!("{definitions}/widgets.example.com"), JSON, b"");
        }
    });
});
