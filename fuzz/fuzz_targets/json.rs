//! Bodies, in JSON and in YAML: what is stored can be read again and sent back without a change.
#![no_main]

use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use steersman_fuzz::{JSON, in_house};

fuzz_target!(|body: &[u8]| {
    in_house(|house| {
        for content_type in [JSON, "application/yaml"] {
            let path = "/api/v1/namespaces/default/configmaps";
            let (status, made) = house.send(Method::POST, path, content_type, body);
            if status != StatusCode::CREATED {
                continue;
            }
            let path = format!("{path}/{}", made["metadata"]["name"].as_str().expect("objects have names"));
            let (_, again) = house.send(Method::PUT, &path, JSON, made.to_string().as_bytes());
            assert_eq!(again, made);
            house.send(Method::DELETE, &path, JSON, b"");
        }
    });
});
