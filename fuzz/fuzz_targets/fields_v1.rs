//! Managed fields that a client sends: they are taken or ignored, and an apply over them works.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use steersman_fuzz::{JSON, in_house};

fuzz_target!(|body: &[u8]| {
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
});
