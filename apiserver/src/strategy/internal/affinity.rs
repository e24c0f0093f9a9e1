//! The structs of affinity.

use super::Form::{Inside, List, Number, Pointer, Selector, Struct, Text};
use super::print::Field;

const REQUIREMENT: &[Field] =
    &[Field("Key", "key", Text), Field("Operator", "operator", Text), Field("Values", "values", Pointer)];

pub(super) const NODE_TERM: &[Field] = &[
    Field("MatchExpressions", "matchExpressions", List(REQUIREMENT)),
    Field("MatchFields", "matchFields", List(REQUIREMENT)),
];

pub(super) const NODE_SELECTOR: &[Field] =
    &[Field("NodeSelectorTerms", "nodeSelectorTerms", List(NODE_TERM))];

const PREFERRED_NODE: &[Field] =
    &[Field("Weight", "weight", Number), Field("Preference", "preference", Inside(NODE_TERM))];

const NODE_AFFINITY: &[Field] = &[
    Field(
        "RequiredDuringSchedulingIgnoredDuringExecution",
        "requiredDuringSchedulingIgnoredDuringExecution",
        Struct(NODE_SELECTOR),
    ),
    Field(
        "PreferredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
        List(PREFERRED_NODE),
    ),
];

const POD_TERM: &[Field] = &[
    Field("LabelSelector", "labelSelector", Selector),
    Field("Namespaces", "namespaces", Pointer),
    Field("TopologyKey", "topologyKey", Text),
    Field("NamespaceSelector", "namespaceSelector", Selector),
    Field("MatchLabelKeys", "matchLabelKeys", Pointer),
    Field("MismatchLabelKeys", "mismatchLabelKeys", Pointer),
];

const PREFERRED_POD: &[Field] =
    &[Field("Weight", "weight", Number), Field("PodAffinityTerm", "podAffinityTerm", Inside(POD_TERM))];

const POD_AFFINITY: &[Field] = &[
    Field(
        "RequiredDuringSchedulingIgnoredDuringExecution",
        "requiredDuringSchedulingIgnoredDuringExecution",
        List(POD_TERM),
    ),
    Field(
        "PreferredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
        List(PREFERRED_POD),
    ),
];

pub(super) const AFFINITY: &[Field] = &[
    Field("NodeAffinity", "nodeAffinity", Struct(NODE_AFFINITY)),
    Field("PodAffinity", "podAffinity", Struct(POD_AFFINITY)),
    Field("PodAntiAffinity", "podAntiAffinity", Struct(POD_AFFINITY)),
];
