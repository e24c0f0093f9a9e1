//! What policies and webhooks see of a write: its objects, whole, in the version that they ask for.

use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::Attributes;
use super::rules::Version;
use crate::ownership::Owners;
use crate::tree::{Fill, Read};

/// The objects of a write in one version.
pub(super) struct Shown {
    pub(super) version: Version,
    /// The object as it is by now; null on delete.
    pub(super) object: Value,
    /// The object as it is stored; null on create.
    pub(super) old: Value,
}

impl Shown {
    pub(super) async fn of(write: &Attributes<'_>, version: Version) -> Result<Self> {
        let mut object = present(write, &version, write.object).await?;
        let mut old = present(write, &version, write.old.unwrap_or(&Value::Null)).await?;
        if let Some(written) = &write.owners {
            written.new.put(&mut object);
            written.old.unwrap_or(&Owners::default()).put(&mut old);
        }
        for (shown, version) in [(&mut object, write.version), (&mut old, write.old_version)] {
            let metadata = shown.get_mut("metadata").and_then(Value::as_object_mut);
            if let Some(metadata) = metadata.filter(|_| !version.is_empty()) {
                metadata.put("resourceVersion", version);
            }
        }
        Ok(Shown { version, object, old })
    }

    /// Writes an object that somebody has changed in the place of the one that it was shown. Whether it differs.
    ///
    /// # Errors
    /// It cannot be read as what it was.
    pub(super) async fn replace(self, write: &mut Attributes<'_>, mut object: Value) -> Result<bool, String> {
        let is_changed = object != self.object;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.drop_field("resourceVersion");
        }
        if let Some(written) = &mut write.owners {
            let owners = |tree: &Value| tree.at("metadata").at("managedFields").clone();
            let is_same = owners(&object) == owners(&self.object);
            let taken = Owners::take(&mut object);
            if !is_same {
                *written.new = taken;
            }
        }
        *write.object = write.cluster.restore(&self.version.resource, write.subresource, object).await?;
        Ok(is_changed)
    }
}

async fn present(write: &Attributes<'_>, version: &Version, object: &Value) -> Result<Value> {
    if object.is_null() {
        return Ok(Value::Null);
    }
    let shown = write.cluster.present(&version.resource, write.subresource, object).await;
    shown.map_err(Error::internal)
}
