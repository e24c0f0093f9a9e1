//! What objects use of the resources that quotas count; upstream's evaluators.

use steersman_core::Quantity;
use steersman_core::quantity::Format;
use steersman_core::tree::Value;

use super::pods;
use crate::admission::{Attributes, Operation};
use crate::amounts::{self, Amounts};
use crate::tree::Read;

/// Behind the name of a storage class in the name of a resource that is counted by class.
const BY_STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// The same of a class of devices.
const BY_DEVICE_CLASS: &str = ".deviceclass.resource.k8s.io/devices";

/// The most devices of one claim; what a request for all of them counts as.
const MOST_DEVICES: i64 = 32;

/// Counts what objects of a kind use.
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
    /// Who counts what is written, if it can change what is used.
    pub(super) fn of(write: &Attributes<'_>) -> Option<Self> {
        use Operation::{Create, Update};
        let (group, resource) = (&*write.resource.group, &*write.resource.resource);
        match (group, resource, write.subresource, write.operation) {
            (_, "events", ..) => None,
            ("", "pods", "", Create) | ("", "pods", "resize", Update) => Some(Meter::Pods),
            ("", "services", "", Create | Update) => Some(Meter::Services),
            ("", "persistentvolumeclaims", "", Create | Update) => Some(Meter::Claims),
            ("", "persistentvolumeclaims", "status", Update) => Some(Meter::Claims),
            ("", "pods" | "services" | "persistentvolumeclaims", ..) => None,
            ("resource.k8s.io", "resourceclaims", "", Create) => Some(Meter::DeviceClaims),
            (_, _, "", Create) => Some(Meter::Objects(names(group, resource))),
            _ => None,
        }
    }

    /// Whether objects of the kind use a resource.
    pub(super) fn counts(&self, name: &str) -> bool {
        match self {
            Meter::Pods => pods::counts(name),
            Meter::Services => {
                let own = ["count/services", "services", "services.nodeports", "services.loadbalancers"];
                own.contains(&name)
            }
            Meter::Claims => {
                let by_class = name.split_once(BY_STORAGE_CLASS).map(|(_, rest)| rest);
                name == "count/persistentvolumeclaims"
                    || matches!(by_class.unwrap_or(name), "persistentvolumeclaims" | "requests.storage")
            }
            Meter::DeviceClaims => {
                name == "count/resourceclaims.resource.k8s.io" || name.ends_with(BY_DEVICE_CLASS)
            }
            Meter::Objects(names) => names.iter().any(|own| own == name),
        }
    }

    /// What an object uses.
    pub(super) fn usage(&self, object: &Value) -> Amounts {
        match self {
            Meter::Pods => pods::usage(object),
            Meter::Services => of_service(object.at("spec")),
            Meter::Claims => of_claim(object),
            Meter::DeviceClaims => of_device_claim(object.at("spec").at("devices")),
            Meter::Objects(names) => names.iter().map(|name| (name.clone(), count(1))).collect(),
        }
    }

    /// Which of the limited resources an object must ask for and does not.
    pub(super) fn missing(&self, limited: &[&str], object: &Value) -> Option<String> {
        match self {
            Meter::Pods => pods::missing(limited, object.at("spec")),
            Meter::Services | Meter::Claims | Meter::DeviceClaims | Meter::Objects(_) => None,
        }
    }
}

/// So many.
pub(super) fn count(count: usize) -> Quantity {
    Quantity::new(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSI)
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

fn of_service(spec: &Value) -> Amounts {
    let ports = spec.items("ports");
    let given = ports.iter().filter(|port| port.int("nodePort").unwrap_or_default() != 0).count();
    let is_spared = spec.at("allocateLoadBalancerNodePorts") == false;
    let (node_ports, balancers) = match spec.text("type") {
        "NodePort" => (ports.len(), 0),
        "LoadBalancer" if is_spared => (given, 1),
        "LoadBalancer" => (ports.len(), 1),
        _ => (0, 0),
    };
    let used = [
        ("count/services", 1),
        ("services", 1),
        ("services.nodeports", node_ports),
        ("services.loadbalancers", balancers),
    ];
    used.into_iter().map(|(name, used)| (name.to_owned(), count(used))).collect()
}

fn of_claim(claim: &Value) -> Amounts {
    let (spec, status) = (claim.at("spec"), claim.at("status"));
    let older = claim.at("metadata").at("annotations").at("volume.beta.kubernetes.io/storage-class");
    let class = older.as_str().unwrap_or(spec.text("storageClassName"));
    let mut used = Amounts::from([("count/persistentvolumeclaims".to_owned(), count(1))]);
    let mut put = |name: &str, amount: Quantity| {
        if !class.is_empty() {
            used.insert(format!("{class}{BY_STORAGE_CLASS}{name}"), amount.clone());
        }
        used.insert(name.to_owned(), amount);
    };
    put("persistentvolumeclaims", count(1));
    let storage = |list: &Value| amounts::read(list).remove("storage");
    if let Some(asked) = storage(spec.at("resources").at("requests")) {
        let given = storage(status.at("allocatedResources")).filter(|given| *given > asked);
        put("requests.storage", whole(given.unwrap_or(asked)));
    }
    used
}

/// Bytes have no parts.
fn whole(amount: Quantity) -> Quantity {
    if amount.is_whole() { amount } else { Quantity::new(amount.value(), amount.format()) }
}

fn of_device_claim(devices: &Value) -> Amounts {
    let mut used = Amounts::from([("count/resourceclaims.resource.k8s.io".to_owned(), count(1))]);
    for request in devices.items("requests") {
        // Of alternatives, the most of each class that any of them may take.
        let mut most = Amounts::new();
        let exact = std::iter::once(request.at("exactly")).filter(|exact| !exact.is_null());
        for asked in exact.chain(request.items("firstAvailable")) {
            let devices = match asked.text("allocationMode") {
                "All" => MOST_DEVICES,
                _ => asked.int("count").unwrap_or(1),
            };
            let name = format!("{}{BY_DEVICE_CLASS}", asked.text("deviceClassName"));
            amounts::raise(&mut most, &Amounts::from([(name, Quantity::new(devices, Format::DecimalSI))]));
        }
        amounts::add(&mut used, &most);
    }
    used
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn shown(amounts: Amounts) -> String {
        amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
    }

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
            let used = shown(of_service(&spec));
            let told = format!(
                "count/services=1 services=1 services.loadbalancers={balancers} services.nodeports={ports}"
            );
            assert_eq!(used, told, "{spec}");
        }
    }

    #[test]
    fn claims_use_whole_bytes_of_their_class() {
        let claim =
            json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1500m"}}}});
        assert_eq!(
            shown(of_claim(&claim)),
            "count/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/persistentvolumeclaims=1 \
             gold.storageclass.storage.k8s.io/requests.storage=2 persistentvolumeclaims=1 requests.storage=2"
        );
        assert!(Meter::Claims.counts("gold.storageclass.storage.k8s.io/requests.storage"));
        assert!(!Meter::Claims.counts("pods"));
    }

    #[test]
    fn everything_else_is_counted_by_its_name() {
        assert_eq!(names("apps", "deployments"), ["count/deployments.apps"]);
        assert_eq!(names("", "secrets"), ["count/secrets", "secrets"]);
    }
}
