//! Workloads, and what they are made from.

use steersman_core::tree::Value;

use super::Subject;
use crate::table::age;
use crate::table::words::{NONE, UNSET, containers, count, labels, selector, selector_text, size};
use crate::tree::Read;

pub(super) fn deployment(one: &Subject<'_>) -> Vec<Value> {
    let status = one.status();
    let [names, images] = template(one.spec());
    let selector = selector_text(one.spec().at("selector"));
    vec![
        one.name(),
        ready(one),
        count(status.at("updatedReplicas")),
        count(status.at("availableReplicas")),
        one.age(),
        names,
        images,
        selector.unwrap_or_else(|| "<invalid>".to_owned()).into(),
    ]
}

pub(super) fn stateful_set(one: &Subject<'_>) -> Vec<Value> {
    let [names, images] = template(one.spec());
    vec![one.name(), ready(one), one.age(), names, images]
}

pub(super) fn replica_set(one: &Subject<'_>) -> Vec<Value> {
    replicas(one, selector(one.spec().at("selector")))
}

pub(super) fn replication_controller(one: &Subject<'_>) -> Vec<Value> {
    replicas(one, labels(one.spec().at("selector")))
}

fn replicas(one: &Subject<'_>, selector: String) -> Vec<Value> {
    let [names, images] = template(one.spec());
    vec![
        one.name(),
        count(one.spec().at("replicas")),
        count(one.status().at("replicas")),
        count(one.status().at("readyReplicas")),
        one.age(),
        names,
        images,
        selector.into(),
    ]
}

pub(super) fn daemon_set(one: &Subject<'_>) -> Vec<Value> {
    let counts = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    let mut cells = vec![one.name()];
    cells.extend(counts.map(|field| count(one.status().at(field))));
    cells.push(labels(one.spec().at("template").at("spec").at("nodeSelector")).into());
    cells.push(one.age());
    cells.extend(template(one.spec()));
    cells.push(selector(one.spec().at("selector")).into());
    cells
}

pub(super) fn job(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let duration = match (status.has("startTime"), status.has("completionTime")) {
        (false, _) => String::new(),
        (true, false) => one.since(status.at("startTime")),
        (true, true) => age::between(status.at("startTime"), status.at("completionTime")).unwrap_or_default(),
    };
    let [names, images] = template(spec);
    vec![
        one.name(),
        job_status(one).into(),
        completions(spec, status).into(),
        duration.into(),
        one.age(),
        names,
        images,
        selector(spec.at("selector")).into(),
    ]
}

fn completions(spec: &Value, status: &Value) -> String {
    let succeeded = status.int("succeeded").unwrap_or_default();
    match (spec.int("completions"), spec.int("parallelism").unwrap_or_default()) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism @ 2..) => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn job_status(one: &Subject<'_>) -> &'static str {
    let has = |kind: &str| {
        let mut conditions = one.status().items("conditions").iter();
        conditions
            .find(|condition| condition.text("type") == kind)
            .is_some_and(|one| one.text("status") == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if one.is_terminating() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

pub(super) fn cron_job(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let zone = spec.at("timeZone").as_str().unwrap_or(NONE);
    let suspend = match spec.at("suspend").as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => UNSET,
    };
    let last = status.at("lastScheduleTime");
    let job = spec.at("jobTemplate").at("spec");
    let [names, images] = template(job);
    vec![
        one.name(),
        spec.text("schedule").into(),
        zone.into(),
        suspend.into(),
        size(status.at("active")).into(),
        if last.is_null() { NONE.into() } else { one.since(last).into() },
        one.age(),
        names,
        images,
        selector(job.at("selector")).into(),
    ]
}

pub(super) fn pod_template(one: &Subject<'_>) -> Vec<Value> {
    let [names, images] = template(one.object);
    vec![one.name(), names, images, labels(one.object.at("template").at("metadata").at("labels")).into()]
}

pub(super) fn controller_revision(one: &Subject<'_>) -> Vec<Value> {
    let owner = one.metadata().items("ownerReferences").iter().find(|owner| owner.flag("controller"));
    let controller = owner.map_or_else(
        || NONE.to_owned(),
        |owner| {
            let group = owner.text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
            let dot = if group.is_empty() { "" } else { "." };
            format!("{}{dot}{group}/{}", owner.text("kind"), owner.text("name")).to_lowercase()
        },
    );
    vec![one.name(), controller.into(), count(one.object.at("revision")), one.age()]
}

/// The names and images of the containers that a spec makes pods of.
fn template(spec: &Value) -> [Value; 2] {
    containers(spec.at("template").at("spec"))
}

/// How many pods of how many are ready.
fn ready(one: &Subject<'_>) -> Value {
    let ready = one.status().int("readyReplicas").unwrap_or_default();
    format!("{ready}/{}", one.spec().int("replicas").unwrap_or_default()).into()
}
