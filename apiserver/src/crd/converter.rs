//! Converts custom resources between the versions of a definition whose conversion strategy is `Webhook`.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/>

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use steersman_core::resource::GroupVersionKind;

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
    /// Who converts; `None` if nobody was given for the definition.
    pub(crate) converter: Option<Arc<dyn Converter>>,
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
    /// The converter fails, there is none, or its answer is no such object; in upstream's words.
    pub(crate) fn convert(&self, object: Value, api_version: &str) -> Result<Value, String> {
        if object["apiVersion"] == api_version {
            return Ok(object);
        }
        let text = |tree: &Value, key: &str| tree[key].as_str().unwrap_or_default().to_owned();
        let kind = text(&object, "kind");
        let from = GroupVersionKind::from_api_version(&text(&object, "apiVersion"), &kind);
        let Some(converter) = &self.converter else {
            return Err(format!("conversion webhook for {from} failed: no converter is registered for it"));
        };
        let metadata = object["metadata"].clone();
        let mut converted = converter
            .convert(object, api_version)
            .map_err(|why| format!("conversion webhook for {from} failed: {why}"))?;
        let invalid = |what: &str, wanted: &str, found: &str| {
            format!(
                "conversion webhook for {from} returned invalid object at index 0: invalid {what} (expected {wanted}, \
                 received {found})"
            )
        };
        let found = text(&converted, "apiVersion");
        if found != api_version {
            return Err(invalid("groupVersion", api_version, &found));
        }
        let found = text(&converted, "kind");
        if found != kind {
            return Err(invalid("kind", &kind, &found));
        }
        restore(&mut converted, metadata);
        Ok(converted)
    }
}

/// Only labels and annotations are the converter's to change.
fn restore(converted: &mut Value, mut metadata: Value) {
    if let Some(own) = metadata.as_object_mut() {
        for key in ["labels", "annotations"] {
            match converted["metadata"].get(key).filter(|value| !value.is_null()) {
                Some(value) => own.insert(key.to_owned(), value.clone()),
                None => own.remove(key),
            };
        }
    }
    converted["metadata"] = metadata;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conversion(converter: impl Converter + 'static) -> Conversion {
        Conversion { stored: "example.com/v1".to_owned(), converter: Some(Arc::new(converter)) }
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
}
