//! What the cells of the built-in kinds show, one function a kind.

mod access;
mod cluster;
mod network;
mod pod;
mod scaling;
mod settings;
mod storage;
mod workload;

use jiff::Timestamp;
use steersman_core::tree::Value;

use super::age;
use crate::tree::Read;

/// An object that is printed, in the form in which it is stored.
pub(super) struct Subject<'a> {
    pub(super) object: &'a Value,
    pub(super) now: Timestamp,
}

/// The cells of an object.
pub(super) type Print = fn(&Subject<'_>) -> Vec<Value>;

const PRINTERS: &[(&str, Print)] = &[
    ("APIService", cluster::api_service),
    ("CSIDriver", storage::csi_driver),
    ("CSINode", storage::csi_node),
    ("CertificateSigningRequest", access::certificate_signing_request),
    ("ClusterRoleBinding", access::role_binding),
    ("ComponentStatus", cluster::component_status),
    ("ConfigMap", settings::config_map),
    ("ControllerRevision", workload::controller_revision),
    ("CronJob", workload::cron_job),
    ("DaemonSet", workload::daemon_set),
    ("Deployment", workload::deployment),
    ("DeviceClass", settings::name_and_age),
    ("EndpointSlice", network::endpoint_slice),
    ("Endpoints", network::endpoints),
    ("Event", cluster::event),
    ("FlowSchema", access::flow_schema),
    ("HorizontalPodAutoscaler", scaling::autoscaler),
    ("IPAddress", network::ip_address),
    ("Ingress", network::ingress),
    ("IngressClass", network::ingress_class),
    ("Job", workload::job),
    ("Lease", cluster::lease),
    ("MutatingAdmissionPolicy", access::mutating_policy),
    ("MutatingAdmissionPolicyBinding", access::policy_binding),
    ("MutatingWebhookConfiguration", access::webhooks),
    ("Namespace", cluster::namespace),
    ("NetworkPolicy", network::policy),
    ("Node", cluster::node),
    ("PersistentVolume", storage::volume),
    ("PersistentVolumeClaim", storage::claim),
    ("Pod", pod::pod),
    ("PodDisruptionBudget", settings::disruption_budget),
    ("PodGroup", scaling::pod_group),
    ("PodTemplate", workload::pod_template),
    ("PriorityClass", settings::priority_class),
    ("PriorityLevelConfiguration", access::priority_level),
    ("ReplicaSet", workload::replica_set),
    ("ReplicationController", workload::replication_controller),
    ("ResourceClaim", settings::resource_claim),
    ("ResourceClaimTemplate", settings::name_and_age),
    ("ResourceQuota", settings::quota),
    ("ResourceSlice", settings::resource_slice),
    ("RoleBinding", access::role_binding),
    ("RuntimeClass", settings::runtime_class),
    ("Scale", scaling::scale),
    ("Secret", settings::secret),
    ("Service", network::service),
    ("ServiceAccount", settings::name_and_age),
    ("ServiceCIDR", network::service_cidr),
    ("StatefulSet", workload::stateful_set),
    ("StorageClass", storage::class),
    ("ValidatingAdmissionPolicy", access::validating_policy),
    ("ValidatingAdmissionPolicyBinding", access::policy_binding),
    ("ValidatingWebhookConfiguration", access::webhooks),
    ("VolumeAttachment", storage::attachment),
    ("VolumeAttributesClass", storage::attributes_class),
    ("Workload", settings::name_and_age),
];

/// How a built-in kind is printed, if it has columns of its own.
pub(super) fn of(kind: &str) -> Option<Print> {
    PRINTERS.iter().find(|(name, _)| *name == kind).map(|(_, print)| *print)
}

/// What an object that has come to its end is marked with.
pub(super) fn conditions(kind: &str, object: &Value) -> Option<Value> {
    (kind == "Pod").then(|| pod::conditions(object))?
}

impl<'a> Subject<'a> {
    fn metadata(&self) -> &'a Value {
        self.object.at("metadata")
    }

    fn spec(&self) -> &'a Value {
        self.object.at("spec")
    }

    fn status(&self) -> &'a Value {
        self.object.at("status")
    }

    fn name(&self) -> Value {
        self.metadata().text("name").into()
    }

    /// The name of a class, with a mark if one of these annotations says that it is the default.
    fn name_of_class(&self, marks: &[&str]) -> Value {
        let annotations = self.metadata().at("annotations");
        match marks.iter().any(|mark| annotations.text(mark) == "true") {
            true => format!("{} (default)", self.metadata().text("name")).into(),
            false => self.name(),
        }
    }

    /// How long the object has been there.
    fn age(&self) -> Value {
        self.since(self.metadata().at("creationTimestamp")).into()
    }

    fn since(&self, time: &Value) -> String {
        age::since(time, self.now)
    }

    fn is_terminating(&self) -> bool {
        self.metadata().has("deletionTimestamp")
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;
    use crate::table::definitions;

    #[test]
    fn every_kind_with_headings_has_cells() {
        let kinds: Vec<&str> = definitions::kinds().collect();
        assert_eq!(kinds, PRINTERS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_rarely_said_is_shown() {
        let class = json!({"metadata": {"name": "a", "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}});
        let node = json!({"status": {"nodeInfo": {"kernelVersion": "6", "architecture": "arm64"}}});
        let condition = json!({"type": "SuccessCriteriaMet", "status": "True"});
        let job = json!({"status": {"conditions": [condition]}});
        let gang = json!({
            "spec": {"schedulingPolicy": {"gang": {"minCount": 2}}, "podGroupTemplateRef": {"workload": {"workloadName": "w"}}},
            "status": {"conditions": [{"type": "PodGroupScheduled", "status": "False"}]},
        });
        let cases = [
            ("IngressClass", &class, 0, "a (default)"),
            ("VolumeAttributesClass", &class, 0, "a"),
            ("Node", &node, 8, "6 (arm64)"),
            ("Job", &job, 1, "SuccessCriteriaMet"),
            ("PodGroup", &gang, 1, "Gang"),
            ("PodGroup", &gang, 2, "w"),
            ("PodGroup", &gang, 3, "Unschedulable"),
            ("PodGroup", &class, 3, "Pending"),
        ];
        for (kind, object, cell, wanted) in cases {
            let cells = of(kind).unwrap()(&Subject { object, now: Timestamp::UNIX_EPOCH });
            assert_eq!(cells[cell], wanted, "{kind}");
        }
    }

    #[test]
    fn an_empty_object_fills_its_row() {
        for (kind, print) in PRINTERS {
            let subject = Subject { object: &json!({}), now: Timestamp::UNIX_EPOCH };
            let columns = definitions::of_builtin(kind).unwrap().len();
            // Upstream prints the age of an address, and has no heading for it.
            let columns = if *kind == "IPAddress" { columns + 1 } else { columns };
            assert_eq!(print(&subject).len(), columns, "{kind}");
        }
    }
}
