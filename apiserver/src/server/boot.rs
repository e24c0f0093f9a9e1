//! Makes the objects that every cluster has: system namespaces and priority classes, the service `kubernetes`, and with
//! RBAC the roles and bindings of the system.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use steersman_core::Result;
use steersman_core::api::{Target, WriteOptions};
use steersman_core::resource::{GroupResource, GroupVersionResource};

use crate::authorize::bootstrap;
use crate::pipeline::{Body, Caller, Core};
use crate::reader::Reader;
use crate::strategy::{ServiceRanges, WriteContext};
use crate::user::User;

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
pub(super) async fn ensure(core: &Core, ranges: &ServiceRanges) -> Result<()> {
    reserve(core)?;
    let user = User::named("system:apiserver").in_group("system:masters");
    let caller = Caller { user, user_agent: "kube-apiserver".to_owned() };
    for name in NAMESPACES {
        let target = Target::all(GroupVersionResource::new("", "v1", "namespaces"));
        make(core, &caller, &target, json!({"metadata": {"name": name}})).await?;
    }
    for (name, value, description) in PRIORITIES {
        let target = Target::all(GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses"));
        let class = json!({"metadata": {"name": name}, "value": value, "description": description});
        make(core, &caller, &target, class).await?;
    }
    if core.authorization.has_rbac() {
        for (target, object) in bootstrap::objects() {
            make(core, &caller, &target, object).await?;
        }
    }
    network(core, &caller, ranges).await
}

/// The range of cluster IPs as an object, and the service by which pods reach the API server.
async fn network(core: &Core, caller: &Caller, ranges: &ServiceRanges) -> Result<()> {
    let (network, bits) = ranges.cluster_ips;
    let cidrs = Target::all(GroupVersionResource::new("networking.k8s.io", "v1", "servicecidrs"));
    let range = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [format!("{network}/{bits}")]}});
    make(core, caller, &cidrs, range).await?;
    let services = Target::all(GroupVersionResource::new("", "v1", "services")).in_namespace("default");
    let service = json!({
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP", "clusterIP": first(network).to_string(), "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
    });
    make(core, caller, &services, service).await
}

/// The first address behind that of the network itself.
pub(super) fn first(network: IpAddr) -> IpAddr {
    match network {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits().saturating_add(1))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits().saturating_add(1))),
    }
}

/// Keeps what stored services hold.
fn reserve(core: &Core) -> Result<()> {
    let services = GroupResource::new("", "services");
    let Some(row) = core.registry.rows().preferred(&services).cloned() else { return Ok(()) };
    let user = User::admin();
    for service in Reader::list(core, &services, "") {
        let cx = WriteContext { now: core.env.now(), user: &user, cluster: core, dry_run: false };
        match row.strategy.reserve(&mut service.to_value()?, None, &cx) {
            Ok(reservation) => reservation.keep(),
            Err(error) => tracing::warn!(?service, %error, "a stored service holds what it cannot have"),
        }
    }
    Ok(())
}

async fn make(core: &Core, caller: &Caller, target: &Target, object: Value) -> Result<()> {
    match core.create(caller, target, Body::from(object), &WriteOptions::default()).await {
        Err(error) if error.is_already_exists() => Ok(()),
        outcome => outcome.map(drop),
    }
}
