//! Who counts the objects of a resource, and under which names; upstream's evaluators.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuotaSpec, Service};
use steersman_core::cache::Change;
use steersman_core::resource::GroupResource;
use steersman_core::{Object, Resource};

use super::amounts::{Amounts, count};
use super::{claims, pods, scope};

/// Counts what objects of a resource use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meter {
    Pods,
    Services,
    Claims,
    /// Claims of devices.
    DeviceClaims,
    /// What is only counted, under these names.
    Objects(Vec<String>),
}

impl Meter {
    /// Who counts a resource.
    pub(super) fn of(resource: &GroupResource) -> Self {
        match (&*resource.group, &*resource.resource) {
            ("", "pods") => Meter::Pods,
            ("", "services") => Meter::Services,
            ("", "persistentvolumeclaims") => Meter::Claims,
            ("resource.k8s.io", "resourceclaims") => Meter::DeviceClaims,
            (group, resource) => Meter::Objects(names(group, resource)),
        }
    }

    /// Whether it counts what a quota calls so.
    pub(super) fn counts(&self, name: &str) -> bool {
        match self {
            Meter::Pods => pods::counts(name),
            Meter::Services => {
                let own = ["count/services", "services", "services.nodeports", "services.loadbalancers"];
                own.contains(&name)
            }
            Meter::Claims => claims::counts(name),
            Meter::DeviceClaims => claims::counts_devices(name),
            Meter::Objects(names) => names.iter().any(|own| own == name),
        }
    }

    /// What an object uses of a quota; nothing if the quota does not count the object.
    pub(super) fn usage(&self, object: &Object, quota: &ResourceQuotaSpec, now: Timestamp) -> Amounts {
        let usage = match self {
            Meter::Pods => {
                typed(object, |pod: &Pod| scope::has_pod(quota, pod).then(|| pods::usage(pod, now)))
            }
            Meter::Claims => typed(object, |claim: &PersistentVolumeClaim| {
                scope::has_claim(quota, claim).then(|| claims::usage(claim))
            }),
            // Nothing else is in any scope.
            Meter::Services | Meter::DeviceClaims | Meter::Objects(_) if scope::is_limited(quota) => None,
            Meter::Services => typed(object, |service: &Service| Some(of_service(service))),
            Meter::DeviceClaims => object.to_value().ok().map(|claim| claims::device_usage(&claim)),
            Meter::Objects(names) => Some(names.iter().map(|name| (name.clone(), count(1))).collect()),
        };
        usage.unwrap_or_default()
    }

    /// Whether quotas are to be counted anew after a change: of most objects it is enough to know that they are there.
    pub(super) fn heeds(&self, change: &Change, now: Timestamp) -> bool {
        let Change::Modified { old, new } = change else { return true };
        match self {
            Meter::Pods => both(old, new, |old: &Pod, new: &Pod| pods::has_changed(old, new, now)),
            Meter::Services => {
                both(old, new, |old: &Service, new: &Service| counted_type(old) != counted_type(new))
            }
            Meter::Claims => true,
            Meter::DeviceClaims | Meter::Objects(_) => false,
        }
    }
}

fn typed<K: Resource>(object: &Object, usage: impl FnOnce(&K) -> Option<Amounts>) -> Option<Amounts> {
    object.lean::<K>().ok().and_then(|typed| usage(&typed))
}

fn both<K: Resource>(old: &Object, new: &Object, differ: impl FnOnce(&K, &K) -> bool) -> bool {
    match (old.lean::<K>(), new.lean::<K>()) {
        (Ok(old), Ok(new)) => differ(&old, &new),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// `count/deployments.apps`, and for a few resources their older name.
fn names(group: &str, resource: &str) -> Vec<String> {
    let dot = if group.is_empty() { "" } else { "." };
    let mut names = vec![format!("count/{resource}{dot}{group}")];
    let has_older = ["configmaps", "resourcequotas", "replicationcontrollers", "secrets"];
    if group.is_empty() && has_older.contains(&resource) {
        names.push(resource.to_owned());
    }
    names
}

/// The type of a service that uses more than others.
fn counted_type(service: &Service) -> Option<&str> {
    let type_ = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    type_.filter(|type_| ["NodePort", "LoadBalancer"].contains(type_))
}

fn of_service(service: &Service) -> Amounts {
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    let given = ports.iter().filter(|port| port.node_port.unwrap_or_default() != 0).count();
    let (node_ports, balancers) = match counted_type(service) {
        Some("NodePort") => (ports.len(), 0),
        Some(_) if spec.allocate_load_balancer_node_ports == Some(false) => (given, 1),
        Some(_) => (ports.len(), 1),
        None => (0, 0),
    };
    let used = [
        ("count/services", 1),
        ("services", 1),
        ("services.nodeports", node_ports),
        ("services.loadbalancers", balancers),
    ];
    used.into_iter().map(|(name, used)| (name.to_owned(), count(used))).collect()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{from_value, json};

    use super::*;

    #[test]
    fn services_use_ports_by_their_type() {
        let ports = json!([{"port": 1}, {"port": 2, "nodePort": 30000}]);
        let cases = [
            (json!({"type": "ClusterIP", "ports": ports}), "0", "0"),
            (json!({"type": "NodePort", "ports": ports}), "0", "2"),
            (json!({"type": "LoadBalancer", "ports": ports}), "1", "2"),
            (
                json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": ports}),
                "1",
                "1",
            ),
        ];
        for (spec, balancers, ports) in cases {
            let used = of_service(&from_value(json!({"metadata": {}, "spec": spec})).unwrap());
            let shown = |name: &str| used[name].to_string();
            assert_eq!(shown("services.loadbalancers"), balancers, "{spec}");
            assert_eq!(shown("services.nodeports"), ports, "{spec}");
        }
    }

    #[test]
    fn everything_without_rules_of_its_own_is_counted_by_its_name() {
        let of =
            |group: &'static str, resource: &'static str| Meter::of(&GroupResource::new(group, resource));
        let named = |names: &[&str]| Meter::Objects(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(of("apps", "deployments"), named(&["count/deployments.apps"]));
        assert_eq!(of("", "secrets"), named(&["count/secrets", "secrets"]));
        assert_eq!(of("", "pods"), Meter::Pods);
    }
}
