//! Which strategy a kind has: one line per kind.

use std::sync::Arc;

use steersman_core::resource::GroupVersionKind;

use super::Strategy;
use super::access_rules::{self, RoleBindings, Roles};
use super::admission_registration::{AdmissionPolicies, AdmissionPolicyBindings, Webhooks};
use super::api_service::ApiServices;
use super::autoscaler::Autoscalers;
use super::certificate_request::CertificateRequests;
use super::config_map::ConfigMaps;
use super::controller_revision::ControllerRevisions;
use super::device::{ClaimTemplates, Claims, Classes, Slices};
use super::disruption_budget::DisruptionBudgets;
use super::endpoint_slice::EndpointSlices;
use super::endpoints::EndpointsObjects;
use super::event::Events;
use super::flow_control::{FlowSchemas, PriorityLevels};
use super::ingress::Ingresses;
use super::ingress_class::IngressClasses;
use super::lease::Leases;
use super::limit_range::LimitRanges;
use super::namespace::Namespaces;
use super::network_policy::NetworkPolicies;
use super::node::Nodes;
use super::persistent_volume::PersistentVolumes;
use super::pod::Pods;
use super::pod_group::{PodGroups, Workloads};
use super::priority_class::PriorityClasses;
use super::resource_quota::ResourceQuotas;
use super::runtime_class::RuntimeClasses;
use super::secret::Secrets;
use super::service::{Reach, ServiceRanges, Services};
use super::service_account::ServiceAccounts;
use super::service_range::{IpAddresses, ServiceRangesObjects};
use super::storage_class::{StorageClasses, VolumeAttributesClasses};
use super::storage_driver::{Attachments, Capacities, DriverNodes, Drivers};
use super::volume_claim::VolumeClaims;
use super::workload::{
    CronJobs, DaemonSets, Deployments, Jobs, PodTemplates, ReplicaSets, ReplicationControllers, StatefulSets,
};
use crate::crd::CustomResourceDefinitions;

const ACCESS: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const DEVICES: &str = "resource.k8s.io";
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// The strategies of all built-in kinds, with the allocators that some of them hold. One server has one.
pub struct Strategies {
    rows: Vec<Row>,
    plain: Arc<dyn Strategy>,
}

/// A group, a kind of it, and its strategy.
type Row = (&'static str, &'static str, Arc<dyn Strategy>);

/// A kind without rules of its own.
struct Plain;

impl Strategy for Plain {}

impl Strategies {
    /// The strategies of a server that hands out addresses and ports of `ranges`.
    pub fn new(ranges: &ServiceRanges) -> Self {
        let reach = Reach::of(ranges);
        let rows = [of_core(ranges, reach), of_groups(reach)].concat();
        Strategies { rows, plain: Arc::new(Plain) }
    }

    /// The strategy of a kind; one without rules where there is none. Meant to be looked up once, when a resource is
    /// registered.
    pub fn of(&self, kind: &GroupVersionKind) -> &Arc<dyn Strategy> {
        let row = self.rows.iter().find(|(group, name, _)| *group == kind.group && *name == kind.kind);
        row.map_or(&self.plain, |(_, _, strategy)| strategy)
    }
}

fn of_core(ranges: &ServiceRanges, reach: Reach) -> Vec<Row> {
    vec![
        ("", "ConfigMap", Arc::new(ConfigMaps)),
        ("", "Endpoints", Arc::new(EndpointsObjects { reach })),
        ("", "Event", Arc::new(Events::CORE)),
        ("", "LimitRange", Arc::new(LimitRanges)),
        ("", "Namespace", Arc::new(Namespaces)),
        ("", "Node", Arc::new(Nodes)),
        ("", "PersistentVolume", Arc::new(PersistentVolumes)),
        ("", "PersistentVolumeClaim", Arc::new(VolumeClaims)),
        ("", "Pod", Arc::new(Pods)),
        ("", "PodTemplate", Arc::new(PodTemplates)),
        ("", "ReplicationController", Arc::new(ReplicationControllers)),
        ("", "ResourceQuota", Arc::new(ResourceQuotas)),
        ("", "Secret", Arc::new(Secrets)),
        ("", "Service", Arc::new(Services::new(ranges))),
        ("", "ServiceAccount", Arc::new(ServiceAccounts)),
    ]
}

