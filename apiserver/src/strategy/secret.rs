//! Secrets: types and the keys they ask for, size, and what may change in an immutable one.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};

use super::config_map::{MOST_BYTES, decoded_len, each_key, immutable};
use super::{Strategy, WriteContext, checks, tls_pair};
use crate::tree::{Fill, Read, fields};

/// The strategy of secrets.
pub(super) struct Secrets;

impl Strategy for Secrets {
    fn default(&self, object: &mut Value) {
        let secret = fields(object);
        encode(secret);
        secret.fill("type", "Opaque");
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        // The default has filled in an update that leaves the type out; it means to keep it.
        let secret = fields(object);
        if secret.text("type").is_empty() {
            secret.put("type", old.text("type"));
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let data = Path::new("data");
        let mut size = 0;
        for (key, value) in object.entries("data") {
            each_key(key, &data, &mut errors);
            size += decoded_len(value);
        }
        if size > MOST_BYTES {
            errors.push(Error::too_long(&data, MOST_BYTES));
        }
        check_type(object, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        checks::unchanged(object, old, "type", &Path::ROOT, &mut errors);
        errors.extend(immutable(object, old, &["data"]));
        errors.extend(self.validate(object));
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        tls_pair::warning(object).into_iter().collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.text("type"))
    }
}

/// `stringData` is a way to write `data`: it is never read.
fn encode(secret: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let data = secret.object("data");
    for (key, value) in plain {
        data.put(&key, STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn check_type(secret: &Value, errors: &mut ErrorList) {
    let data = Path::new("data");
    let mut require = |key: &str| {
        if !secret.at("data").has(key) {
            errors.push(Error::required(&data.key(key), ""));
        }
    };
    match secret.text("type") {
        "kubernetes.io/dockercfg" => require(".dockercfg"),
        "kubernetes.io/dockerconfigjson" => require(".dockerconfigjson"),
        "kubernetes.io/tls" => {
            require("tls.crt");
            require("tls.key");
        }
        "kubernetes.io/ssh-auth" => require("ssh-privatekey"),
        "kubernetes.io/basic-auth" if !secret.at("data").has("password") => require("username"),
        "kubernetes.io/service-account-token" => {
            let (metadata, name) = (Path::new("metadata"), "kubernetes.io/service-account.name");
            if secret.at("metadata").at("annotations").text(name).is_empty() {
                errors.push(Error::required(&metadata.child("annotations").key(name), ""));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_strings_are_encoded_over_the_data() {
        let mut secret = json!({"stringData": {"a": "x"}, "data": {"a": "eQ==", "b": "eg=="}});
        Secrets.default(&mut secret);
        assert_eq!(secret, json!({"data": {"a": "eA==", "b": "eg=="}, "type": "Opaque"}));
    }

    #[test]
    fn a_type_asks_for_its_keys() {
        let cases = [
            ("kubernetes.io/tls", "data[tls.crt]: Required value, data[tls.key]: Required value"),
            ("kubernetes.io/dockercfg", "data[.dockercfg]: Required value"),
            ("example.com/x", ""),
        ];
        for (kind, messages) in cases {
            let errors = Secrets.validate(&json!({"type": kind, "data": {"a": "eA=="}}));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), messages);
        }
    }
}
