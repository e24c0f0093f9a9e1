//! Converts custom resources between the versions of a definition whose conversion strategy is `Webhook`.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steersman_core::field::Path;
use steersman_core::labels;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;

use super::webhook::ConversionWebhook;
use crate::ownership::go_type;
use crate::tree::{Fill, Read};

/// What a conversion webhook does; a closure `|object, api_version| Ok(…)` is one. Given to the server with
/// [`Builder::converter`](crate::Builder::converter).
pub trait Converter: Send + Sync {
    /// The object in another version: `api_version` is `group/version`, and the answer must have it. Called on reads and
    /// writes alike, any number of times, and once for each object of a list: it must not wait. What it says of
    /// `metadata` counts for labels and annotations only.
    ///
    /// # Errors
    /// Why it cannot be converted; whoever asked for the object is told, with 500.
    fn convert(&self, object: Value, api_version: &str) -> Result<Value, String>;
}

impl<F> Converter for F
where
    F: Fn(Value, &str) -> Result<Value, String> + Send + Sync,
{
    fn convert(&self, object: Value, api_version: &str) -> Result<Value, String> {
        self(object, api_version)
    }
}

/// How the versions of one definition are made of each other.
#[derive(Clone)]
pub(crate) struct Conversion {
    /// The `apiVersion` that objects are stored in.
    pub(crate) stored: String,
    pub(crate) by: Convert,
}

/// Who converts.
#[derive(Clone)]
pub(crate) enum Convert {
    /// Whoever was given to the server for the definition.
    Own(Arc<dyn Converter>),
    /// The webhook that the definition names.
    Webhook(ConversionWebhook),
}

impl fmt::Debug for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversion").field("stored", &self.stored).finish_non_exhaustive()
    }
}

impl Conversion {
    /// The object in a version.
    ///
    /// # Errors
    /// The converter fails, the webhook is still to be asked, or the answer is no such object; in upstream's words.
    pub(crate) fn convert(&self, mut object: Value, api_version: &str) -> Result<Value, String> {
        if object["apiVersion"] == api_version {
            return Ok(object);
        }
        if is_empty(&object) {
            object["apiVersion"] = api_version.into();
            return Ok(object);
        }
        match &self.by {
            Convert::Webhook(webhook) => webhook.convert(object, api_version),
            Convert::Own(converter) => {
                let from = kind_of(&object);
                let converted = converter
                    .convert(object.clone(), api_version)
                    .map_err(|why| format!("conversion webhook for {from} failed: {why}"))?;
                let named = converter_named(&object, converted);
                accept(&object, named, api_version)
                    .map_err(|why| format!("conversion webhook for {from} returned {why}"))
            }
        }
    }
}

/// What nobody has to be asked about: upstream converts such an object itself.
fn is_empty(object: &Value) -> bool {
    object.as_object().is_some_and(|fields| fields.len() == 2) && object.has("kind")
}

/// The kind of an object, as errors name it.
pub(super) fn kind_of(object: &Value) -> String {
    GroupVersionKind::from_api_version(object.text("apiVersion"), object.text("kind")).to_string()
}

/// What a closure has made of an object, with the names of the object: it may leave them out.
fn converter_named(object: &Value, mut converted: Value) -> Value {
    if let Some(fields) = converted.as_object_mut() {
        let metadata = fields.object("metadata");
        for field in NAMES {
            match object.at("metadata").at(field) {
                Value::Null => metadata.drop_field(field),
                own => metadata.put(field, own.clone()),
            }
        }
    }
    converted
}

/// What a converted object has in common with what it was, and how that is told.
const NAMES: [&str; 3] = ["name", "namespace", "uid"];
const NAMES_TOLD: [&str; 3] = ["name", "namespace", "UID"];

/// The answer to the conversion of an object, of which only labels and annotations are the converter's to change.
///
/// # Errors
/// It is no such object; in upstream's words, which follow "returned". Each object is the first one of its own question
/// there.
pub(super) fn accept(object: &Value, mut converted: Value, api_version: &str) -> Result<Value, String> {
    for (what, field, wanted) in
        [("groupVersion", "apiVersion", api_version), ("kind", "kind", object.text("kind"))]
    {
        let found = converted.text(field);
        if found != wanted {
            return Err(format!(
                "invalid object at index 0: invalid {what} (expected {wanted}, received {found})"
            ));
        }
    }
    let mut metadata = object.at("metadata").clone();
    let given = converted.at("metadata");
    for (field, told) in NAMES.into_iter().zip(NAMES_TOLD) {
        let (own, found) = (metadata.text(field), given.text(field));
        if own != found {
            return Err(format!("invalid object: must have the same {told}: {own} != {found}"));
        }
    }
    if let Some(own) = metadata.as_object_mut() {
        for field in ["labels", "annotations"] {
            match given.at(field) {
                Value::Null => own.drop_field(field),
                value => {
                    check_texts(field, value, own.at(field))
                        .map_err(|why| format!("invalid metadata: {why}"))?;
                    own.put(field, value.clone());
                }
            }
        }
    }
    converted["metadata"] = metadata;
    Ok(converted)
}

