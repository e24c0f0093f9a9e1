//! Which objects of a kind a quota counts.

use steersman_core::tree::Value;

use super::meter::Meter;
use crate::strategy::quality_of_service;
use crate::tree::Read;

/// Whether all scopes of a quota's spec have the object in them.
pub(super) fn admits(quota: &Value, meter: &Meter, object: &Value) -> bool {
    let scopes = quota.texts("scopes").map(|scope| Scope { name: scope, operator: "Exists", values: &[] });
    let selected = quota.at("scopeSelector").items("matchExpressions").iter().map(|one| Scope {
        name: one.text("scopeName"),
        operator: one.text("operator"),
        values: one.items("values"),
    });
    scopes.chain(selected).all(|scope| match meter {
        Meter::Pods => scope.has_pod(object.at("spec")),
        Meter::Claims => scope.has_claim(object),
        Meter::Services | Meter::DeviceClaims | Meter::Objects(_) => false,
    })
}

struct Scope<'a> {
    name: &'a str,
    operator: &'a str,
    values: &'a [Value],
}

impl Scope<'_> {
    fn has_pod(&self, spec: &Value) -> bool {
        let is_best_effort = || quality_of_service(spec) == "BestEffort";
        let terminates = || spec.int("activeDeadlineSeconds").is_some_and(|seconds| seconds >= 0);
        match self.name {
            "Terminating" => terminates(),
            "NotTerminating" => !terminates(),
            "BestEffort" => is_best_effort(),
            "NotBestEffort" => !is_best_effort(),
            "PriorityClass" => {
                let class = spec.text("priorityClassName");
                self.selects(Some(class).filter(|class| !class.is_empty()))
            }
            "CrossNamespacePodAffinity" => reaches_out(spec.at("affinity")),
            _ => false,
        }
    }

    fn has_claim(&self, claim: &Value) -> bool {
        let (spec, status) = (claim.at("spec"), claim.at("status"));
        let names = [
            spec.text("volumeAttributesClassName"),
            status.text("currentVolumeAttributesClassName"),
            status.at("modifyVolumeStatus").text("targetVolumeAttributesClassName"),
        ];
        let mut names = names.into_iter().filter(|name| !name.is_empty()).peekable();
        if self.name != "VolumeAttributesClass" {
            return false;
        }
        if names.peek().is_none() { self.selects(None) } else { names.any(|name| self.selects(Some(name))) }
    }

    /// Whether a class, or that there is none, is what the scope asks for.
    fn selects(&self, class: Option<&str>) -> bool {
        let is_named = class.is_some_and(|class| self.values.iter().any(|value| value == class));
        match self.operator {
            "In" => is_named,
            "NotIn" => !is_named,
            "DoesNotExist" => class.is_none(),
            _ => class.is_some(),
        }
    }
}

/// Whether a pod wants to be near to, or far from, pods of other namespaces.
fn reaches_out(affinity: &Value) -> bool {
    let has_namespaces = |term: &Value| !term.items("namespaces").is_empty() || term.has("namespaceSelector");
    ["podAffinity", "podAntiAffinity"].into_iter().map(|kind| affinity.at(kind)).any(|terms| {
        let preferred = terms.items("preferredDuringSchedulingIgnoredDuringExecution").iter();
        let preferred = preferred.map(|term| term.at("podAffinityTerm"));
        let required = terms.items("requiredDuringSchedulingIgnoredDuringExecution").iter();
        required.chain(preferred).any(has_namespaces)
    })
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn scopes_tell_pods_apart() {
        let by_class = |operator: &str| {
            json!({"scopeSelector": {"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": operator, "values": ["high"]},
            ]}})
        };
        let term = json!({"namespaceSelector": {}});
        let far = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        let cases = [
            (json!({}), json!({}), true),
            (json!({"scopes": ["BestEffort"]}), json!({"containers": [{}]}), true),
            (json!({"scopes": ["NotBestEffort"]}), json!({"containers": [{}]}), false),
            (json!({"scopes": ["Terminating"]}), json!({"activeDeadlineSeconds": 0}), true),
            (json!({"scopes": ["Terminating", "BestEffort"]}), json!({}), false),
            (by_class("In"), json!({"priorityClassName": "high"}), true),
            (by_class("In"), json!({}), false),
            (by_class("NotIn"), json!({}), true),
            (json!({"scopes": ["PriorityClass"]}), json!({"priorityClassName": "low"}), true),
            (json!({"scopes": ["CrossNamespacePodAffinity"]}), json!({"affinity": far}), true),
        ];
        for (quota, spec, counted) in cases {
            assert_eq!(admits(&quota, &Meter::Pods, &json!({"spec": spec})), counted, "{quota} {spec}");
        }
        assert!(!admits(&json!({"scopes": ["BestEffort"]}), &Meter::Services, &json!({})));
    }
}
