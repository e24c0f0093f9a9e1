//! The corpus's nodes: their leases, their status, and what happens to them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman::core::api::{Patch, WriteOptions};
use steersman::core::tree::{Map, Value, json};
use steersman::core::{Client, Env};

use crate::kubelet::Script;
use crate::play::{create, target};

const RENEW: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Nodes {
    client: Client,
    env: Env,
    alive: Arc<Mutex<BTreeSet<String>>>,
}

impl Nodes {
    pub(crate) fn new(client: Client, env: Env) -> Self {
        Nodes { client, env, alive: Arc::default() }
    }

    pub(crate) async fn create_pool(&self, size: usize) {
        for number in 1..=size {
            let name = format!("pool-{number}");
            let step = json!({"name": name, "labels": {"kubernetes.io/hostname": name}});
            self.create(step.as_object().expect("an object literal")).await;
        }
    }

    /// Renews the leases of living nodes, for ever.
    pub(crate) async fn renew(self) {
        loop {
            self.env.sleep(RENEW).await;
            let alive: Vec<String> = self.alive().iter().cloned().collect();
            for node in alive {
                self.renew_one(&node).await;
            }
        }
    }

    pub(crate) async fn act(&self, script: &Script, action: &str, step: &Map) -> Option<String> {
        let node = step.get("node").and_then(Value::as_str).unwrap_or_default();
        match action {
            "node" => self.create(step).await,
            "nodeStatus" => self.status(node, step).await,
            "stopLease" => {
                self.alive().remove(node);
                script.stop_node(node);
            }
            "startLease" => {
                self.alive().insert(node.to_owned());
                self.renew_one(node).await;
                self.status(node, &Map::new()).await;
                script.start_node(node).await;
            }
            "deleteNode" => {
                self.alive().remove(node);
                script.stop_node(node);
                let target = target(&format!("/api/v1/nodes/{node}"));
                let gone = self.client.api().delete(&target, &DeleteOptions::default()).await;
                gone.expect("the node exists");
            }
            other => panic!("the corpus has no action {other}"),
        }
        None
    }

    fn alive(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.alive.lock().expect("no test panics while it looks")
    }

    async fn create(&self, step: &Map) {
        let name = step["name"].as_str().expect("nodes have names");
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": self.micro_time()}
        });
        create(&self.client, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", lease).await;
        let part = |field: &str| step.get(field).cloned().unwrap_or_default();
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": part("labels"), "annotations": part("annotations")},
            "spec": {"taints": part("taints")}
        });
        for (field, value) in step.get("spec").and_then(Value::as_object).into_iter().flatten() {
            node["spec"][field] = value.clone();
        }
        create(&self.client, "/api/v1/nodes", node).await;
        self.alive().insert(name.to_owned());
        self.status(name, step).await;
    }

    async fn status(&self, node: &str, step: &Map) {
        let ready = step.get("ready").and_then(Value::as_str).unwrap_or("True");
        let pressure = step.get("pressure").and_then(Value::as_array).cloned().unwrap_or_default();
        let size = json!({"cpu": "64", "memory": "256Gi", "pods": "5000"});
        let mut conditions: Vec<Value> =
            ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"]
                .iter()
                .map(|name| {
                    let status = if pressure.contains(&json!(name)) { "True" } else { "False" };
                    let mut condition = self.condition(name, status);
                    let is_network = *name == "NetworkUnavailable";
                    condition["reason"] = if is_network { "NoRoute" } else { "Kubelet" }.into();
                    if !is_network {
                        condition["message"] = "fine".into();
                    }
                    condition
                })
                .collect();
        let mut is_ready = self.condition("Ready", ready);
        is_ready["reason"] = if ready == "True" { "KubeletReady" } else { "KubeletNotReady" }.into();
        is_ready["message"] =
            if ready == "True" { "kubelet is ready" } else { "kubelet is not ready" }.into();
        conditions.push(is_ready);
        let status = json!({"capacity": size, "allocatable": size, "conditions": conditions});
        let target = target(&format!("/api/v1/nodes/{node}/status"));
        let patch = Patch::Merge(json!({ "status": status }));
        let written = self.client.api().patch(&target, patch, &WriteOptions::default()).await;
        written.expect("the node exists");
    }

    fn condition(&self, name: &str, status: &str) -> Value {
        let now = self.env.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"type": name, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now})
    }

    async fn renew_one(&self, node: &str) {
        let target =
            target(&format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}"));
        let patch = Patch::Merge(json!({"spec": {"renewTime": self.micro_time()}}));
        // A lease whose node was removed may be gone with it.
        let _ = self.client.api().patch(&target, patch, &WriteOptions::default()).await;
    }

    fn micro_time(&self) -> String {
        self.env.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
    }
}
