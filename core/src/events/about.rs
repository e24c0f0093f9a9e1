//! What an event is about.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;

/// An object that an event is about, or a part of it. Cloning shares: whoever says much about one object makes this
/// once.
#[derive(Clone, Debug, Default)]
pub struct About {
    object: Arc<ObjectReference>,
    part: Option<String>,
}

impl About {
    /// The same object's part at a field path: `spec.containers{web}`.
    #[must_use]
    pub fn part(&self, field_path: String) -> Self {
        About { object: self.object.clone(), part: Some(field_path) }
    }

    /// The object.
    pub(super) fn object(&self) -> &ObjectReference {
        &self.object
    }

    /// Which part of it.
    pub(super) fn field_path(&self) -> Option<&String> {
        self.part.as_ref().or(self.object.field_path.as_ref())
    }
}

impl From<ObjectReference> for About {
    fn from(object: ObjectReference) -> Self {
        About { object: Arc::new(object), part: None }
    }
}
