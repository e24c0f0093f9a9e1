//! Secrets: types and the keys they ask for, size, and what may change in an immutable one.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};

use super::config_map::{MOST_BYTES, decoded_len, each_key, immutable};
use super::{Strategy, WriteContext, checks, tls_pair};
use crate::schema::{explain_json, kind_of};
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
fn encode(secret: &mut Map) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let data = secret.object("data");
    for (key, value) in plain {
        data.put(&key, STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn check_type(secret: &Value, errors: &mut ErrorList) {
    let (data, path) = (secret.at("data"), Path::new("data"));
    let mut require = |keys: &[&str]| {
        let missing = keys.iter().filter(|key| !data.has(key));
        errors.extend(missing.map(|key| Error::required(&path.key(key), "")));
    };
    match secret.text("type") {
        "kubernetes.io/dockercfg" => check_docker(data, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => check_docker(data, ".dockerconfigjson", errors),
        "kubernetes.io/tls" => require(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" if data.text("ssh-privatekey").is_empty() => {
            errors.push(Error::required(&path.key("ssh-privatekey"), ""));
        }
        "kubernetes.io/basic-auth" if !data.has("username") && !data.has("password") => {
            require(&["username", "password"]);
        }
        "kubernetes.io/service-account-token" => {
            let (metadata, name) = (Path::new("metadata"), "kubernetes.io/service-account.name");
            if secret.at("metadata").at("annotations").text(name).is_empty() {
                errors.push(Error::required(&metadata.child("annotations").key(name), ""));
            }
        }
        _ => {}
    }
}

/// What Docker reads is a JSON object.
fn check_docker(data: &Value, key: &str, errors: &mut ErrorList) {
    let path = Path::new("data");
    let Some(text) = data.at(key).as_str() else {
        errors.push(Error::required(&path.key(key), ""));
        return;
    };
    if let Some(why) = STANDARD.decode(text).ok().and_then(|bytes| no_object(&bytes)) {
        errors.push(Error::invalid(&path.key(key), "<secret contents redacted>", why));
    }
}

/// Why a text is no JSON object, in the words of Go's decoder, to which null is one.
fn no_object(text: &[u8]) -> Option<String> {
    explain_json(text).or_else(|| match serde_json::from_slice(text).ok()? {
        Value::Null | Value::Object(_) => None,
        other => {
            let kind = kind_of(&other);
            Some(format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

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
            ("kubernetes.io/basic-auth", "data[username]: Required value, data[password]: Required value"),
            ("kubernetes.io/ssh-auth", "data[ssh-privatekey]: Required value"),
            ("example.com/x", ""),
        ];
        for (kind, messages) in cases {
            let errors = Secrets.validate(&json!({"type": kind, "data": {"a": "eA=="}}));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), messages);
        }
    }

    #[test]
    fn what_docker_reads_is_an_object() {
        let array = "json: cannot unmarshal array into Go value of type map[string]interface {}";
        let cases = [("{}", ""), ("null", ""), ("", "unexpected end of JSON input"), ("[]", array)];
        for (text, why) in cases {
            assert_eq!(no_object(text.as_bytes()).unwrap_or_default(), why);
        }
    }
}
