//! The specs of Deployments and their kin, which only some versions of the Kubernetes API have behind an `Option`.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec};
use steersman_core::versions::{given, optional};

pub(crate) fn of_deployment(deployment: &Deployment) -> Option<&DeploymentSpec> {
    optional(&deployment.spec)
}

pub(crate) fn of_set(set: &ReplicaSet) -> Option<&ReplicaSetSpec> {
    optional(&set.spec)
}

/// Changes the spec of a ReplicaSet; makes one if there is none.
pub(crate) fn change(set: &mut ReplicaSet, change: impl FnOnce(&mut ReplicaSetSpec)) {
    let mut spec = optional::<ReplicaSetSpec>(std::mem::take(&mut set.spec)).unwrap_or_default();
    change(&mut spec);
    set.spec = given(spec);
}
