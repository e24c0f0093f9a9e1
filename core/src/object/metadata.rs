//! The metadata of an object, as everybody needs them who handles objects of any kind.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use serde::Deserialize;

/// The metadata of an object, without `managedFields` (those stay in the bytes).
///
/// What is the same in most versions of an object is shared by those that are cloned from each other, until it is changed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Read")]
pub struct Metadata {
    /// The version of the object, opaque to clients; empty for an object that was not stored.
    pub resource_version: String,
    /// Counts changes of the desired state.
    pub generation: i64,
    /// When it will be, or was to be, gone: set once deletion was asked for.
    pub deletion_timestamp: Option<Time>,
    /// The seconds of grace that deletion was asked for with.
    pub deletion_grace_period_seconds: Option<i64>,
    lasting: Arc<Lasting>,
}

/// What of the metadata is the same in most versions of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lasting {
    /// The name, unique in the namespace for the resource.
    pub name: String,
    /// The prefix that a generated name starts with.
    pub generate_name: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Unique over space and time.
    pub uid: String,
    /// When the server created it, in whole seconds.
    pub creation_timestamp: Option<Time>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The objects it depends on.
    pub owner_references: Vec<OwnerReference>,
    /// Who must act before it can be removed.
    pub finalizers: Vec<String>,
}

/// The metadata as they are written.
#[derive(Default, Deserialize)]
#[serde(rename = "Metadata", expecting = "struct Metadata", rename_all = "camelCase", default)]
struct Read {
    name: String,
    generate_name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    generation: i64,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    #[serde(deserialize_with = "null_is_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "null_is_default")]
    finalizers: Vec<String>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl From<Read> for Metadata {
    fn from(read: Read) -> Self {
        let lasting = Lasting {
            name: read.name,
            generate_name: read.generate_name,
            namespace: read.namespace,
            uid: read.uid,
            creation_timestamp: read.creation_timestamp,
            labels: read.labels,
            annotations: read.annotations,
            owner_references: read.owner_references,
            finalizers: read.finalizers,
        };
        Metadata {
            resource_version: read.resource_version,
            generation: read.generation,
            deletion_timestamp: read.deletion_timestamp,
            deletion_grace_period_seconds: read.deletion_grace_period_seconds,
            lasting: Arc::new(lasting),
        }
    }
}

impl Deref for Metadata {
    type Target = Lasting;

    fn deref(&self) -> &Lasting {
        &self.lasting
    }
}

impl DerefMut for Metadata {
    fn deref_mut(&mut self) -> &mut Lasting {
        Arc::make_mut(&mut self.lasting)
    }
}

impl Metadata {
    /// `namespace/name`, or `name` where there is no namespace.
    pub fn key(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            [&self.namespace, "/", &self.name].concat()
        }
    }

    /// The owner that manages this object, if one does.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }

    /// Whether deletion was asked for.
    pub fn is_terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// When it was created; the beginning of time for an object that was not stored.
    pub fn created(&self) -> Timestamp {
        self.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_share_what_lasts_until_one_changes_it() {
        let read = r#"{"name":"a","resourceVersion":"1","labels":null,"finalizers":["f"]}"#;
        let old: Metadata = serde_json::from_str(read).unwrap();
        let mut new = old.clone();
        new.resource_version = "2".to_owned();
        assert!(Arc::ptr_eq(&old.lasting, &new.lasting));
        new.labels.insert("l".to_owned(), "v".to_owned());
        assert_eq!((&*old.name, &*new.name, old.labels.len(), new.labels.len()), ("a", "a", 0, 1));
        assert_eq!((&old.finalizers, old.resource_version.as_str()), (&new.finalizers, "1"));
    }

    #[test]
    fn what_is_wrong_with_metadata_is_said_of_metadata() {
        let error = serde_json::from_str::<Metadata>("1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid type: integer `1`, expected struct Metadata at line 1 column 1"
        );
    }
}
