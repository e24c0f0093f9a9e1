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
    mirror_service_account(spec);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        spec.objects_mut(list).for_each(containers::default);
    }
    spec.objects_mut("volumes").for_each(volume_defaults::default);
}

/// Annotations that told of init containers before there was a field for them.
const INIT_ANNOTATIONS: [&str; 4] = [
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-container-statuses",
];

/// Takes away what kubelets of old would read instead of the fields.
pub(in crate::strategy) fn drop_init_annotations(metadata: &mut Map) {
    if !INIT_ANNOTATIONS.iter().any(|key| metadata.at("annotations").get(key).is_some()) {
        return;
    }
    let Some(annotations) = metadata.object_mut("annotations") else { return };
    let had = annotations.len();
    INIT_ANNOTATIONS.iter().for_each(|key| annotations.drop_field(key));
    if annotations.is_empty() && had > 0 {
        metadata.drop_field("annotations");
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
