//! Why a strategic merge patch cannot be followed, and which status upstream answers then.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use steersman_core::Error;
use steersman_core::tree::{Map, Value};

use super::{inapplicable, show};

/// Why a patch is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A directive has the wrong form: 400.
    Format(&'static str),
    /// Lists of lists do not merge: 422.
    ListOfLists,
    /// Anything else, which upstream does not tell from a fault of its own: 500.
    Other(String),
}

impl Refusal {
    pub(super) fn unknown_directive(directive: &Value, patch: &Map) -> Self {
        let patch = show(&Value::Object(patch.clone()));
        Refusal::Other(format!("unknown patch type: {} in map: {patch}", show(directive)))
    }

    pub(super) fn no_merge_key(map: &Map, key: &str) -> Self {
        let map = show(&Value::Object(map.clone()));
        Refusal::Other(format!("map: {map} does not contain declared merge key: {key}"))
    }

    pub(super) fn wrong_argument(expected: &str, actual: &Value) -> Self {
        let actual = match actual {
            Value::Null => "%!s(<nil>)",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float64",
            Value::Number(_) => "int64",
            Value::String(_) => "string",
            Value::Array(_) => "[]interface {}",
            Value::Object(_) => "map[string]interface {}",
        };
        Refusal::Other(format!("expected a {expected}, but received a {actual}"))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Format(why) => Error::bad_request(why),
            Refusal::ListOfLists => inapplicable(),
            Refusal::Other(why) => Error::from_status(Status {
                code: Some(500),
                message: Some(why),
                status: Some("Failure".to_owned()),
                ..Status::default()
            }),
        }
    }
}
