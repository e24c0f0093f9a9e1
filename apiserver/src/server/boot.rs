//! Makes the objects that every cluster has: system namespaces and priority classes, the service `kubernetes`, and with
//! RBAC the roles and bindings of the system and what configures the server.

use std::net::{IpAddr, SocketAddr};

use steersman_core::Result;
use steersman_core::api::{GetOptions, Patch, Target, WriteOptions};
use steersman_core::resource::{GroupResource, GroupVersionResource};
use steersman_core::tree::{Value, json};

use super::{api_services, conditions};
use crate::authorize::bootstrap;
use crate::moment::seconds;
use crate::pipeline::{Body, Caller, Core};
use crate::reader::Reader;
use crate::strategy::ServiceRanges;
use crate::strategy::flow_control;
use crate::user::User;

/// The port that pods are told of where nobody listens; upstream's `--secure-port`.
const PORT: u16 = 6443;

const NAMESPACES: &[&str] = &["kube-system", "kube-public", "kube-node-lease", "default"];

const PRIORITIES: &[(&str, i64, &str)] = &[
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
];

/// Makes what is not there yet, and takes what services already have out of the ranges that new ones are given from.
pub(super) async fn ensure(
    core: &Core,
    ranges: &ServiceRanges,
    advertised: Option<SocketAddr>,
) -> Result<()> {
    reserve(core)?;
    let user = User::named("system:apiserver").in_group("system:masters");
    let caller = Caller { user, user_agent: "kube-apiserver".to_owned(), warnings: None };
    for name in NAMESPACES {
        let target = Target::all(GroupVersionResource::new("", "v1", "namespaces"));
        make(core, &caller, &target, json!({"metadata": {"name": name}}), "").await?;
    }
    for (name, value, description) in PRIORITIES {
        let target = Target::all(GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses"));
        let class = json!({"metadata": {"name": name}, "value": value, "description": description});
        make(core, &caller, &target, class, "").await?;
    }
    if core.authorization.has_rbac() {
        for (target, object) in bootstrap::objects() {
            make(core, &caller, &target, object, "").await?;
        }
        configuration(core, &caller).await?;
    }
    network(core, &caller, ranges, advertised.map_or(PORT, |address| address.port())).await?;
    match advertised {
        Some(address) => match endpoints(core, &caller, address).await {
            // As upstream, the server lives with an address that endpoints cannot have, such as a loopback one.
            Err(error) if error.is_invalid() => {
                tracing::warn!(%error, "the service `kubernetes` has no endpoints");
                Ok(())
            }
            outcome => outcome,
        },
        None => Ok(()),
    }
}

/// The range of cluster IPs as an object, and the service by which pods reach the API server.
async fn network(core: &Core, caller: &Caller, ranges: &ServiceRanges, port: u16) -> Result<()> {
    let ((network, bits), address) = (ranges.cluster_ips, ranges.kubernetes());
    let cidrs = Target::all(GroupVersionResource::new("networking.k8s.io", "v1", "servicecidrs"));
    let range = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [format!("{network}/{bits}")]}});
    make(core, caller, &cidrs, range, "").await?;
    say_ready(core, caller, &cidrs.named("kubernetes")).await?;
    let services = Target::all(GroupVersionResource::new("", "v1", "services")).in_namespace("default");
    let service = json!({
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP", "clusterIP": address.to_string(), "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    });
    make(core, caller, &services, service, "").await?;
    if core.authorization.has_rbac() { held(core, caller, address).await } else { Ok(()) }
}

/// Says that a range can be used, unless something is said of it already.
async fn say_ready(core: &Core, caller: &Caller, range: &Target) -> Result<()> {
    let there = core.get(caller, range, &GetOptions::default()).await?.to_value()?;
    if there["status"]["conditions"].is_array() {
        return Ok(());
    }
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "", "lastTransitionTime": seconds(core.env.now()),
        "message": "Kubernetes default Service CIDR is ready",
    });
    let ready = Patch::Merge(json!({"status": {"conditions": [ready]}}));
    let status = range.clone().subresource("status");
    core.patch(caller, &status, ready.into(), &WriteOptions::default()).await.map(drop)
}

