//! How upstream's kinds look at the metadata of an update, after what is asked of every kind's: each look is a cause more
//! for what is wrong with it. Those that do not look again at all say so themselves (`Strategy::repeats_metadata`).

/// The kinds that look at what changed, and not at the whole.
const AT_CHANGES: &[&str] = &[
    "CSIDriver",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Lease",
    "NetworkPolicy",
    "PodGroup",
    "PodTemplate",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "ResourceSlice",
    "Service",
    "ServiceCIDR",
    "StatefulSet",
];

/// The kinds that look at the whole, and not at what changed.
const AT_THE_WHOLE: &[&str] = &[
    "CSINode",
    "EndpointSlice",
    "FlowSchema",
    "LimitRange",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "PriorityLevelConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

/// What a kind looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    /// What the update may not change.
    pub(crate) at_changes: bool,
    /// What the metadata of a new object may not be.
    pub(crate) at_whole: bool,
}

impl Looks {
    /// What the rules for an update of the kind look at. Most look at both.
    pub(crate) fn of_update(kind: &str) -> Self {
        Looks { at_changes: !AT_THE_WHOLE.contains(&kind), at_whole: !AT_CHANGES.contains(&kind) }
    }

    /// What the rules for a write to a part of the kind look at: its status, its approval.
    pub(crate) fn of_part(kind: &str) -> Self {
        Looks { at_changes: true, at_whole: kind == "CertificateSigningRequest" }
    }
}
