//! What an event is about.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;

use crate::object::Object;
use crate::resource::Resource;
use crate::tree::Text;

/// An object that an event is about, or a part of it. Cloning shares: whoever says much about one object makes this
/// once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    object: Arc<Reference>,
    part: Text,
}

/// What an event says of an object; what is empty, it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) api_version: Text,
    pub(super) kind: Text,
    pub(super) namespace: Text,
    pub(super) name: Text,
    pub(super) uid: Text,
    pub(super) resource_version: Text,
}

impl About {
    /// An object, in the version at hand.
    pub fn of(object: &Object) -> Self {
        Reference {
            api_version: object.api_version().into(),
            kind: object.kind().into(),
            namespace: object.namespace().into(),
            name: object.name().into(),
            uid: object.uid().into(),
            resource_version: object.resource_version().into(),
        }
        .into()
    }

    /// A typed object, in the version at hand.
    pub fn of_typed<K: Resource>(object: &K) -> Self {
        let metadata = object.metadata();
        Reference {
            api_version: Text::from_static(K::API_VERSION),
            kind: Text::from_static(K::KIND),
            namespace: text(metadata.namespace.as_ref()),
            name: text(metadata.name.as_ref()),
            uid: text(metadata.uid.as_ref()),
            resource_version: text(metadata.resource_version.as_ref()),
        }
        .into()
    }

    /// The same object, whatever its version.
    #[must_use]
    pub fn in_any_version(mut self) -> Self {
        Arc::make_mut(&mut self.object).resource_version = Text::default();
        self
    }

    /// The same object's part at a field path: `spec.containers{web}`.
    #[must_use]
    pub fn part(&self, field_path: impl Into<Text>) -> Self {
        About { object: self.object.clone(), part: field_path.into() }
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.object
    }

    /// Which part of the object; empty for all of it.
    pub(super) fn field_path(&self) -> &Text {
        &self.part
    }
}

impl From<Reference> for About {
    fn from(object: Reference) -> Self {
        About { object: Arc::new(object), part: Text::default() }
    }
}

impl From<ObjectReference> for About {
    fn from(reference: ObjectReference) -> Self {
        let object = Reference {
            api_version: text(reference.api_version.as_ref()),
            kind: text(reference.kind.as_ref()),
            namespace: text(reference.namespace.as_ref()),
            name: text(reference.name.as_ref()),
            uid: text(reference.uid.as_ref()),
            resource_version: text(reference.resource_version.as_ref()),
        };
        About::from(object).part(text(reference.field_path.as_ref()))
    }
}

fn text(field: Option<&String>) -> Text {
    field.map(Text::from).unwrap_or_default()
}
