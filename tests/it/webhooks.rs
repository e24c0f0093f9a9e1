//! What an operator's webhooks come to in a whole cluster, without a socket: what controllers make goes past them, too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use steersman::apiserver::reviewing;
use steersman::core::tree::{Value, json};
use steersman::prelude::*;
use steersman::sim;

use crate::{apply_settled, deployment, get_deployment, image, pods};

const CONFIGURATIONS: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: mesh}
webhooks:
  - name: mesh.example.com
    clientConfig: {service: {namespace: mesh, name: injector, path: /inject}}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    sideEffects: None
    admissionReviewVersions: [v1]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: images}
webhooks:
  - name: images.example.com
    clientConfig: {url: "https://images.example.com/check"}
    rules: [{apiGroups: [apps], apiVersions: [v1], operations: ["*"], resources: [deployments]}]
    sideEffects: None
    admissionReviewVersions: [v1]
"#;

/// Gives every pod a second container, and lets no Deployment run the image `bad`.
fn answer(path: &str, request: &Value) -> Value {
    if path == "/inject" {
        let sidecar = json!({"name": "proxy", "image": "mesh:1"});
        let patch = json!([{"op": "add", "path": "/spec/containers/-", "value": sidecar}]);
        return json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string())});
    }
    let image = &request["object"]["spec"]["template"]["spec"]["containers"][0]["image"];
    json!({"allowed": image != "bad", "status": {"message": "this image is bad"}})
}

#[test]
fn an_operators_webhooks_see_what_users_and_controllers_write() {
    sim::check(1..=3, async |sim| {
        let webhooks = reviewing(|uri, mut review| {
            let mut response = answer(uri.path(), &review["request"]);
            response["uid"] = review["request"]["uid"].clone();
            review["response"] = response;
            review
        });
        let cluster = Cluster::builder().nodes(3).webhooks(webhooks).start(&sim.env()).await.unwrap();
        apply_settled(&cluster, CONFIGURATIONS).await;
        apply_settled(&cluster, &deployment("web", 2, "web:1")).await;

        let status = get_deployment(&cluster, "web").await.status.clone().unwrap_or_default();
        assert_eq!(status.ready_replicas, Some(2));
        let pods = pods(&cluster).await;
        assert_eq!(pods.len(), 2);
        for pod in pods {
            let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
            assert_eq!((image(&pod), containers[1].image.as_deref()), ("web:1", Some("mesh:1")));
        }

        let refused = cluster.apply(&deployment("web", 2, "bad")).await.unwrap_err();
        let why = "admission webhook \"images.example.com\" denied the request: this image is bad";
        assert_eq!(refused.message(), why);
    });
}
