//! The small structs of kinds without pods.

use super::Form::{Flag, Inside, List, Number, Pointer, Selector, Struct, Text};
use super::print::Field;

pub(super) const DISRUPTION_BUDGET_SPEC: &[Field] = &[
    Field("MinAvailable", "minAvailable", Pointer),
    Field("Selector", "selector", Selector),
    Field("MaxUnavailable", "maxUnavailable", Pointer),
    Field("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy", Pointer),
];

pub(super) const OBJECT_REFERENCE: &[Field] = &[
    Field("Kind", "kind", Text),
    Field("Namespace", "namespace", Text),
    Field("Name", "name", Text),
    Field("UID", "uid", Text),
    Field("APIVersion", "apiVersion", Text),
    Field("ResourceVersion", "resourceVersion", Text),
    Field("FieldPath", "fieldPath", Text),
];

pub(super) const EVENT_SOURCE: &[Field] =
    &[Field("Component", "component", Text), Field("Host", "host", Text)];

pub(super) const NODE_ADDRESS: &[Field] = &[Field("Type", "type", Text), Field("Address", "address", Text)];

pub(super) const TAINT: &[Field] = &[
    Field("Key", "key", Text),
    Field("Value", "value", Text),
    Field("Effect", "effect", Text),
    Field("TimeAdded", "timeAdded", Pointer),
];

pub(super) const SERVICE_PORT: &[Field] = &[
    Field("Name", "name", Text),
    Field("Protocol", "protocol", Text),
    Field("AppProtocol", "appProtocol", Pointer),
    Field("Port", "port", Number),
    Field("TargetPort", "targetPort", Number),
    Field("NodePort", "nodePort", Number),
];

const ROLLING_UPDATE: &[Field] =
    &[Field("MaxUnavailable", "maxUnavailable", Number), Field("MaxSurge", "maxSurge", Number)];

pub(super) const DEPLOYMENT_STRATEGY: &[Field] =
    &[Field("Type", "type", Text), Field("RollingUpdate", "rollingUpdate", Struct(ROLLING_UPDATE))];

pub(super) const STATEFUL_ROLLING: &[Field] =
    &[Field("Partition", "partition", Number), Field("MaxUnavailable", "maxUnavailable", Pointer)];

pub(super) const STATEFUL_UPDATE: &[Field] =
    &[Field("Type", "type", Text), Field("RollingUpdate", "rollingUpdate", Struct(STATEFUL_ROLLING))];

const SUCCESS_RULE: &[Field] = &[
    Field("SucceededIndexes", "succeededIndexes", Pointer),
    Field("SucceededCount", "succeededCount", Pointer),
];

pub(super) const SUCCESS_POLICY: &[Field] = &[Field("Rules", "rules", List(SUCCESS_RULE))];

const EXIT_CODES: &[Field] = &[
    Field("ContainerName", "containerName", Pointer),
    Field("Operator", "operator", Text),
    Field("Values", "values", Pointer),
];

const POD_CONDITION: &[Field] = &[Field("Type", "type", Text), Field("Status", "status", Text)];

const FAILURE_RULE: &[Field] = &[
    Field("Action", "action", Text),
    Field("OnExitCodes", "onExitCodes", Struct(EXIT_CODES)),
    Field("OnPodConditions", "onPodConditions", List(POD_CONDITION)),
];

pub(super) const FAILURE_POLICY: &[Field] = &[Field("Rules", "rules", List(FAILURE_RULE))];

pub(super) const UNCOUNTED_PODS: &[Field] =
    &[Field("Succeeded", "succeeded", Pointer), Field("Failed", "failed", Pointer)];

const SCOPE_REQUIREMENT: &[Field] = &[
    Field("ScopeName", "scopeName", Text),
    Field("Operator", "operator", Text),
    Field("Values", "values", Pointer),
];

pub(super) const SCOPE_SELECTOR: &[Field] =
    &[Field("MatchExpressions", "matchExpressions", List(SCOPE_REQUIREMENT))];