/// Who holds the first address of the range.
async fn held(core: &Core, caller: &Caller, address: IpAddr) -> Result<()> {
    let addresses = Target::all(GroupVersionResource::new("networking.k8s.io", "v1", "ipaddresses"));
    let labels = json!({
        "ipaddress.kubernetes.io/ip-family": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    });
    let parent = json!({"resource": "services", "namespace": "default", "name": "kubernetes"});
    let object =
        json!({"metadata": {"name": address.to_string(), "labels": labels}, "spec": {"parentRef": parent}});
    make(core, caller, &addresses, object, "").await
}

/// What configures the server itself.
async fn configuration(core: &Core, caller: &Caller) -> Result<()> {
    let of = |group: &'static str, resource: &'static str| {
        Target::all(GroupVersionResource::new(group, "v1", resource))
    };
    let levels = of("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations");
    for level in flow_control::priority_levels() {
        make(core, caller, &levels, level, flow_control::MANAGER).await?;
    }
    let schemas = of("flowcontrol.apiserver.k8s.io", "flowschemas");
    for schema in flow_control::flow_schemas() {
        make(core, caller, &schemas, schema, flow_control::MANAGER).await?;
    }
    let services = of("apiregistration.k8s.io", "apiservices");
    for service in api_services::objects() {
        make(core, caller, &services, service, "").await?;
    }
    conditions::write(core).await
}

/// What stands behind that service: this server. Upstream writes both kinds, too, and lets nobody mirror them.
async fn endpoints(core: &Core, caller: &Caller, address: SocketAddr) -> Result<()> {
    let ports = json!([{"name": "https", "port": address.port(), "protocol": "TCP"}]);
    let ip = address.ip().to_string();
    let target = Target::all(GroupVersionResource::new("", "v1", "endpoints")).in_namespace("default");
    let labels = json!({"endpointslice.kubernetes.io/skip-mirror": "true"});
    let endpoints = json!({
        "metadata": {"name": "kubernetes", "labels": labels},
        "subsets": [{"addresses": [{"ip": ip}], "ports": ports}],
    });
    replace(core, caller, target, endpoints).await?;
    let slices = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
    let target = Target::all(slices).in_namespace("default");
    let slice = json!({
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}],
        "ports": ports,
    });
    replace(core, caller, target, slice).await
}

/// Keeps what stored services hold.
fn reserve(core: &Core) -> Result<()> {
    let services = GroupResource::new("", "services");
    let Some(row) = core.registry.rows().preferred(&services).cloned() else { return Ok(()) };
    for service in Reader::list(core, &services, "") {
        row.strategy.restore(&service.to_value()?);
    }
    Ok(())
}

/// Makes the object, or brings the one that is there up to date.
async fn replace(core: &Core, caller: &Caller, target: Target, object: Value) -> Result<()> {
    let options = WriteOptions::default();
    match core.create(caller, &target, Body::from(object.clone()), &options).await {
        Err(error) if error.is_already_exists() => {
            core.update(caller, &target.named("kubernetes"), Body::from(object), &options).await.map(drop)
        }
        outcome => outcome.map(drop),
    }
}

/// Makes the object unless it is there. It is looked for first: what it holds, such as its address, is taken.
async fn make(core: &Core, caller: &Caller, target: &Target, object: Value, manager: &str) -> Result<()> {
    let named = target.clone().named(object["metadata"]["name"].as_str().unwrap_or_default());
    if core.get(caller, &named, &GetOptions::default()).await.is_ok() {
        return Ok(());
    }
    let options = WriteOptions { field_manager: manager.to_owned(), ..WriteOptions::default() };
    match core.create(caller, target, Body::from(object), &options).await {
        Err(error) if error.is_already_exists() => Ok(()),
        outcome => outcome.map(drop),
    }
}
