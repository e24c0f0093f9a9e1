//! The structs of resource claims.

use super::Form::{Inside, List, Metadata, Number, Pointer, Struct, Text};
use super::affinity::NODE_SELECTOR;
use super::pod::TOLERATION;
use super::print::Field;

const CEL: &[Field] = &[Field("Expression", "expression", Text)];

const SELECTOR: &[Field] = &[Field("CEL", "cel", Struct(CEL))];

const CAPACITY: &[Field] = &[Field("Requests", "requests", Pointer)];

const EXACTLY: &[Field] = &[
    Field("DeviceClassName", "deviceClassName", Text),
    Field("Selectors", "selectors", List(SELECTOR)),
    Field("AllocationMode", "allocationMode", Text),
    Field("Count", "count", Number),
    Field("AdminAccess", "adminAccess", Pointer),
    Field("Tolerations", "tolerations", List(TOLERATION)),
    Field("Capacity", "capacity", Struct(CAPACITY)),
];

const ALTERNATIVE: &[Field] = &[
    Field("Name", "name", Text),
    Field("DeviceClassName", "deviceClassName", Text),
    Field("Selectors", "selectors", List(SELECTOR)),
    Field("AllocationMode", "allocationMode", Text),
    Field("Count", "count", Number),
    Field("Tolerations", "tolerations", List(TOLERATION)),
    Field("Capacity", "capacity", Struct(CAPACITY)),
];

const REQUEST: &[Field] = &[
    Field("Name", "name", Text),
    Field("Exactly", "exactly", Struct(EXACTLY)),
    Field("FirstAvailable", "firstAvailable", List(ALTERNATIVE)),
];

const CONSTRAINT: &[Field] = &[
    Field("Requests", "requests", Pointer),
    Field("MatchAttribute", "matchAttribute", Pointer),
    Field("DistinctAttribute", "distinctAttribute", Pointer),
];

const OPAQUE: &[Field] = &[Field("Driver", "driver", Text), Field("Parameters", "parameters", Pointer)];

const CONFIGURATION: &[Field] =
    &[Field("Requests", "requests", Pointer), Field("Opaque", "opaque", Struct(OPAQUE))];

const DEVICES: &[Field] = &[
    Field("Requests", "requests", List(REQUEST)),
    Field("Constraints", "constraints", List(CONSTRAINT)),
    Field("Config", "config", List(CONFIGURATION)),
];

pub(super) const CLAIM_SPEC: &[Field] = &[Field("Devices", "devices", Inside(DEVICES))];

pub(super) const TEMPLATE: &[Field] =
    &[Field("", "metadata", Metadata), Field("Spec", "spec", Inside(CLAIM_SPEC))];

pub(super) const ATTRIBUTE: &[Field] = &[
    Field("IntValue", "int", Pointer),
    Field("BoolValue", "bool", Pointer),
    Field("StringValue", "string", Pointer),
    Field("VersionValue", "version", Pointer),
    Field("IntValues", "ints", Pointer),
    Field("BoolValues", "bools", Pointer),
    Field("StringValues", "strings", Pointer),
    Field("VersionValues", "versions", Pointer),
];

const RESULT: &[Field] = &[
    Field("Request", "request", Text),
    Field("Driver", "driver", Text),
    Field("Pool", "pool", Text),
    Field("Device", "device", Text),
    Field("AdminAccess", "adminAccess", Pointer),
    Field("Tolerations", "tolerations", List(TOLERATION)),
    Field("BindingConditions", "bindingConditions", Pointer),
    Field("BindingFailureConditions", "bindingFailureConditions", Pointer),
    Field("ShareID", "shareID", Pointer),
    Field("ConsumedCapacity", "consumedCapacity", Pointer),
];

const ALLOCATED_CONFIGURATION: &[Field] = &[
    Field("Source", "source", Text),
    Field("Requests", "requests", Pointer),
    Field("Opaque", "opaque", Struct(OPAQUE)),
];

const ALLOCATED: &[Field] =
    &[Field("Results", "results", List(RESULT)), Field("Config", "config", List(ALLOCATED_CONFIGURATION))];

pub(super) const ALLOCATION: &[Field] = &[
    Field("Devices", "devices", Inside(ALLOCATED)),
    Field("NodeSelector", "nodeSelector", Struct(NODE_SELECTOR)),
    Field("AllocationTimestamp", "allocationTimestamp", Pointer),
];
