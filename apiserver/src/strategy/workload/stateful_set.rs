//! StatefulSets: defaults of updates, retention and claims.

use serde_json::Value;
use steersman_core::field::{ErrorList, Path};
use steersman_core::names;

use super::rules;
use crate::strategy::{Strategy, checks, pod_spec, pod_template};
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

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        let retention = at.child("persistentVolumeClaimRetentionPolicy");
        for field in ["whenDeleted", "whenScaled"] {
            let policy = spec.at("persistentVolumeClaimRetentionPolicy").text(field);
            checks::one_of(policy, &["Retain", "Delete"], &retention.child(field), &mut errors);
        }
        checks::non_negative(spec, "replicas", &at, &mut errors);
        checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
        rules::check_selector(spec, "statefulset", &at, &mut errors);
        rules::check_template(spec, "StatefulSet", &at, &mut errors);
        checks::non_negative(spec, "revisionHistoryLimit", &at, &mut errors);
        checks::non_negative(spec.at("ordinals"), "start", &at.child("ordinals"), &mut errors);
        let service = spec.text("serviceName");
        if !service.is_empty() {
            checks::each(names::dns1123_label(service), service, &at.child("serviceName"), &mut errors);
        }
        errors
    }
}
