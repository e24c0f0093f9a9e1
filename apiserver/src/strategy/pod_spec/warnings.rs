//! Warns of what a pod spec says that has no effect, or a surprising one.

use serde_json::Value;
use steersman_core::field::Path;

use crate::tree::Read;

/// Volume sources that no longer do anything: the field, its name in the warning, and what is said of it.
const GONE: &[(&str, &str, &str)] = &[
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
];

/// The warnings for the spec at `at`.
pub(in crate::strategy) fn warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let list = at.child("volumes");
    for (index, volume) in spec.items("volumes").iter().enumerate() {
        let gone = GONE.iter().filter(|(field, _, _)| volume.has(field));
        let path = list.index(index);
        warnings.extend(gone.map(|(_, name, why)| format!("{}: {why}", path.child(name))));
    }
    warnings
}