fn of_groups(reach: Reach) -> Vec<Row> {
    vec![
        (ADMISSION, "MutatingAdmissionPolicy", Arc::new(AdmissionPolicies::Mutating)),
        (ADMISSION, "MutatingAdmissionPolicyBinding", Arc::new(AdmissionPolicyBindings::Mutating)),
        (ADMISSION, "MutatingWebhookConfiguration", Arc::new(Webhooks::Mutating)),
        (ADMISSION, "ValidatingAdmissionPolicy", Arc::new(AdmissionPolicies::Validating)),
        (ADMISSION, "ValidatingAdmissionPolicyBinding", Arc::new(AdmissionPolicyBindings::Validating)),
        (ADMISSION, "ValidatingWebhookConfiguration", Arc::new(Webhooks::Validating)),
        ("apiregistration.k8s.io", "APIService", Arc::new(ApiServices)),
        ("apiextensions.k8s.io", "CustomResourceDefinition", Arc::new(CustomResourceDefinitions)),
        ("apps", "ControllerRevision", Arc::new(ControllerRevisions)),
        ("apps", "DaemonSet", Arc::new(DaemonSets)),
        ("apps", "Deployment", Arc::new(Deployments)),
        ("apps", "ReplicaSet", Arc::new(ReplicaSets)),
        ("apps", "StatefulSet", Arc::new(StatefulSets)),
        ("autoscaling", "HorizontalPodAutoscaler", Arc::new(Autoscalers)),
        ("batch", "CronJob", Arc::new(CronJobs)),
        ("batch", "Job", Arc::new(Jobs)),
        ("certificates.k8s.io", "CertificateSigningRequest", Arc::new(CertificateRequests)),
        ("coordination.k8s.io", "Lease", Arc::new(Leases)),
        ("discovery.k8s.io", "EndpointSlice", Arc::new(EndpointSlices { reach })),
        ("events.k8s.io", "Event", Arc::new(Events::NEW)),
        (FLOW, "FlowSchema", Arc::new(FlowSchemas)),
        (FLOW, "PriorityLevelConfiguration", Arc::new(PriorityLevels)),
        ("networking.k8s.io", "IPAddress", Arc::new(IpAddresses)),
        ("networking.k8s.io", "Ingress", Arc::new(Ingresses)),
        ("networking.k8s.io", "IngressClass", Arc::new(IngressClasses)),
        ("networking.k8s.io", "NetworkPolicy", Arc::new(NetworkPolicies)),
        ("networking.k8s.io", "ServiceCIDR", Arc::new(ServiceRangesObjects)),
        ("node.k8s.io", "RuntimeClass", Arc::new(RuntimeClasses)),
        ("policy", "PodDisruptionBudget", Arc::new(DisruptionBudgets)),
        (DEVICES, "DeviceClass", Arc::new(Classes)),
        (DEVICES, "ResourceClaim", Arc::new(Claims)),
        (DEVICES, "ResourceClaimTemplate", Arc::new(ClaimTemplates)),
        (DEVICES, "ResourceSlice", Arc::new(Slices)),
        (ACCESS, "ClusterRole", Arc::new(Roles(access_rules::Reach::Cluster))),
        (ACCESS, "ClusterRoleBinding", Arc::new(RoleBindings(access_rules::Reach::Cluster))),
        (ACCESS, "Role", Arc::new(Roles(access_rules::Reach::Namespace))),
        (ACCESS, "RoleBinding", Arc::new(RoleBindings(access_rules::Reach::Namespace))),
        ("scheduling.k8s.io", "PodGroup", Arc::new(PodGroups)),
        ("scheduling.k8s.io", "PriorityClass", Arc::new(PriorityClasses)),
        ("scheduling.k8s.io", "Workload", Arc::new(Workloads)),
        (STORAGE, "CSIDriver", Arc::new(Drivers)),
        (STORAGE, "CSINode", Arc::new(DriverNodes)),
        (STORAGE, "CSIStorageCapacity", Arc::new(Capacities)),
        (STORAGE, "StorageClass", Arc::new(StorageClasses)),
        (STORAGE, "VolumeAttachment", Arc::new(Attachments)),
        (STORAGE, "VolumeAttributesClass", Arc::new(VolumeAttributesClasses)),
    ]
}
