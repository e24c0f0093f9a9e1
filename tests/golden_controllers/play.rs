//! Plays the steps of a scenario: requests, harness actions, and waiting.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman::core::api::{GetOptions, ListOptions, Patch, Target, WriteOptions};
use steersman::core::resource::GroupVersionResource;
use steersman::core::tree::{Map, Value, from_value, json};
use steersman::core::{Client, Env, Error};

use crate::hashes::Hashes;
use crate::kubelet::{Script, pods};
use crate::nodes::Nodes;
use crate::snapshot::Snapshots;
use crate::witness::Witness;

const POLL: Duration = Duration::from_millis(100);

/// Settling gives up after the quiet time and this.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// Whoever plays a scenario.
pub(crate) struct Player {
    pub(crate) env: Env,
    pub(crate) client: Client,
    pub(crate) witness: Arc<Witness>,
    pub(crate) script: Arc<Script>,
    pub(crate) nodes: Nodes,
    pub(crate) namespace: String,
}

impl Player {
    /// Waits until nothing was written for `quiet`.
    pub(crate) async fn settle(&self, quiet: Duration) {
        let start = self.env.elapsed();
        let limit = start + quiet + SETTLE_LIMIT;
        loop {
            let last = self.witness.seen().last_write.max(start);
            if self.env.elapsed() >= last + quiet || self.env.elapsed() >= limit {
                return;
            }
            self.env.sleep(POLL).await;
        }
    }

    /// Carries out a `do`; the difference, if the answer is not the recorded one.
    pub(crate) async fn act(&self, step: &Map, snapshots: &Snapshots) -> Option<String> {
        match step.get("action").and_then(Value::as_str) {
            None => self.request(step, &snapshots.hashes).await,
            Some("pods") => self.pods(step, snapshots).await,
            Some("sleep") => {
                self.env.sleep(seconds(&step["seconds"])).await;
                None
            }
            Some(action) => self.nodes.act(&self.script, action, step).await,
        }
    }

    /// Waits for what a `wait` names; the difference, if it does not come.
    pub(crate) async fn wait(&self, step: &Map) -> Option<String> {
        let limit = self.env.elapsed() + step.get("limit").map_or(Duration::from_secs(60), seconds);
        while self.env.elapsed() < limit {
            if self.holds(step).await {
                return None;
            }
            self.env.sleep(POLL).await;
        }
        Some(format!("waited in vain for {}", Value::Object(step.clone())))
    }

    async fn holds(&self, step: &Map) -> bool {
        if let Some(count) = step.get("pods").and_then(Value::as_u64) {
            let selected = self.selected(selection(step), &Snapshots::default()).await;
            return selected.len() as u64 == count;
        }
        let (kind, name) =
            step["object"].as_str().and_then(|object| object.split_once('/')).unwrap_or_default();
        let object = self.find(kind, name).await;
        if step.get("absent") == Some(&Value::Bool(true)) {
            return object.is_none();
        }
        let pointer = format!("/{}", step["field"].as_str().unwrap_or_default().replace('.', "/"));
        let field = object.as_ref().and_then(|object| object.pointer(&pointer));
        match step.get("equals") {
            Some(wanted) => field == Some(wanted),
            None => field.is_some_and(|field| !field.is_null()),
        }
    }

