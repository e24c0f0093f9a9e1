//! Which nodes reach what a slice offers.

use k8s_openapi::api::core::v1::{Node, NodeSelector as ApiSelector};
use k8s_openapi::api::resource::v1::{Device, ResourceSliceSpec};

use crate::plugins::NodeSelector;

/// Which nodes reach the devices of a slice, or one of them.
pub(super) enum Reach {
    Node(String),
    Every,
    Selected(NodeSelector),
    Nowhere,
}

impl Reach {
    /// That of a slice which says it for all its devices.
    pub(super) fn of_slice(slice: &ResourceSliceSpec) -> Self {
        Reach::of(slice.node_name.as_deref(), slice.all_nodes, slice.node_selector.as_ref())
    }

    /// That of a device which says it itself.
    pub(super) fn of_device(device: &Device) -> Self {
        Reach::of(device.node_name.as_deref(), device.all_nodes, device.node_selector.as_ref())
    }

    fn of(node: Option<&str>, every: Option<bool>, selector: Option<&ApiSelector>) -> Self {
        match (node.filter(|node| !node.is_empty()), selector) {
            (Some(node), _) => Reach::Node(node.to_owned()),
            _ if every == Some(true) => Reach::Every,
            (None, Some(selector)) => Reach::Selected(NodeSelector::lenient(selector)),
            (None, None) => Reach::Nowhere,
        }
    }

    pub(super) fn includes(&self, node: &Node) -> bool {
        match self {
            Reach::Node(name) => node.metadata.name.as_ref() == Some(name),
            Reach::Every => true,
            Reach::Selected(selector) => selector.matches(node),
            Reach::Nowhere => false,
        }
    }
}

/// Whether each device of a slice says itself which nodes reach it.
pub(super) fn is_by_device(slice: &ResourceSliceSpec) -> bool {
    slice.per_device_node_selection == Some(true)
}

/// The node selector that a slice or a device of it has, and the node that it names.
pub(super) fn reach_of<'a>(
    slice: &'a ResourceSliceSpec,
    device: &'a Device,
) -> (Option<&'a str>, Option<&'a ApiSelector>) {
    let (node, selector) = match is_by_device(slice) {
        true => (&device.node_name, &device.node_selector),
        false => (&slice.node_name, &slice.node_selector),
    };
    (node.as_deref().filter(|node| !node.is_empty()), selector.as_ref())
}
