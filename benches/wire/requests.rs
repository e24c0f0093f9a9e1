//! What the load asks for.

use serde_json::{Value, json};

use crate::Outcome;
use crate::client::{Ask, Client};

pub(crate) const MAPS: &str = "/api/v1/namespaces/load-maps/configmaps";
pub(crate) const PODS: &str = "/api/v1/namespaces/load-pods/pods";
pub(crate) const LISTED: &str = "/api/v1/namespaces/load-listed/pods";

/// Makes a namespace; one that is there already will do.
pub(crate) async fn namespace(client: &Client, name: &str) -> Outcome {
    let is_there = client.open(Ask::get(format!("/api/v1/namespaces/{name}"))).await.is_ok();
    if !is_there {
        let body = json!({"metadata": {"name": name}}).to_string();
        client.ask(Ask::create("/api/v1/namespaces", body)).await?;
        // Pods are admitted only where there is one; nobody but a controller would make it.
        let account = json!({"metadata": {"name": "default"}}).to_string();
        let accounts = format!("/api/v1/namespaces/{name}/serviceaccounts");
        // Where there are controllers, they may have been faster.
        let _ = client.ask(Ask::create(accounts, account)).await;
    }
    Ok(())
}

/// A small ConfigMap; `NAME` is its name.
const MAP: &str = r#"{
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "NAME", "labels": {"app": "load"}},
    "data": {"one": "1", "two": "some text of a usual length"}
}"#;

/// A pod as most are; `NAME` is its name. No scheduler knows it for its own.
const POD: &str = r#"{
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "NAME", "labels": {"app": "web", "tier": "front"}},
    "spec": {"schedulerName": "nobody", "containers": [{
        "name": "main", "image": "web:1",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    }]}
}"#;

/// The creation of a small ConfigMap.
pub(crate) fn map(path: &str, name: &str) -> Ask {
    Ask::create(path, MAP.replacen("NAME", name, 1))
}

/// The creation of a pod.
pub(crate) fn pod(path: &str, name: &str) -> Ask {
    Ask::create(path, POD.replacen("NAME", name, 1))
}

/// A token of a service account that may do everything.
pub(crate) async fn account_token(client: &Client) -> Outcome<String> {
    let of = "/api/v1/namespaces/load-maps/serviceaccounts/default/token";
    let token: Value =
        client.json(Ask::create(of, json!({"spec": {"expirationSeconds": 3600}}).to_string())).await?;
    let may = json!({
        "metadata": {"name": "load"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "load-maps", "name": "default"}]
    });
    // It may be there from an earlier run; if not, the first read with the token tells.
    let _ = client
        .ask(Ask::create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", may.to_string()))
        .await;
    Ok(token["status"]["token"].as_str().ok_or("an answer without a token")?.to_owned())
}
