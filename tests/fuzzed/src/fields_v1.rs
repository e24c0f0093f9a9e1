//! Managed fields that a client sends: they are taken or ignored, and an apply over them works.

use http::Method;
use steersman_core::tree::{Value, json};

use crate::house::{JSON, in_house};

/// Creates an object whose fields are owned as `body` says, and applies over it.
pub fn fields_v1(body: &[u8]) {
    let Ok(fields) = serde_json::from_slice::<Value>(body) else { return };
    in_house(|house| {
        let path = "/api/v1/namespaces/default/configmaps";
        let entry = json!({"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
                           "fieldsV1": fields});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "2"},
                            "metadata": {"name": "m", "managedFields": [entry]}});
        house.post(path, &object);
        let path = format!("{path}/m");
        house.send(Method::PUT, &path, JSON, object.to_string().as_bytes());
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "3"}});
        let apply = format!("{path}?fieldManager=m&force=true");
        let config = config.to_string();
        let (status, answer) =
            house.send(Method::PATCH, &apply, "application/apply-patch+yaml", config.as_bytes());
        assert!(status.is_success(), "{answer}");
        house.send(Method::DELETE, &path, JSON, b"");
    });
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const FIELDS: &[&str] = &[
        r#"{"f:data":{".":{},"f:a":{},"f:b":{}}}"#,
        r#"{"f:metadata":{"f:labels":{"f:a":{}},"f:finalizers":{"v:\"example.com/f\"":{}},
            "f:ownerReferences":{"k:{\"uid\":\"1\"}":{".":{},"f:name":{}}}},"f:data":{}}"#,
        r#"{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:ports":{"k:{\"containerPort\":80,
            \"protocol\":\"TCP\"}":{}}},"i:0":{"f:image":{}}}},"v:null":{},"v:1.5":{}}"#,
    ];

    #[test]
    fn an_apply_works_whatever_fields_are_said_to_be_owned() {
        hold(FIELDS, super::fields_v1);
    }
}
