//! The structs of a pod spec.

use super::Form::{Inside, List, Metadata, Number, Pointer, Selector, Struct, Text};
use super::affinity::AFFINITY;
use super::container::{CONTAINER, EPHEMERAL_CONTAINER, POD_SECURITY_CONTEXT, RESOURCES};
use super::print::Field;
use super::volume::VOLUME;

const NAME: &[Field] = &[Field("Name", "name", Text)];

pub(super) const ADDRESS: &[Field] = &[Field("IP", "ip", Text)];

pub(super) const TOLERATION: &[Field] = &[
    Field("Key", "key", Text),
    Field("Operator", "operator", Text),
    Field("Value", "value", Text),
    Field("Effect", "effect", Text),
    Field("TolerationSeconds", "tolerationSeconds", Pointer),
];

const HOST_ALIAS: &[Field] = &[Field("IP", "ip", Text), Field("Hostnames", "hostnames", Pointer)];

const DNS_OPTION: &[Field] = &[Field("Name", "name", Text), Field("Value", "value", Pointer)];

const DNS_CONFIG: &[Field] = &[
    Field("Nameservers", "nameservers", Pointer),
    Field("Searches", "searches", Pointer),
    Field("Options", "options", List(DNS_OPTION)),
];

const READINESS_GATE: &[Field] = &[Field("ConditionType", "conditionType", Text)];

const SPREAD: &[Field] = &[
    Field("MaxSkew", "maxSkew", Number),
    Field("TopologyKey", "topologyKey", Text),
    Field("WhenUnsatisfiable", "whenUnsatisfiable", Text),
    Field("LabelSelector", "labelSelector", Selector),
    Field("MinDomains", "minDomains", Pointer),
    Field("NodeAffinityPolicy", "nodeAffinityPolicy", Pointer),
    Field("NodeTaintsPolicy", "nodeTaintsPolicy", Pointer),
    Field("MatchLabelKeys", "matchLabelKeys", Pointer),
];

pub(super) const CLAIM: &[Field] = &[
    Field("Name", "name", Text),
    Field("ResourceClaimName", "resourceClaimName", Pointer),
    Field("ResourceClaimTemplateName", "resourceClaimTemplateName", Pointer),
];

const GROUP: &[Field] = &[Field("PodGroupName", "podGroupName", Pointer)];

pub(super) const SPEC: &[Field] = &[
    Field("Volumes", "volumes", List(VOLUME)),
    Field("InitContainers", "initContainers", List(CONTAINER)),
    Field("Containers", "containers", List(CONTAINER)),
    Field("EphemeralContainers", "ephemeralContainers", List(EPHEMERAL_CONTAINER)),
    Field("RestartPolicy", "restartPolicy", Text),
    Field("TerminationGracePeriodSeconds", "terminationGracePeriodSeconds", Pointer),
    Field("ActiveDeadlineSeconds", "activeDeadlineSeconds", Pointer),
    Field("DNSPolicy", "dnsPolicy", Text),
    Field("NodeSelector", "nodeSelector", Pointer),
    Field("ServiceAccountName", "serviceAccountName", Text),
    Field("AutomountServiceAccountToken", "automountServiceAccountToken", Pointer),
    Field("NodeName", "nodeName", Text),
    Field("SecurityContext", "securityContext", Struct(POD_SECURITY_CONTEXT)),
    Field("ImagePullSecrets", "imagePullSecrets", List(NAME)),
    Field("Hostname", "hostname", Text),
    Field("Subdomain", "subdomain", Text),
    Field("SetHostnameAsFQDN", "setHostnameAsFQDN", Pointer),
    Field("Affinity", "affinity", Struct(AFFINITY)),
    Field("SchedulerName", "schedulerName", Text),
    Field("Tolerations", "tolerations", List(TOLERATION)),
    Field("HostAliases", "hostAliases", List(HOST_ALIAS)),
    Field("PriorityClassName", "priorityClassName", Text),
    Field("Priority", "priority", Pointer),
    Field("PreemptionPolicy", "preemptionPolicy", Pointer),
    Field("DNSConfig", "dnsConfig", Struct(DNS_CONFIG)),
    Field("ReadinessGates", "readinessGates", List(READINESS_GATE)),
    Field("RuntimeClassName", "runtimeClassName", Pointer),
    Field("Overhead", "overhead", Pointer),
    Field("EnableServiceLinks", "enableServiceLinks", Pointer),
    Field("TopologySpreadConstraints", "topologySpreadConstraints", List(SPREAD)),
    Field("OS", "os", Struct(NAME)),
    Field("SchedulingGates", "schedulingGates", List(NAME)),
    Field("ResourceClaims", "resourceClaims", List(CLAIM)),
    Field("Resources", "resources", Struct(RESOURCES)),
    Field("HostnameOverride", "hostnameOverride", Pointer),
    Field("SchedulingGroup", "schedulingGroup", Struct(GROUP)),
];

pub(super) const TEMPLATE: &[Field] = &[Field("", "metadata", Metadata), Field("Spec", "spec", Inside(SPEC))];
