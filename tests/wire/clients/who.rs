//! Asks a server who it takes one for.

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use steersman::apiserver::listener::Certified;

use super::Served;

/// What somebody shows of who they are.
pub(crate) enum Shown<'a> {
    Nothing,
    Token(&'a str),
    Certificate(&'a Certified),
}

/// The moment as the machine knows it, by which certificates and tokens are made.
#[expect(clippy::disallowed_methods, reason = "no cluster is there yet whose time it could be")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A client that shows this, and nothing else.
pub(crate) async fn client(served: &Served, shown: Shown<'_>) -> Client {
    let mut kubeconfig = Kubeconfig::from_yaml(served.kubeconfig()).unwrap();
    let info = kubeconfig.auth_infos[0].auth_info.as_mut().unwrap();
    (info.client_certificate_data, info.client_key_data) = (None, None);
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.unwrap();
    match shown {
        Shown::Nothing => {}
        Shown::Token(token) => config.auth_info.token = Some(token.to_owned().into()),
        Shown::Certificate(own) => {
            let encoded = |pem: &str| base64(pem.as_bytes());
            config.auth_info.client_certificate_data = Some(encoded(&own.certificate_pem));
            config.auth_info.client_key_data = Some(encoded(&own.key_pem).into());
        }
    }
    Client::try_from(config).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// The user and the groups, `ann: dev, ops`; or the code and the sentence of the refusal.
pub(crate) async fn told(client: &Client) -> String {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("Content-Type", "application/json")
        .body(review.into_bytes())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(review) => {
            let user = &review["status"]["userInfo"];
            let groups: Vec<&str> =
                user["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{}: {}", user["username"].as_str().unwrap_or_default(), groups.join(", "))
        }
        Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
        Err(other) => panic!("{other}"),
    }
}
