//! Rules out nodes where a claim of the pod could have no volume, and binds the claims that wait for the pod.
//!
//! <https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity};
use serde::Deserialize;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, json};

use super::fit_score::ShapePoint;
use super::volume_plan::Plan;
use super::{Configured, volume_bind, volumes};
use crate::event::{Event, Wake};
use crate::faults::Faults;
use crate::plugin::{Binding, Filter, Plugin, PreBind, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::{Code, Rejection, Verdict};

/// Rules out nodes where a claim of the pod could have no volume.
#[derive(Debug)]
pub struct VolumeBinding {
    limit: Duration,
}

/// Upstream's `VolumeBindingArgs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VolumeBindingArgs {
    /// How long binding waits for volumes, in seconds.
    pub bind_timeout_seconds: i64,
    /// How volumes are ranked by their size: not supported, as upstream has it off by default.
    pub shape: Option<Vec<ShapePoint>>,
}

impl Default for VolumeBindingArgs {
    fn default() -> Self {
        VolumeBindingArgs { bind_timeout_seconds: 600, shape: None }
    }
}

/// The claims of a pod, by what is to be done about them.
#[derive(Default)]
pub(super) struct Claims {
    /// They have a volume.
    pub(super) bound: Vec<Arc<PersistentVolumeClaim>>,
    /// They get one when the pod has a node.
    pub(super) waiting: Vec<Arc<PersistentVolumeClaim>>,
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn wakes(&self, pod: &PodInfo, event: &Event) -> Wake {
        volumes::wakes(pod, event)
    }

    fn sign(&self, pod: &PodInfo, nodes: &Snapshot, signature: &mut Signature) {
        volumes::sign(pod, nodes, signature);
    }

    fn reads(&self) -> Vec<GroupVersionResource> {
        let own = [
            GroupVersionResource::of::<CSINode>(),
            GroupVersionResource::of::<CSIDriver>(),
            GroupVersionResource::of::<CSIStorageCapacity>(),
        ];
        volumes::reads().into_iter().chain(own).collect()
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn pre_bind(&self) -> Option<&dyn PreBind> {
        Some(self)
    }
}

#[async_trait]
impl PreBind for VolumeBinding {
    /// A claim that is bound stays so.
    fn has_work(&self, pod: &PodInfo, nodes: &Snapshot) -> bool {
        let is_bound = |named: volumes::ClaimName| {
            volumes::claim(nodes, pod.namespace(), &named.name).is_ok_and(|claim| {
                let is_completed = volumes::annotation(&claim.metadata.annotations, volumes::BIND_COMPLETED);
                is_completed.is_some() && !volumes::volume_name(&claim).is_empty()
            })
        };
        !volumes::claim_names(pod).all(is_bound)
    }

    async fn pre_bind(&self, binding: &Binding<'_>) -> Verdict {
        let Binding { env, client, pod, node, .. } = *binding;
        let bound = volume_bind::bind(env, client, pod, node, self.limit).await;
        bound.map_err(|why| volumes::broken(format!("binding volumes: {why}")))
    }
}

impl Filter for VolumeBinding {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot) -> Prepared {
        let claims = match Claims::of(pod, nodes) {
            Ok(claims) => claims,
            Err(rejection) => return Prepared::Reject(rejection),
        };
        if claims.bound.is_empty() && claims.waiting.is_empty() {
            return Prepared::Skip;
        }
        let available: Vec<Arc<PersistentVolume>> = nodes.related().all().collect();
        Prepared::per_node(move |node| {
            let plan = Plan::make(&claims, &available, node.snapshot(), node.node());
            let reasons = plan.map_err(volumes::broken)?.reasons;
            match reasons.is_empty() {
                true => Ok(()),
                false => Err(Rejection::because(Code::UnschedulableAndUnresolvable, reasons)),
            }
        })
    }
}

impl Claims {
    /// Sorts the claims of a pod. Those that wait for nobody must have a volume before the pod is placed.
    pub(super) fn of(pod: &PodInfo, nodes: &Snapshot) -> Result<Self, Rejection> {
        let claims: Result<Vec<_>, _> = volumes::claim_names(pod)
            .map(|name| usable(pod, &name, nodes).map_err(Rejection::unresolvable))
            .collect();
        let mut sorted = Claims::default();
        let mut must_be_bound = false;
        for claim in claims? {
            let has_volume = !volumes::volume_name(&claim).is_empty();
            let is_complete =
                volumes::annotation(&claim.metadata.annotations, volumes::BIND_COMPLETED).is_some();
            if has_volume && is_complete {
                sorted.bound.push(claim);
            } else if waits(&claim, nodes).map_err(volumes::broken)? && !has_volume {
                sorted.waiting.push(claim);
            } else {
                must_be_bound = true;
            }
        }
        match must_be_bound {
            true => Err(Rejection::unresolvable("pod has unbound immediate PersistentVolumeClaims")),
            false => Ok(sorted),
        }
    }
}

/// The claim, or what is wrong with it.
pub(super) fn usable(
    pod: &PodInfo,
    name: &volumes::ClaimName,
    nodes: &Snapshot,
) -> Result<Arc<PersistentVolumeClaim>, String> {
    let named = &name.name;
    let claim =
        volumes::claim(nodes, pod.namespace(), named).map_err(|rejection| match name.is_ephemeral {
            true => format!(
                "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{named}\""
            ),
            false => rejection.to_string(),
        })?;
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase == Some("Lost") {
        let volume = volumes::volume_name(&claim);
        return Err(format!(
            "persistentvolumeclaim \"{named}\" bound to non-existent persistentvolume \"{volume}\""
        ));
    }
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(format!("persistentvolumeclaim \"{named}\" is being deleted"));
    }
    if name.is_ephemeral {
        volumes::is_for(pod, &claim)?;
    }
    Ok(claim)
}

/// Whether the claim waits for a pod. One without a class, or of a class that does not exist, does not.
fn waits(claim: &PersistentVolumeClaim, nodes: &Snapshot) -> Result<bool, String> {
    match volumes::class_of_claim(claim) {
        "" => Ok(false),
        class => volumes::class(nodes, class).map_or(Ok(false), |class| volumes::waits_for_pod(&class)),
    }
}

impl Configured for VolumeBinding {
    type Args = VolumeBindingArgs;

    fn check(args: &VolumeBindingArgs, at: &Path<'_>) -> Faults {
        let mut errors = Faults::default();
        if args.bind_timeout_seconds < 0 {
            let (path, seconds) = (at.child("bindTimeoutSeconds"), args.bind_timeout_seconds);
            let why = "invalid BindTimeoutSeconds, should not be a negative value";
            errors.push(field::Error::invalid(&path, seconds, why));
        }
        if let Some(shape) = &args.shape {
            let shown = |point: &ShapePoint| json!({"Utilization": point.utilization, "Score": point.score});
            let shape: Value = shape.iter().map(shown).collect();
            let why =
                "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring";
            errors.push(field::Error::invalid(&at.child("shape"), shape, why));
        }
        errors
    }

    fn configured(args: VolumeBindingArgs) -> Self {
        VolumeBinding { limit: Duration::from_secs(args.bind_timeout_seconds.unsigned_abs()) }
    }
}
