//! No extended resource stands for devices: the API of Kubernetes before 1.34 has no stable device classes.

use std::collections::BTreeMap;

use steersman_core::resource::GroupVersionResource;

use crate::event::Event;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// There are none.
pub(super) type Classes = BTreeMap<String, ()>;

/// None.
pub(super) fn asked_by(_: &PodInfo, _: &Snapshot) -> Classes {
    Classes::new()
}

/// None can.
pub(super) fn may_help(_: &PodInfo, _: &Event) -> bool {
    false
}

/// None does.
pub(super) fn is_meant(_: &Event) -> bool {
    false
}

/// Nothing.
pub(super) fn reads() -> Vec<GroupVersionResource> {
    Vec::new()
}