/// Whether a converter gives labels, or annotations, that there can be; those that it leaves as they are it may give.
fn check_texts(field: &str, given: &Value, own: &Value) -> Result<(), String> {
    let Value::Object(entries) = given else {
        return Err(format!("invalid metadata.{field} of type {} in converted object", go_type(given)));
    };
    let mut texts = BTreeMap::new();
    for (key, value) in entries {
        let Some(text) = value.as_str() else {
            let kind = go_type(value);
            return Err(format!(
                "metadata.{field}[{key}] must be a string, but is {kind} in converted object"
            ));
        };
        texts.insert(key.as_str().to_owned(), text.to_owned());
    }
    if given == own {
        return Ok(());
    }
    let metadata = Path::new("metadata");
    let errors = match field {
        "labels" => labels::validate_labels(&texts, &metadata.child("labels")),
        _ => labels::validate_annotations(&texts, &metadata.child("annotation")),
    };
    let mut whys: Vec<String> = errors.iter().map(ToString::to_string).collect();
    whys.dedup();
    match whys.len() {
        0 => Ok(()),
        1 => Err(whys.remove(0)),
        _ => Err(format!("[{}]", whys.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn conversion(converter: impl Converter + 'static) -> Conversion {
        Conversion { stored: "example.com/v1".to_owned(), by: Convert::Own(Arc::new(converter)) }
    }

    #[test]
    fn a_converter_changes_all_but_what_identifies_the_object() {
        let conversion = conversion(|mut object: Value, api_version: &str| {
            object["apiVersion"] = api_version.into();
            object["spec"] = json!({"b": object["spec"]["a"]});
            object["metadata"] = json!({"name": "other", "labels": {"l": "x"}});
            Ok(object)
        });
        let object = json!({
            "apiVersion": "example.com/v1", "kind": "W", "metadata": {"name": "n", "annotations": {"a": "b"}},
            "spec": {"a": 1},
        });
        let wanted = json!({
            "apiVersion": "example.com/v2", "kind": "W", "metadata": {"name": "n", "labels": {"l": "x"}},
            "spec": {"b": 1},
        });
        assert_eq!(conversion.convert(object, "example.com/v2"), Ok(wanted));
    }

    #[test]
    fn an_answer_in_another_version_is_refused() {
        let conversion = conversion(|object: Value, _: &str| Ok(object));
        let object = json!({"apiVersion": "example.com/v1", "kind": "W", "metadata": {"name": "n"}});
        assert_eq!(
            conversion.convert(object, "example.com/v2").unwrap_err(),
            "conversion webhook for example.com/v1, Kind=W returned invalid object at index 0: invalid groupVersion \
             (expected example.com/v2, received example.com/v1)"
        );
    }

    #[test]
    fn labels_and_annotations_of_an_answer_are_checked_if_they_are_new() {
        let own = json!({"a b": "x"});
        let told = |field: &str, given: Value| check_texts(field, &given, &own).err().unwrap_or_default();
        let cases = [
            ("labels", json!({"a b": "x"}), ""),
            ("labels", json!({"a": "y"}), ""),
            ("labels", json!("x"), "invalid metadata.labels of type string in converted object"),
            (
                "annotations",
                json!({"a": 1}),
                "metadata.annotations[a] must be a string, but is int64 in converted object",
            ),
            (
                "labels",
                json!({"a": null}),
                "metadata.labels[a] must be a string, but is <nil> in converted object",
            ),
            ("labels", json!({"a b": "y"}), "metadata.labels: Invalid value: \"a b\": name part"),
            ("annotations", json!({"a b": "y"}), "metadata.annotation: Invalid value: \"a b\": name part"),
            ("labels", json!({"a b": "y", "c d": ""}), "[metadata.labels: Invalid value: \"a b\": name part"),
        ];
        for (field, given, wanted) in cases {
            let told = told(field, given);
            assert!(told.starts_with(wanted) && told.is_empty() == wanted.is_empty(), "{told}");
        }
    }
}
