//! Warns of what a pod spec says that has no effect, or a surprising one.

use std::str::FromStr;

use serde_json::Value;
use steersman_core::Quantity;
use steersman_core::field::{Path, quote};

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

/// The warnings for a persistent volume that is of a kind that no longer does anything.
pub(in crate::strategy) fn of_volume_source(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let gone = GONE.iter().filter(|(field, _, _)| spec.has(field));
    gone.map(|(_, name, why)| format!("{}: {why}", at.child(name))).collect()
}

/// The warnings for the spec at `at`.
pub(in crate::strategy) fn warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let secrets = at.child("imagePullSecrets");
    for (index, _) in
        spec.items("imagePullSecrets").iter().enumerate().filter(|(_, one)| one.text("name").is_empty())
    {
        warnings.push(format!("{}: invalid empty name \"\"", secrets.index(index).child("name")));
    }
    of_volumes(spec, &at.child("volumes"), &mut warnings);
    of_selectors(spec, at, &mut warnings);
    for list in ["initContainers", "containers"] {
        let path = at.child(list);
        for (index, container) in spec.items(list).iter().enumerate() {
            of_container(container, &path.index(index), &mut warnings);
        }
    }
    warnings
}

fn of_volumes(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for (index, volume) in spec.items("volumes").iter().enumerate() {
        let gone = GONE.iter().filter(|(field, _, _)| volume.has(field));
        let path = at.index(index);
        warnings.extend(gone.map(|(_, name, why)| format!("{}: {why}", path.child(name))));
        let mut sources = volume.at("projected").items("sources").iter();
        if sources.any(crate::tree::is_zero) {
            warnings
                .push(format!("volume {} (Projected) has no sources provided", quote(volume.text("name"))));
        }
    }
}

/// Where no selector means no pod at all.
fn of_selectors(spec: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    let mut check = |term: &Value, at: &Path<'_>| {
        if !term.has("labelSelector") {
            let path = at.child("labelSelector");
            warnings.push(format!("{path}: a null labelSelector results in matching no pod"));
        }
    };
    let affinity = at.child("affinity");
    for kind in ["podAffinity", "podAntiAffinity"] {
        let (pods, path) = (spec.at("affinity").at(kind), affinity.child(kind));
        let list = "requiredDuringSchedulingIgnoredDuringExecution";
        for (index, term) in pods.items(list).iter().enumerate() {
            check(term, &path.child(list).index(index));
        }
        let list = "preferredDuringSchedulingIgnoredDuringExecution";
        for (index, weighted) in pods.items(list).iter().enumerate() {
            let item = path.child(list);
            check(weighted.at("podAffinityTerm"), &item.index(index).child("podAffinityTerm"));
        }
    }
    let path = at.child("topologySpreadConstraints");
    for (index, constraint) in spec.items("topologySpreadConstraints").iter().enumerate() {
        check(constraint, &path.index(index));
    }
}

/// Bytes come in whole numbers.
pub(in crate::strategy) fn of_bytes(amounts: &Value, name: &str, at: &Path<'_>) -> Option<String> {
    let (path, amount) = (at.key(name), amounts.text(name));
    let is_fraction = Quantity::from_str(amount).is_ok_and(|quantity| !quantity.is_whole());
    let amount = quote(amount);
    is_fraction.then(|| format!("{path}: fractional byte value {amount} is invalid, must be an integer"))
}

fn of_container(container: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    for list in ["limits", "requests"] {
        let (resources, amounts) = (at.child("resources"), container.at("resources").at(list));
        for name in ["ephemeral-storage", "memory"] {
            warnings.extend(of_bytes(amounts, name, &resources.child(list)));
        }
    }
    let (path, env) = (at.child("env"), container.items("env"));
    for (index, variable) in env.iter().enumerate() {
        let name = variable.text("name");
        if env[..index].iter().any(|before| before.text("name") == name) {
            let (path, name) = (path.index(index), quote(name));
            warnings.push(format!(
                "{path}: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
    }
    let (path, ports) = (at.child("ports"), container.items("ports"));
    for (index, port) in ports.iter().enumerate() {
        let parts = ["containerPort", "hostIP", "hostPort", "protocol"];
        let same = |one: &Value| parts.iter().all(|part| one.at(part) == port.at(part));
        if let Some(before) = ports[..index].iter().position(same) {
            warnings.push(format!(
                "{}: duplicate port definition with {}",
                path.index(index),
                path.index(before)
            ));
        }
    }
}
