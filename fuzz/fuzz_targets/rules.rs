//! Validation rules of custom resources: each is refused, or judges objects within its budget.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use steersman_fuzz::{JSON, in_house};

fuzz_target!(|rule: &str| {
    in_house(|house| {
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let spec = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer"}, "s": {"type": "string", "maxLength": 10},
                "l": {"type": "array", "maxItems": 5, "items": {"type": "integer"}},
                "m": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 5}}
            },
            "x-kubernetes-validations": [{"rule": rule}]
        });
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "rules.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "rules", "kind": "Rule"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}
                }}]
            }
        });
        let (status, _) = house.post(definitions, &definition);
        if status.is_success() {
            let rules = "/apis/example.com/v1/namespaces/default/rules";
            let object = json!({"apiVersion": "example.com/v1", "kind": "Rule", "metadata": {"name": "r"},
                                "spec": {"n": 3, "s": "abc", "l": [1, 2], "m": {"k": "v"}}});
            house.post(rules, &object);
            house.send(Method::DELETE, &format!("{rules}/r"), JSON, b"");
            house.send(Method::DELETE, &format!("{definitions}/rules.example.com"), JSON, b"");
        }
    });
});
