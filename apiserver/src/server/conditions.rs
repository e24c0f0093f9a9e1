//! Writes what upstream's server itself finds out about objects that configure it: whether the priority level of a flow
//! schema is there, and whether an API service can be reached.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use steersman_core::api::{Patch, Target, WatchEvent, WatchOptions, WriteOptions};
use steersman_core::resource::{GroupResource, GroupVersionResource};
use steersman_core::tree::{Value, json};
use steersman_core::{Object, Result};

use crate::conditions;
use crate::moment::seconds;
use crate::pipeline::{Body, Caller, Core};
use crate::reader::Reader;
use crate::tree::{Fill, Read, fields};
use crate::user::User;

/// So long after a change the conditions follow it, and whatever else changed meanwhile.
const DELAY: Duration = Duration::from_millis(100);

/// How long they do not after that has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Who writes the conditions of flow schemas.
const CONSUMER: &str = "api-priority-and-fairness-config-consumer-v1";

const FLOW_CONTROL: &str = "flowcontrol.apiserver.k8s.io";
const REGISTRATION: &str = "apiregistration.k8s.io";

/// What the conditions are about.
const FOLLOWED: [(&str, &str); 4] = [
    (FLOW_CONTROL, "flowschemas"),
    (FLOW_CONTROL, "prioritylevelconfigurations"),
    (REGISTRATION, "apiservices"),
    ("", "services"),
];

/// Keeps the conditions up to date, for as long as it is polled.
pub(super) async fn follow(core: &Core) {
    loop {
        if let Err(error) = follow_once(core).await {
            tracing::debug!(%error, "the conditions of the server's own objects are followed anew");
        }
        core.env.sleep(PAUSE).await;
    }
}

async fn follow_once(core: &Core) -> Result<()> {
    let caller = caller();
    let targets = FOLLOWED.map(|(group, resource)| target(group, resource));
    let mut streams = Vec::new();
    for target in &targets {
        streams.push(core.watch(&caller, target, &WatchOptions::default()).await?);
    }
    let mut events = futures::stream::select_all(streams);
    while let Some(event) = events.next().await {
        let mut is_cut_off = matches!(event, WatchEvent::Error(_));
        core.env.sleep(DELAY).await;
        while let Some(Some(event)) = events.next().now_or_never() {
            is_cut_off |= matches!(event, WatchEvent::Error(_));
        }
        write(core).await?;
        if is_cut_off {
            break;
        }
    }
    Ok(())
}

/// Writes every condition that is not as it should be.
pub(super) async fn write(core: &Core) -> Result<()> {
    let caller = caller();
    for schema in Reader::list(core, &GroupResource::new(FLOW_CONTROL, "flowschemas"), "") {
        forgive(write_dangling(core, &caller, &schema).await)?;
    }
    for service in Reader::list(core, &GroupResource::new(REGISTRATION, "apiservices"), "") {
        forgive(write_unavailable(core, &caller, &service).await)?;
    }
    Ok(())
}

async fn write_dangling(core: &Core, caller: &Caller, schema: &Object) -> Result<()> {
    let tree = schema.to_value()?;
    let mut condition = dangling(core, &tree);
    if !differs(&tree, &condition) {
        return Ok(());
    }
    let kept = present(&tree, &condition).filter(|one| one.text("status") == condition.text("status"));
    let time = kept.map_or_else(|| seconds(core.env.now()), |one| one.text("lastTransitionTime").into());
    condition["lastTransitionTime"] = time.into();
    let config = json!({
        "apiVersion": schema.api_version(), "kind": schema.kind(), "metadata": {"name": schema.name()},
        "status": {"conditions": [condition]},
    });
    let options = WriteOptions { field_manager: CONSUMER.to_owned(), force: true, ..WriteOptions::default() };
    let target = target(FLOW_CONTROL, "flowschemas").named(schema.name()).subresource("status");
    core.patch(caller, &target, Patch::Apply(config).into(), &options).await.map(drop)
}

async fn write_unavailable(core: &Core, caller: &Caller, service: &Object) -> Result<()> {
    let mut tree = service.to_value()?;
    let Some(condition) = unavailable(core, &tree).filter(|condition| differs(&tree, condition)) else {
        return Ok(());
    };
    let now = seconds(core.env.now());
    conditions::set_common(fields(&mut tree).object("status"), condition, &now);
    let target = target(REGISTRATION, "apiservices").named(service.name()).subresource("status");
    core.update(caller, &target, Body::from(tree), &WriteOptions::default()).await.map(drop)
}

/// Somebody else was faster: the next event tells of it.
fn forgive(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

fn caller() -> Caller {
    let user = User::named("system:apiserver").in_group("system:masters");
    Caller { user, user_agent: "kube-apiserver".to_owned(), warnings: None }
}

fn target(group: &'static str, resource: &'static str) -> Target {
    Target::all(GroupVersionResource::new(group, "v1", resource))
}

fn present<'a>(tree: &'a Value, condition: &Value) -> Option<&'a Value> {
    tree.at("status").items("conditions").iter().find(|one| one.text("type") == condition.text("type"))
}

/// Whether an object's condition of that type says something else.
fn differs(tree: &Value, condition: &Value) -> bool {
    let same =
        |one: &Value| ["status", "reason", "message"].iter().all(|key| one.text(key) == condition.text(key));
    !present(tree, condition).is_some_and(same)
}

fn dangling(core: &Core, schema: &Value) -> Value {
    let level = schema.at("spec").at("priorityLevelConfiguration").text("name");
    let levels = GroupResource::new(FLOW_CONTROL, "prioritylevelconfigurations");
    let (status, reason, end) = match Reader::get(core, &levels, "", level) {
        Some(_) => ("False", "Found", "it exists"),
        None => ("True", "NotFound", "there is no such object"),
    };
    let joint = if status == "False" { "and" } else { "but" };
    let message = format!(
        "This FlowSchema references the PriorityLevelConfiguration object named {level:?} {joint} {end}"
    );
    json!({"type": "Dangling", "status": status, "reason": reason, "message": message})
}

/// Why an API service that another server is behind cannot be reached; `None` if this server is behind it.
fn unavailable(core: &Core, object: &Value) -> Option<Value> {
    let (spec, service) = (object.at("spec"), object.at("spec").at("service"));
    if !spec.has("service") {
        return None;
    }
    let (namespace, name) = (service.text("namespace"), service.text("name"));
    let found = Reader::get(core, &GroupResource::new("", "services"), namespace, name);
    let (reason, message) = match found {
        None => ("ServiceNotFound", format!("service/{name} in {namespace:?} is not present")),
        Some(_) => ("FailedDiscoveryCheck", "requests are not forwarded to other API servers".to_owned()),
    };
    Some(json!({"type": "Available", "status": "False", "reason": reason, "message": message}))
}
