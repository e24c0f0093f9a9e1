//! The specs of claims and classes, which only some versions of the Kubernetes API have behind an `Option`.

use k8s_openapi::api::resource::v1::{
    DeviceClaim, DeviceClass, DeviceClassSpec, ResourceClaim, ResourceClaimSpec,
};
use steersman_core::versions::optional;

/// What a claim asks for.
pub(crate) fn of_claim(claim: &ResourceClaim) -> Option<&DeviceClaim> {
    optional::<&ResourceClaimSpec>(&claim.spec)?.devices.as_ref()
}

pub(crate) fn of_class(class: &DeviceClass) -> Option<&DeviceClassSpec> {
    optional(&class.spec)
}
