//! Schemas of custom resources: one that is accepted serves its objects.

use http::Method;
use steersman_core::tree::{Value, json};

use crate::house::{JSON, in_house};

/// Defines a custom resource with the schema in `body`, and creates one.
pub fn definitions(body: &[u8]) {
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
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const SCHEMAS: &[&str] = &[
        r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#,
        r#"{"type":"object","properties":{"spec":{"type":"object","required":["a"],"properties":{
            "a":{"type":"integer","minimum":0,"maximum":5,"multipleOf":1,"default":1},
            "b":{"type":"array","minItems":1,"x-kubernetes-list-type":"set","items":{"type":"string","nullable":true}},
            "c":{"type":"object","additionalProperties":{"type":"boolean"},"x-kubernetes-map-type":"atomic"}}}}}"#,
        r#"{"type":"object","properties":{"spec":{"type":"object","properties":{
            "a":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]},
            "b":{"type":"array","x-kubernetes-list-type":"atomic","items":{"type":"string","pattern":"^x*$","format":"date"}},
            "c":{"type":"object","properties":{"d":{"type":"boolean","enum":[true,false]}},"not":{"required":["e"]}}}}}}"#,
        r#"{"type":"object","properties":{"spec":{"type":"object","x-kubernetes-validations":[
            {"rule":"self.a > 0 || oldSelf.a < 9","message":"m","fieldPath":".a","reason":"FieldValueInvalid"}],
            "properties":{"a":{"type":"number"},"b":{"type":"array","maxItems":3,"x-kubernetes-list-type":"map",
            "x-kubernetes-list-map-keys":["k"],"items":{"type":"object","required":["k"],
            "properties":{"k":{"type":"string"}}}}}}}}"#,
    ];

    #[test]
    fn a_schema_that_is_accepted_serves_its_objects() {
        hold(SCHEMAS, super::definitions);
    }
}
