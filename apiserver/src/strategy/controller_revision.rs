//! ControllerRevisions: numbered data that does not change.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{Strategy, checks};
use crate::tree::Read;

/// The strategy of controller revisions.
pub(super) struct ControllerRevisions;

impl Strategy for ControllerRevisions {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        checks::non_negative(object, "revision", &Path::ROOT, &mut errors);
        let why = match object.at("data") {
            Value::Object(_) => return errors,
            Value::Null => "data is mandatory",
            _ => "data must be a valid JSON object",
        };
        errors.push(Error::required(&Path::new("data"), why));
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        checks::non_negative(object, "revision", &Path::ROOT, &mut errors);
        checks::unchanged(object, old, "data", &Path::ROOT, &mut errors);
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn the_data_is_an_object() {
        let cases = [
            (json!({"data": {}}), ""),
            (json!({"data": "x"}), "data: Required value: data must be a valid JSON object"),
            (
                json!({"revision": -1}),
                "revision: Invalid value: -1: must be greater than or equal to 0, data: Required value: data is \
                 mandatory",
            ),
        ];
        for (revision, expected) in cases {
            let errors = ControllerRevisions.validate(&revision);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }
}
