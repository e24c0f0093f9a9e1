//! Admission and conversion webhooks at an address of this machine, over TLS: what tests of controllers start.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use steersman::apiserver::listener::{Authority, Certified};
use steersman::prelude::*;

use super::page::Page;
use super::{Served, who};

/// A webhook, and whom its clients have to trust.
struct Hook {
    page: Page,
    own: Certified,
    authority: Authority,
}

impl Hook {
    /// A webhook that answers the request of a review with a response without its uid.
    fn serve(answer: fn(&str, &Value) -> Value) -> Self {
        let authority = Authority::new("hooks", who::now()).unwrap();
        let own = authority.serving(&["localhost"], &[[127, 0, 0, 1].into()]).unwrap();
        let page = Page::serve_tls(&Env::tokio(), &own, move |_, path, body: Bytes| {
            let mut review: Value = serde_json::from_slice(&body).unwrap();
            let mut response = answer(path, &review["request"]);
            response["uid"] = review["request"]["uid"].clone();
            review["response"] = response;
            Some((200, review.to_string()))
        });
        Hook { page, own, authority }
    }

    fn client(&self, path: &str, authority: &Authority) -> Value {
        let bundle = BASE64_STANDARD.encode(authority.certificate_pem());
        json!({"url": format!("{}/{path}", self.page.url), "caBundle": bundle})
    }
}

/// The answer to a POST: 201, or the code and the sentence of the refusal.
async fn post(client: &Client, path: &str, body: &Value) -> Result<Value, String> {
    let request = Request::post(path).header("Content-Type", "application/json");
    match client.request::<Value>(request.body(body.to_string().into_bytes()).unwrap()).await {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(format!("{} {}", status.code, status.message)),
        Err(other) => panic!("{other}"),
    }
}

async fn configure(client: &Client, kind: &str, configuration: Value) {
    let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations");
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
    });
    let mut hook = json!({
        "name": format!("{kind}.example.com"), "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
    });
    hook["clientConfig"] = configuration;
    post(client, &path, &json!({"metadata": {"name": kind}, "webhooks": [hook]})).await.unwrap();
}

async fn create(client: &Client, name: &str) -> Result<Value, String> {
    post(client, "/api/v1/namespaces/default/configmaps", &json!({"metadata": {"name": name}})).await
}

#[test]
fn webhooks_change_and_refuse_what_is_written() {
    let served = Served::with(|_, builder| builder.without_controllers().without_scheduler());
    served.runtime.block_on(async {
        let hook =
            Hook::serve(|path, request| match (path, request["object"]["metadata"]["name"].as_str()) {
                ("/validate", Some("bad")) => {
                    json!({"allowed": false, "status": {"code": 403, "message": "not today"}})
                }
                ("/mutate", _) => {
                    let patch = r#"[{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]"#;
                    json!({"allowed": true, "patchType": "JSONPatch", "patch": BASE64_STANDARD.encode(patch)})
                }
                _ => json!({"allowed": true}),
            });
        let client = super::kube_rs::client(&served).await;
        configure(&client, "mutating", hook.client("mutate", &hook.authority)).await;
        configure(&client, "validating", hook.client("validate", &hook.authority)).await;
        assert_eq!(create(&client, "good").await.unwrap()["metadata"]["labels"], json!({"seen": "yes"}));
        let why = "403 admission webhook \"validating.example.com\" denied the request: not today";
        assert_eq!(create(&client, "bad").await.unwrap_err(), why);
    });
}

#[test]
fn a_webhooks_own_certificate_may_stand_where_authorities_do() {
    // As Go's envtest installs webhooks.
    let served = Served::with(|_, builder| builder.without_controllers().without_scheduler());
    served.runtime.block_on(async {
        let hook = Hook::serve(|_, _| json!({"allowed": false, "status": {"code": 403, "message": "no"}}));
        let client = super::kube_rs::client(&served).await;
        let mut configuration = hook.client("validate", &hook.authority);
        configuration["caBundle"] = BASE64_STANDARD.encode(&hook.own.certificate_pem).into();
        configure(&client, "validating", configuration).await;
        let why = "403 admission webhook \"validating.example.com\" denied the request: no";
        assert_eq!(create(&client, "a").await.unwrap_err(), why);
    });
}

#[test]
fn a_webhook_that_cannot_be_trusted_or_reached_refuses() {
    let served = Served::with(|_, builder| builder.without_controllers().without_scheduler());
    served.runtime.block_on(async {
        let hook = Hook::serve(|_, _| json!({"allowed": true}));
        let client = super::kube_rs::client(&served).await;
        let head = |kind: &str, url: &str| {
            format!(
                "500 Internal error occurred: failed calling webhook \"{kind}.example.com\": failed to call webhook: \
                 Post \"{url}?timeout=10s\": "
            )
        };
        let nowhere = Page::nobody().replace("http://", "https://");
        let mut away = hook.client("", &hook.authority);
        away["url"] = format!("{nowhere}/away").into();
        configure(&client, "validating", away).await;
        let address = nowhere.trim_start_matches("https://");
        let why = head("validating", &format!("{nowhere}/away"));
        let why = format!("{why}dial tcp {address}: connect: connection refused");
        assert_eq!(create(&client, "a").await.unwrap_err(), why);
        let stranger = Authority::new("stranger", who::now()).unwrap();
        configure(&client, "mutating", hook.client("mutate", &stranger)).await;
        let why = head("mutating", &format!("{}/mutate", hook.page.url));
        let why = format!("{why}tls: failed to verify certificate: x509: certificate signed by unknown authority");
        assert_eq!(create(&client, "a").await.unwrap_err(), why);
    });
}
