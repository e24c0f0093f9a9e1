//! The small structs of kinds without pods.

use super::Form::{List, Number, Pointer, Selector, Struct, Text};
use super::print::Field;

pub(super) const DISRUPTION_BUDGET_SPEC: &[Field] = &[
    Field("MinAvailable", "minAvailable", Pointer),
    Field("Selector", "selector", Selector),
    Field("MaxUnavailable", "maxUnavailable", Pointer),
    Field("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy", Pointer),
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
    &[Field("MaxUnavailable", "maxUnavailable", Pointer), Field("MaxSurge", "maxSurge", Pointer)];

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

pub(super) const DISTINGUISHER: &[Field] = &[Field("Type", "type", Text)];

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
