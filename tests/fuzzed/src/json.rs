//! Bodies, in JSON and in YAML: what is stored can be read again and sent back without a change.

use http::{Method, StatusCode};

use crate::house::{JSON, in_house};

/// Creates what `body` says.
pub fn json(body: &[u8]) {
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
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const BODIES: &[&str] = &[
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"x":"y"},"annotations":{"n":""},
            "ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1"}]},"data":{"a":"1","b":"\u00e9"}}"#,
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"a-","finalizers":[]},
            "immutable":true,"binaryData":{"a":"AAEC"},"data":null}"#,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {x: 'y'}\ndata:\n  a: |\n    one\n    two\n  \
         b: >-\n    three\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, creationTimestamp: 2026-01-01T00:00:00Z}\n\
         data: &d\n  a: \"\\x41\"\n  <<: *d\n---\n",
    ];

    #[test]
    fn what_is_stored_can_be_sent_back_without_a_change() {
        hold(BODIES, super::json);
    }
}
