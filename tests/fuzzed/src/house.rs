//! An API server to send inputs to; it checks that whatever is refused is refused with a status.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use steersman_apiserver::http::Body;
use steersman_apiserver::{Server, User};
use steersman_core::tree::{Value, json};
use steersman_sim::Sim;
use steersman_store::Memory;

/// A server is thrown away after this many inputs, so that what they stored does not pile up.
const INPUTS: usize = 2_000;

/// The text that a request is sent as.
pub(crate) const JSON: &str = "application/json";

/// Where the pod of [`pod`] is created.
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

thread_local! {
    /// Starting a server takes far longer than an input.
    static HOUSE: Cell<Option<House>> = const { Cell::new(None) };
}

/// A server in virtual time.
pub(crate) struct House {
    sim: Sim,
    server: Server,
    inputs: usize,
}

impl House {
    fn build() -> Self {
        let sim = Sim::new(1);
        let env = sim.env();
        let server = Server::builder(Arc::new(Memory::new())).start(&env);
        let server = sim.block_on(server).expect("a server starts over an empty store");
        let house = House { sim, server, inputs: 0 };
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        house.post("/api/v1/namespaces/default/serviceaccounts", &account);
        house
    }

    /// Sends a request and checks the answer; its status and body.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", content_type)
            .body(Bytes::copy_from_slice(body))
            .expect("inputs are bodies: the paths are ours");
        let response = self.sim.block_on(self.server.call(User::admin(), request));
        let (parts, body) = response.into_parts();
        let Body::Full(body) = body else { return (parts.status, Value::Null) };
        let answer: Value = serde_json::from_slice(&body).expect("every answer is JSON");
        if !parts.status.is_success() {
            assert_eq!(answer["kind"], "Status", "{answer}");
            assert_eq!(answer["code"], parts.status.as_u16(), "{answer}");
        }
        (parts.status, answer)
    }

    /// Creates an object; the answer's status and body.
    pub(crate) fn post(&self, path: &str, object: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, JSON, object.to_string().as_bytes())
    }

    /// What is stored there now.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, JSON, b"").1
    }

    /// Deletes a pod at once, whatever finalizers it has come to have.
    pub(crate) fn remove_pod(&self, path: &str) {
        let unlocked = br#"[{"op": "add", "path": "/metadata/finalizers", "value": []}]"#;
        self.send(Method::PATCH, path, "application/json-patch+json", unlocked);
        self.send(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), JSON, b"");
    }
}

/// Runs one input against a server, which does not outlive a broken promise.
pub(crate) fn in_house(act: impl FnOnce(&House)) {
    let fresh = HOUSE.take().filter(|house| house.inputs < INPUTS);
    let mut house = fresh.unwrap_or_else(House::build);
    house.inputs += 1;
    act(&house);
    HOUSE.set(Some(house));
}

/// A pod that is valid, for inputs to change.
pub(crate) fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "labels": {"a": "1"}, "annotations": {"b": "2"}, "finalizers": ["example.com/f"]},
        "spec": {
            "containers": [{
                "name": "c", "image": "i", "env": [{"name": "E", "value": "1"}],
                "ports": [{"containerPort": 80}], "resources": {"requests": {"cpu": "1"}}
            }],
            "tolerations": [{"key": "k", "operator": "Exists"}]
        }
    })
}
