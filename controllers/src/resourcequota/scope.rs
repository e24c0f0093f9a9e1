//! Which objects a quota counts, where it is for some only.

use k8s_openapi::api::core::v1::{
    Affinity, PersistentVolumeClaim, Pod, PodAffinityTerm, PodSpec, ResourceQuotaSpec,
    ScopedResourceSelectorRequirement,
};

use super::pods::is_best_effort;

/// Whether a quota is for some objects only.
pub(super) fn is_limited(quota: &ResourceQuotaSpec) -> bool {
    !scopes(quota).is_empty()
}

/// Whether all scopes of a quota have the pod in them.
pub(super) fn has_pod(quota: &ResourceQuotaSpec, pod: &Pod) -> bool {
    let default = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&default);
    scopes(quota).iter().all(|scope| match scope.scope_name.as_str() {
        "Terminating" => terminates(pod),
        "NotTerminating" => !terminates(pod),
        "BestEffort" => is_best_effort(pod),
        "NotBestEffort" => !is_best_effort(pod),
        "PriorityClass" => {
            selects(scope, spec.priority_class_name.as_deref().filter(|class| !class.is_empty()))
        }
        "CrossNamespacePodAffinity" => spec.affinity.as_ref().is_some_and(reaches_out),
        _ => false,
    })
}

/// Whether all scopes of a quota have the claim in them.
pub(super) fn has_claim(quota: &ResourceQuotaSpec, claim: &PersistentVolumeClaim) -> bool {
    let (spec, status) = (claim.spec.clone().unwrap_or_default(), claim.status.clone().unwrap_or_default());
    let target = status.modify_volume_status.and_then(|status| status.target_volume_attributes_class_name);
    let names = [spec.volume_attributes_class_name, status.current_volume_attributes_class_name, target];
    let names: Vec<String> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
    scopes(quota).iter().all(|scope| {
        let named = || names.iter().any(|name| selects(scope, Some(name)));
        scope.scope_name == "VolumeAttributesClass"
            && if names.is_empty() { selects(scope, None) } else { named() }
    })
}

/// Whether a pod will end by itself.
pub(super) fn terminates(pod: &Pod) -> bool {
    let deadline = pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    deadline.is_some_and(|seconds| seconds >= 0)
}

fn scopes(quota: &ResourceQuotaSpec) -> Vec<ScopedResourceSelectorRequirement> {
    let plain = quota.scopes.iter().flatten().map(|scope| ScopedResourceSelectorRequirement {
        scope_name: scope.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selected =
        quota.scope_selector.iter().flat_map(|selector| selector.match_expressions.iter().flatten());
    plain.chain(selected.cloned()).collect()
}

/// Whether a class, or that there is none, is what the scope asks for.
fn selects(scope: &ScopedResourceSelectorRequirement, class: Option<&str>) -> bool {
    let mut values = scope.values.iter().flatten();
    let is_named = class.is_some_and(|class| values.any(|value| value == class));
    match scope.operator.as_str() {
        "In" => is_named,
        "NotIn" => !is_named,
        "DoesNotExist" => class.is_none(),
        _ => class.is_some(),
    }
}

/// Whether a pod wants to be near to, or far from, pods of other namespaces.
fn reaches_out(affinity: &Affinity) -> bool {
    let has_namespaces = |term: &PodAffinityTerm| {
        term.namespaces.as_ref().is_some_and(|namespaces| !namespaces.is_empty())
            || term.namespace_selector.is_some()
    };
    let (near, far) = (affinity.pod_affinity.clone(), affinity.pod_anti_affinity.clone());
    let (near, far) = (near.unwrap_or_default(), far.unwrap_or_default());
    let required = [
        near.required_during_scheduling_ignored_during_execution,
        far.required_during_scheduling_ignored_during_execution,
    ];
    let preferred = [
        near.preferred_during_scheduling_ignored_during_execution,
        far.preferred_during_scheduling_ignored_during_execution,
    ];
    required.iter().flatten().flatten().any(has_namespaces)
        || preferred.iter().flatten().flatten().any(|term| has_namespaces(&term.pod_affinity_term))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    #[test]
    fn scopes_tell_pods_apart() {
        let by_class = |operator: &str| {
            json!({"scopeSelector": {"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": operator, "values": ["high"]},
            ]}})
        };
        let term = json!({"namespaceSelector": {}, "topologyKey": "k"});
        let far = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        let cases = [
            (json!({}), json!({}), true),
            (json!({"scopes": ["BestEffort"]}), json!({}), true),
            (json!({"scopes": ["NotBestEffort"]}), json!({}), false),
            (json!({"scopes": ["Terminating"]}), json!({"activeDeadlineSeconds": 0}), true),
            (json!({"scopes": ["Terminating", "BestEffort"]}), json!({}), false),
            (by_class("In"), json!({"priorityClassName": "high"}), true),
            (by_class("In"), json!({}), false),
            (by_class("NotIn"), json!({}), true),
            (by_class("DoesNotExist"), json!({}), true),
            (json!({"scopes": ["PriorityClass"]}), json!({"priorityClassName": "low"}), true),
            (json!({"scopes": ["CrossNamespacePodAffinity"]}), json!({"affinity": far}), true),
            (json!({"scopes": ["VolumeAttributesClass"]}), json!({}), false),
        ];
        for (quota, mut spec, counted) in cases {
            spec["containers"] = json!([{"name": "c"}]);
            let pod: Pod = from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            assert_eq!(has_pod(&from_value(quota.clone()).unwrap(), &pod), counted, "{quota} {spec}");
        }
    }

    #[test]
    fn claims_are_told_apart_by_the_classes_that_they_have_or_get() {
        let scope = |operator: &str| -> ResourceQuotaSpec {
            from_value(json!({"scopeSelector": {"matchExpressions": [
                {"scopeName": "VolumeAttributesClass", "operator": operator, "values": ["fast"]}
            ]}}))
            .unwrap()
        };
        let claim = |asked: Value, has: Value| -> PersistentVolumeClaim {
            from_value(json!({
                "metadata": {}, "spec": {"volumeAttributesClassName": asked},
                "status": {"currentVolumeAttributesClassName": has}
            }))
            .unwrap()
        };
        let none = || claim(Value::Null, Value::Null);
        assert!(has_claim(&scope("In"), &claim(json!("slow"), json!("fast"))));
        assert!(!has_claim(&scope("In"), &none()));
        assert!(has_claim(&scope("NotIn"), &none()));
        assert!(has_claim(&ResourceQuotaSpec::default(), &none()));
    }
}
