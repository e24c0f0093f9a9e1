//! Bodies of which not even the kind can be read, in upstream's words.

use std::fmt::Write;

use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use crate::schema::kind_of;

/// How much of a body is shown, in bytes.
const SHOWN: usize = 30;

/// The Go type that upstream reads the kind of a body into.
const HEADER: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// 400: the body should be of a kind, and why it cannot be read.
pub(super) fn refuse(body: &[u8], kind: &str, why: &str) -> Error {
    let shown = beginning(body);
    Error::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {why} ({shown})"
    ))
}

/// Refuses a custom resource that does not say what it is.
pub(super) fn check_said(tree: &Value, body: &[u8], wanted: &GroupVersionKind) -> Result<()> {
    let is_said = |field: &str| tree[field].as_str().is_some_and(|text| !text.is_empty());
    if !is_said("kind") {
        let why = format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(body));
        return Err(refuse(body, &wanted.kind, &why));
    }
    if is_said("apiVersion") {
        return Ok(());
    }
    let wanted = wanted.api_version();
    Err(Error::bad_request(format!(
        "the API version in the data () does not match the expected API version ({wanted})"
    )))
}

/// Why the kind of a body cannot be told; `None` if it can, or is not said.
pub(super) fn untold(tree: &Value) -> Option<String> {
    let mistyped = |name: &&str| !(tree[*name].is_null() || tree[*name].is_string());
    let why = match tree {
        Value::Null => return None,
        Value::Object(_) => match ["apiVersion", "kind"].iter().find(|name| mistyped(name)) {
            None => return unversioned(tree["apiVersion"].as_str().unwrap_or_default()),
            Some(name) => {
                let found = kind_of(&tree[*name]);
                format!("json: cannot unmarshal {found} into Go struct field .{name} of type string")
            }
        },
        other => format!("json: cannot unmarshal {} into Go value of type {HEADER}", kind_of(other)),
    };
    Some(format!("couldn't get version/kind; json parse error: {why}"))
}

fn unversioned(api_version: &str) -> Option<String> {
    let is_too_deep = api_version.matches('/').count() > 1;
    is_too_deep.then(|| format!("unexpected GroupVersion string: {api_version}"))
}

/// How a body begins, in hexadecimal digits unless it may be JSON.
fn beginning(body: &[u8]) -> String {
    let shown = &body[..body.len().min(SHOWN)];
    let mut text = match body.first() {
        None => return "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
    };
    if body.len() > SHOWN {
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_custom_resource_says_what_it_is() {
        let widget = GroupVersionKind::new("example.com", "v1", "Widget");
        let fault = |body: Value| {
            let text = body.to_string();
            check_said(&body, text.as_bytes(), &widget)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(fault(json!({"apiVersion": "example.com/v1", "kind": "Widget"})), "");
        let missing = fault(json!({"kind": ""}));
        let why = r#"(must be of type Widget): Object 'Kind' is missing in '{"kind":""}' ({"kind":""})"#;
        assert!(missing.contains(why), "{missing}");
        assert!(fault(json!({"kind": "Widget"})).contains("the API version in the data () does not match"));
    }

    #[test]
    fn what_is_sent_is_shown_from_its_beginning() {
        let long = format!("{{{}", "x".repeat(40));
        let cases = [
            ("", "<empty>".to_owned()),
            ("{", "{".to_owned()),
            ("[]", "5b5d".to_owned()),
            (&long, format!("{{{} ...", "x".repeat(29))),
        ];
        for (body, shown) in cases {
            assert_eq!(beginning(body.as_bytes()), shown, "{body}");
        }
    }

    #[test]
    fn a_body_without_a_kind_to_be_read_is_refused_in_gos_words() {
        let why = |tree: Value| untold(&tree).unwrap();
        assert_eq!(untold(&json!(null)), None);
        assert_eq!(untold(&json!({"kind": "Pod", "apiVersion": "apps/v1"})), None);
        assert!(why(json!([])).ends_with(
            r#"error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#
        ));
        assert!(
            why(json!({"kind": 5}))
                .ends_with("error: json: cannot unmarshal number into Go struct field .kind of type string")
        );
        assert_eq!(why(json!({"apiVersion": "a/b/c"})), "unexpected GroupVersion string: a/b/c");
    }
}
