//! Fills in the defaults of a pod spec; upstream's `SetDefaults_PodSpec` and those of what a spec holds.

use steersman_core::tree::Map;

use super::containers;
use super::volume_defaults;
use crate::tree::{Fill, Read};

/// Fills in what a spec leaves out.
pub(in crate::strategy) fn default(spec: &mut Map) {
    spec.fill("dnsPolicy", "ClusterFirst");
    spec.fill("restartPolicy", "Always");
    spec.fill("schedulerName", "default-scheduler");
    spec.fill("terminationGracePeriodSeconds", 30);
    spec.fill("securityContext", Map::new());
    clamp_grace(spec);
    mirror_service_account(spec);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        spec.objects_mut(list).for_each(containers::default);
    }
    spec.objects_mut("volumes").for_each(volume_defaults::default);
}

/// A negative grace period is one second.
fn clamp_grace(spec: &mut Map) {
    if spec.int("terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        spec.put("terminationGracePeriodSeconds", 1);
    }
}

/// `serviceAccount` is the deprecated name of `serviceAccountName`: both always say the same.
pub(in crate::strategy) fn mirror_service_account(spec: &mut Map) {
    let name = match spec.text("serviceAccountName") {
        "" => spec.text("serviceAccount"),
        name => name,
    };
    if !name.is_empty() {
        let name = name.to_owned();
        spec.put("serviceAccount", name.as_str());
        spec.put("serviceAccountName", name);
    }
}