    async fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let resources = self.client.api().discover().await.ok()?;
        let row = resources.iter().find(|row| row.kind == kind)?;
        let list =
            self.client.api().list(&Target::all(row.resource.clone()), &ListOptions::default()).await.ok()?;
        let is_it = |namespace: &str| namespace.is_empty() || namespace == self.namespace;
        let found = list.items.iter().find(|object| object.name() == name && is_it(object.namespace()))?;
        found.to_value().ok()
    }

    async fn request(&self, step: &Map, hashes: &Hashes) -> Option<String> {
        let path = hashes.ours(step["path"].as_str().unwrap_or_default());
        let body = self.with_uids(&hashes.ours(&step.get("body").cloned().unwrap_or_default().to_string()));
        let outcome = self.send(step, &path, body).await;
        let code = match &outcome {
            Ok(()) => None,
            Err(error) => Some(u64::from(error.code())),
        };
        let wanted = step["code"].as_u64().filter(|code| *code >= 400);
        let message = outcome.as_ref().err().map(|error| error.message().to_owned());
        let wanted_message = step.get("error").and_then(Value::as_str).map(str::to_owned);
        if code != wanted || wanted_message.is_some() && message != wanted_message {
            return Some(format!(
                "{path}\n      expected {wanted:?} {wanted_message:?}\n      got      {code:?} {message:?}"
            ));
        }
        None
    }

    async fn send(&self, step: &Map, path: &str, body: Value) -> Result<(), Error> {
        let target = target(path);
        let api = self.client.api();
        let options = WriteOptions::default();
        match (step["method"].as_str().unwrap_or_default(), step.get("type").and_then(Value::as_str)) {
            ("POST", _) => api.create(&collection(target), body, &options).await.map(drop),
            ("PUT", _) => api.update(&target, body, &options).await.map(drop),
            ("PATCH", Some("json")) => api.patch(&target, Patch::Json(body), &options).await.map(drop),
            ("PATCH", Some("strategic")) => {
                api.patch(&target, Patch::Strategic(body), &options).await.map(drop)
            }
            ("PATCH", _) => api.patch(&target, Patch::Merge(body), &options).await.map(drop),
            ("DELETE", _) => {
                let options: DeleteOptions = from_value(body).unwrap_or_default();
                if target.name.is_empty() {
                    let all = ListOptions::default();
                    return api.delete_collection(&target, &options, &all).await.map(drop);
                }
                api.delete(&target, &options).await.map(drop)
            }
            (method, _) => panic!("the corpus has no {method}"),
        }
    }

    /// `<uid:Kind/name>` in a body stands for the uid of that live object.
    fn with_uids(&self, body: &str) -> Value {
        let mut text = body.to_owned();
        if text.contains("<uid:") {
            for (uid, (object, namespace)) in &self.witness.seen().uids {
                let (kind, name) = object.split_once('/').unwrap_or_default();
                text = text.replace(&format!("<uid:{kind}/{namespace}/{name}>"), uid);
                if namespace.is_empty() || *namespace == self.namespace {
                    text = text.replace(&format!("<uid:{object}>"), uid);
                }
            }
        }
        serde_json::from_str(&text).expect("uids hold no quotes")
    }

    async fn pods(&self, step: &Map, snapshots: &Snapshots) -> Option<String> {
        let mut selected = self.selected(selection(step), snapshots).await;
        if selected.is_empty() {
            return Some(format!("no pod matches {}", selection(step)));
        }
        let count = step.get("count").and_then(Value::as_u64).map_or(selected.len(), |count| count as usize);
        selected.truncate(count);
        let action = step["set"].as_str().unwrap_or_default();
        for pod in &selected {
            self.set(pod, action, step).await;
        }
        None
    }

    async fn set(&self, pod: &Value, action: &str, step: &Map) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let target = pods().in_namespace(self.namespace.as_str()).named(name);
        let mut options = DeleteOptions::default();
        let done = match action {
            "delete" => self.client.api().delete(&target, &options).await.map(drop),
            "deleteForce" => {
                options.grace_period_seconds = Some(0);
                self.client.api().delete(&target, &options).await.map(drop)
            }
            "patch" => {
                let patch = Patch::Merge(step["body"].clone());
                self.client.api().patch(&target, patch, &WriteOptions::default()).await.map(drop)
            }
            "release" => {
                self.script.release(pod).await;
                Ok(())
            }
            outcome => {
                self.script.report(&target, pod, outcome, &Value::Object(step.clone())).await;
                Ok(())
            }
        };
        done.expect("the corpus only does what is allowed");
    }

    /// The pods that match, in the corpus's order: by the snapshot that first showed them, then by name.
    async fn selected(&self, select: &Value, snapshots: &Snapshots) -> Vec<Value> {
        let all = pods().in_namespace(self.namespace.as_str());
        let list = self.client.api().list(&all, &ListOptions::default()).await.unwrap_or_default();
        let values = list.items.iter().filter_map(|object| object.to_value().ok());
        let mut matching: Vec<Value> = values.filter(|pod| matches(pod, select)).collect();
        matching.sort_by_key(|pod| {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
            let since = snapshots.since.get(uid).copied().unwrap_or(usize::MAX);
            (since, pod["metadata"]["name"].to_string())
        });
        matching
    }
}

