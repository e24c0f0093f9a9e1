//! Where the scale of a custom resource is, and what may stand there.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

/// Where the scale subresource finds its values, as simple paths: `.spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScalePaths {
    /// The wished count.
    pub spec_replicas: String,
    /// The observed count.
    pub status_replicas: String,
    /// The selector as text, if there is one.
    pub label_selector: Option<String>,
}

impl ScalePaths {
    /// The paths that a version states; `None` if it has no scale.
    pub(super) fn of(version: &Value) -> Option<Self> {
        let scale = version["subresources"]["scale"].as_object()?;
        let text = |key: &str| scale.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(ScalePaths {
            spec_replicas: text("specReplicasPath"),
            status_replicas: text("statusReplicasPath"),
            label_selector: Some(text("labelSelectorPath")).filter(|path| !path.is_empty()),
        })
    }

    /// What is wrong with the counts of an object.
    pub(crate) fn check(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        for path in [&self.spec_replicas, &self.status_replicas] {
            let mut steps = path.trim_start_matches('.').split('.');
            let Some(count) = steps.try_fold(object, |tree, step| tree.get(step)).and_then(Value::as_i64)
            else {
                continue;
            };
            let at = Path::new(path);
            if count < 0 {
                errors.push(Error::invalid(&at, count, "should be a non-negative integer"));
            } else if i32::try_from(count).is_err() {
                let why = format!("should be less than or equal to {}", i32::MAX);
                errors.push(Error::invalid(&at, count, why));
            }
        }
        errors
    }
}