pub(super) const DISTINGUISHER: &[Field] = &[Field("Type", "type", Text)];

const NAMED: &[Field] = &[Field("Name", "name", Text)];

const FLOW_SUBJECT: &[Field] = &[
    Field("Kind", "kind", Text),
    Field("User", "user", Struct(NAMED)),
    Field("Group", "group", Struct(NAMED)),
    Field(
        "ServiceAccount",
        "serviceAccount",
        Struct(&[Field("Namespace", "namespace", Text), Field("Name", "name", Text)]),
    ),
];

const FLOW_RESOURCES: &[Field] = &[
    Field("Verbs", "verbs", Pointer),
    Field("APIGroups", "apiGroups", Pointer),
    Field("Resources", "resources", Pointer),
    Field("ClusterScope", "clusterScope", Flag),
    Field("Namespaces", "namespaces", Pointer),
];

const FLOW_PATHS: &[Field] =
    &[Field("Verbs", "verbs", Pointer), Field("NonResourceURLs", "nonResourceURLs", Pointer)];

const FLOW_RULE: &[Field] = &[
    Field("Subjects", "subjects", List(FLOW_SUBJECT)),
    Field("ResourceRules", "resourceRules", List(FLOW_RESOURCES)),
    Field("NonResourceRules", "nonResourceRules", List(FLOW_PATHS)),
];

pub(super) const FLOW_SCHEMA_SPEC: &[Field] = &[
    Field("PriorityLevelConfiguration", "priorityLevelConfiguration", Inside(NAMED)),
    Field("MatchingPrecedence", "matchingPrecedence", Number),
    Field("DistinguisherMethod", "distinguisherMethod", Struct(DISTINGUISHER)),
    Field("Rules", "rules", List(FLOW_RULE)),
];

const QUEUING: &[Field] = &[
    Field("Queues", "queues", Number),
    Field("HandSize", "handSize", Number),
    Field("QueueLengthLimit", "queueLengthLimit", Number),
];

const LIMITED_LEVEL: &[Field] = &[
    Field("NominalConcurrencyShares", "nominalConcurrencyShares", Number),
    Field(
        "LimitResponse",
        "limitResponse",
        Inside(&[Field("Type", "type", Text), Field("Queuing", "queuing", Struct(QUEUING))]),
    ),
    Field("LendablePercent", "lendablePercent", Pointer),
    Field("BorrowingLimitPercent", "borrowingLimitPercent", Pointer),
];

const EXEMPT_LEVEL: &[Field] = &[
    Field("NominalConcurrencyShares", "nominalConcurrencyShares", Pointer),
    Field("LendablePercent", "lendablePercent", Pointer),
];

pub(super) const PRIORITY_LEVEL_SPEC: &[Field] = &[
    Field("Type", "type", Text),
    Field("Limited", "limited", Struct(LIMITED_LEVEL)),
    Field("Exempt", "exempt", Struct(EXEMPT_LEVEL)),
];

pub(super) const ROLE_REFERENCE: &[Field] =
    &[Field("APIGroup", "apiGroup", Text), Field("Kind", "kind", Text), Field("Name", "name", Text)];

pub(super) const SERVICE_RANGES: &[Field] = &[Field("CIDRs", "cidrs", Pointer)];

pub(super) const PARENT_REFERENCE: &[Field] = &[
    Field("Group", "group", Text),
    Field("Resource", "resource", Text),
    Field("Namespace", "namespace", Text),
    Field("Name", "name", Text),
];

const NODE_RESOURCES: &[Field] = &[Field("Count", "count", Pointer)];

pub(super) const NODE_DRIVER: &[Field] = &[
    Field("Name", "name", Text),
    Field("NodeID", "nodeID", Text),
    Field("TopologyKeys", "topologyKeys", Pointer),
    Field("Allocatable", "allocatable", Struct(NODE_RESOURCES)),
];
