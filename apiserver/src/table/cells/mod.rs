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
