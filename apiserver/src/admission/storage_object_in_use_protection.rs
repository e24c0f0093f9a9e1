//! Gives new volumes and claims the finalizers that keep them while they are in use.

use async_trait::async_trait;
use steersman_core::Result;

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, fields};

/// Group, resource, finalizer.
const FINALIZERS: &[(&str, &str, &str)] = &[
    ("", "persistentvolumes", "kubernetes.io/pv-protection"),
    ("", "persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    ("storage.k8s.io", "volumeattributesclasses", "kubernetes.io/vac-protection"),
];

pub(super) struct StorageObjectInUseProtection;

#[async_trait]
impl Admission for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        FINALIZERS.iter().any(|(group, resource, _)| write.is_about(group, resource))
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        for (group, resource, finalizer) in FINALIZERS {
            if write.is(Operation::Create, group, resource) {
                let finalizers = fields(write.object).object("metadata").list("finalizers");
                if !finalizers.iter().any(|one| one == finalizer) {
                    finalizers.push((*finalizer).into());
                }
            }
        }
        Ok(())
    }
}
