//! Makes the objects that every cluster has: system namespaces, system priority classes.

use serde_json::{Value, json};
use steersman_core::Result;
use steersman_core::api::{Target, WriteOptions};
use steersman_core::resource::GroupVersionResource;

use crate::pipeline::{Body, Caller, Core};
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

/// Makes what is not there yet.
pub(super) async fn ensure(core: &Core) -> Result<()> {
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
    Ok(())
}

async fn make(core: &Core, caller: &Caller, target: &Target, object: Value) -> Result<()> {
    match core.create(caller, target, Body::from(object), &WriteOptions::default()).await {
        Err(error) if error.is_already_exists() => Ok(()),
        outcome => outcome.map(drop),
    }
}