/// Which pods a step is about: all, if it does not say.
fn selection(step: &Map) -> &Value {
    step.get("select").unwrap_or(&Value::Null)
}

fn matches(pod: &Value, select: &Value) -> bool {
    let everything = Map::new();
    let select = select.as_object().unwrap_or(&everything);
    let text = |pointer| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is_terminating = pod.pointer("/metadata/deletionTimestamp").is_some();
    let is_finished = matches!(text("/status/phase"), "Failed" | "Succeeded");
    let is_wanted_finished = select.contains_key("phase") || select.contains_key("name");
    let wants_terminating = select.get("deleting") == Some(&Value::Bool(true));
    if is_terminating && !wants_terminating || is_finished && !is_wanted_finished {
        return false;
    }
    select.iter().all(|(key, wanted)| match key.as_str() {
        "name" => wanted == text("/metadata/name"),
        "prefix" => text("/metadata/name").starts_with(wanted.as_str().unwrap_or_default()),
        "image" => wanted == text("/spec/containers/0/image"),
        "phase" => wanted == text("/status/phase"),
        "node" => wanted == text("/spec/nodeName"),
        "owner" => wanted == text("/metadata/ownerReferences/0/name"),
        "index" => {
            let index = text("/metadata/annotations/batch.kubernetes.io~1job-completion-index");
            wanted.as_u64() == index.parse().ok()
        }
        "labels" => {
            let wanted = wanted.as_object().into_iter().flatten();
            wanted.into_iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value))
        }
        "ready" => {
            let all = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
            let is_ready = all.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
            *wanted == is_ready
        }
        "deleting" => true,
        other => panic!("the corpus has no selection by {other}"),
    })
}

pub(crate) fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().unwrap_or_default())
}

/// The target of a request path: `/apis/apps/v1/namespaces/x/deployments/web/scale`.
pub(crate) fn target(path: &str) -> Target {
    let mut parts = path.trim_start_matches('/').split('/');
    let (group, version) = match parts.next() {
        Some("api") => ("", parts.next().unwrap_or_default()),
        _ => (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()),
    };
    let rest: Vec<&str> = parts.collect();
    let resource = |name: &str| {
        Target::all(GroupVersionResource::new(group.to_owned(), version.to_owned(), name.to_owned()))
    };
    let (target, rest) = match rest.as_slice() {
        ["namespaces", namespace, name, rest @ ..] if *name != "finalize" && *name != "status" => {
            (resource(name).in_namespace(*namespace), rest)
        }
        [name, rest @ ..] => (resource(name), rest),
        [] => panic!("the corpus has no request to {path}"),
    };
    match rest {
        [] => target,
        [name] => target.named(*name),
        [name, subresource, ..] => target.named(*name).subresource((*subresource).to_owned()),
    }
}

/// A create names no object, unless it posts to a subresource.
fn collection(target: Target) -> Target {
    if target.subresource.is_empty() { target.named("") } else { target }
}

/// One object as JSON, if it exists.
pub(crate) async fn get(client: &Client, target: &Target) -> Option<Value> {
    client.api().get(target, &GetOptions::default()).await.ok()?.to_value().ok()
}

/// A default ServiceAccount and a root CA must be there before a scenario starts.
pub(crate) async fn wait_for_defaults(env: &Env, client: &Client, namespace: &str) {
    let account = target(&format!("/api/v1/namespaces/{namespace}/serviceaccounts/default"));
    let root_ca = target(&format!("/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt"));
    for _ in 0..100 {
        if get(client, &account).await.is_some() && get(client, &root_ca).await.is_some() {
            break;
        }
        env.sleep(POLL).await;
    }
    env.sleep(Duration::from_millis(300)).await;
}

pub(crate) async fn create(client: &Client, path: &str, body: Value) {
    let created = client.api().create(&target(path), body, &WriteOptions::default()).await;
    created.expect("the fixture is valid");
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}
