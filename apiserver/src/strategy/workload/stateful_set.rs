//! StatefulSets: defaults of updates, retention and claims.

use serde_json::Value;

use crate::strategy::{Strategy, pod_spec, pod_template};
use crate::tree::{Fill, Read, fields};

/// The strategy of stateful sets.
pub(in crate::strategy) struct StatefulSets;

impl Strategy for StatefulSets {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("podManagementPolicy", "OrderedReady");
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        let update = spec.object("updateStrategy");
        update.fill_zero("type", "RollingUpdate");
        if update.text("type") == "RollingUpdate" {
            let rolling = update.object("rollingUpdate");
            // Rolling several at once is behind a gate that is off by default.
            rolling.drop_field("maxUnavailable");
            rolling.fill("partition", 0);
        }
        let retention = spec.object("persistentVolumeClaimRetentionPolicy");
        retention.fill_zero("whenDeleted", "Retain");
        retention.fill_zero("whenScaled", "Retain");
        for claim in spec.objects_mut("volumeClaimTemplates") {
            claim.fill_zero("apiVersion", "v1");
            claim.fill_zero("kind", "PersistentVolumeClaim");
            pod_spec::default_claim(claim.object("spec"));
            claim.object("status").fill("phase", "Pending");
        }
        pod_template::default(spec);
    }
}
