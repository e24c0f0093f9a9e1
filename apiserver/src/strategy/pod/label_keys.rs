//! Merges the label keys of affinity and spread constraints into their selectors (KEP-3243, KEP-3633).

use steersman_core::tree::{Map, Value, json};

use crate::tree::{Fill, Read, fields};

/// Adds a requirement for each of the pod's own labels that a term names in `matchLabelKeys` or `mismatchLabelKeys`.
pub(super) fn merge(pod: &mut Map) {
    if !has_keys(pod.at("spec")) {
        return;
    }
    let labels = pod.at("metadata").at("labels").clone();
    let spec = pod.object("spec");
    for constraint in spec.objects_mut("topologySpreadConstraints") {
        add(constraint, &labels, "matchLabelKeys", "In");
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = spec.object_mut("affinity").and_then(|affinity| affinity.object_mut(kind))
        else {
            continue;
        };
        affinity
            .objects_mut("requiredDuringSchedulingIgnoredDuringExecution")
            .for_each(|term| both(term, &labels));
        for weighted in affinity.objects_mut("preferredDuringSchedulingIgnoredDuringExecution") {
            both(weighted.object("podAffinityTerm"), &labels);
        }
    }
}

/// Whether the spec has terms that could name label keys.
fn has_keys(spec: &Value) -> bool {
    let affinity = spec.at("affinity");
    spec.has("topologySpreadConstraints") || affinity.has("podAffinity") || affinity.has("podAntiAffinity")
}

fn both(term: &mut Map, labels: &Value) {
    add(term, labels, "matchLabelKeys", "In");
    add(term, labels, "mismatchLabelKeys", "NotIn");
}

fn add(term: &mut Map, labels: &Value, keys: &str, operator: &str) {
    if !term.has("labelSelector") {
        return;
    }
    let requirements: Vec<Value> = term
        .texts(keys)
        .filter(|key| labels.has(key))
        .map(|key| json!({"key": key, "operator": operator, "values": [labels.text(key)]}))
        .collect();
    if let Some(selector) = term.get_mut("labelSelector").filter(|_| !requirements.is_empty()) {
        fields(selector).list("matchExpressions").extend(requirements);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_keys_become_requirements_on_the_pods_own_labels() {
        let mut pod = json!({
            "metadata": {"labels": {"app": "a"}},
            "spec": {"topologySpreadConstraints": [
                {"labelSelector": {"matchLabels": {"z": "y"}}, "matchLabelKeys": ["app", "absent"]}
            ]}
        });
        merge(fields(&mut pod));
        assert_eq!(
            pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchExpressions"],
            json!([{"key": "app", "operator": "In", "values": ["a"]}])
        );
    }
}
