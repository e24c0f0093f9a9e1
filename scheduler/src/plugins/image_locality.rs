//! Ranks nodes by how much of the pod's images they already have.

use std::sync::Arc;

use super::{Configured, NoArgs};
use crate::plugin::{MAX_SCORE, Normalize, Plugin, Score, Scoring};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::{NodeIndex, NodeView, Snapshot};

const MB: i64 = 1024 * 1024;
/// Less than this is not worth a preference, in bytes.
const LEAST: i64 = 23 * MB;
/// More than this for each image makes no difference, in bytes.
const MOST: i64 = 1000 * MB;

/// Ranks nodes by the size of the pod's images that they have, each counted by the share of nodes that have it, so
/// that pods do not crowd the few nodes with an image.
#[derive(Debug, Default)]
pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(&images(pod));
        signature.add(&pod.all_containers().count());
    }

    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Score for ImageLocality {
    fn prepare(&self, pod: &Arc<PodInfo>, nodes: &Snapshot, _: &[NodeIndex]) -> Scoring {
        let images = images(pod);
        let known = images.iter().filter(|image| nodes.nodes_with_image(image) > 0);
        let spread: Vec<(String, f64)> =
            known.map(|image| (image.clone(), share(nodes.nodes_with_image(image), nodes.len()))).collect();
        if spread.is_empty() {
            return Scoring::Skip;
        }
        let count = i64::try_from(pod.all_containers().count()).unwrap_or(i64::MAX);
        let most = MOST.saturating_mul(count).max(LEAST + 1);
        let score = move |node: NodeView<'_>| {
            let present = spread
                .iter()
                .filter_map(|(image, share)| Some((node.image_size(image)? as f64 * share) as i64));
            let sum: i64 = present.sum();
            MAX_SCORE * (sum.clamp(LEAST, most) - LEAST) / (most - LEAST)
        };
        Scoring::per_bare_node(score, Normalize::Not)
    }
}

impl Configured for ImageLocality {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        ImageLocality
    }
}

fn share(some: usize, all: usize) -> f64 {
    some as f64 / all as f64
}

/// The images of containers and of image volumes, as nodes name them.
fn images(pod: &PodInfo) -> Vec<String> {
    let containers = pod.all_containers().filter_map(|container| container.image.as_deref());
    let volumes = pod.spec().and_then(|spec| spec.volumes.as_ref()).into_iter().flatten();
    let mounted = volumes.filter_map(|volume| volume.image.as_ref()?.reference.as_deref());
    containers.chain(mounted).map(normalized).collect()
}

/// Without a tag, the newest is meant. A colon before the last slash belongs to a port.
fn normalized(image: &str) -> String {
    let after_slash = image.rfind('/').map_or(0, |at| at + 1);
    if image[after_slash..].contains(':') { image.to_owned() } else { format!("{image}:latest") }
}
