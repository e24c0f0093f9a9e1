//! Gives a pod that comes to a node the node's zone and region as labels.

use async_trait::async_trait;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;
use steersman_core::{Object, Result};

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields};

const LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

pub(super) struct PodTopologyLabels;

#[async_trait]
impl Admission for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.operation == Operation::Create && write.is_about("", "pods") && !node_named(write).is_empty()
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if let Some(node) = write.cluster.get(&GroupResource::new("", "nodes"), "", node_named(write)) {
            copy(&node, write.object);
        }
        Ok(())
    }
}

/// The node that a new pod, or a binding, names; empty if none.
fn node_named<'w>(write: &'w Attributes<'_>) -> &'w str {
    let target = write.object.at("target");
    match write.subresource {
        "" => write.object.at("spec").text("nodeName"),
        "binding" if target.text("kind") == "Node" => target.text("name"),
        _ => "",
    }
}

/// A label that the pod, or the binding, has already stays; a binding's labels become the pod's.
fn copy(node: &Object, to: &mut Value) {
    for label in LABELS {
        if let Some(value) = node.metadata().labels.get(label) {
            fields(to).object("metadata").object("labels").fill(label, value.as_str());
        }
    }
}
