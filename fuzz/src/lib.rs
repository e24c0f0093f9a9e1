//! An API server for fuzz targets to send requests to, and the promises that every answer must keep.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use steersman_apiserver::http::Body;
use steersman_apiserver::{Server, User};
use steersman_sim::Sim;
use steersman_store::Memory;

/// A server is thrown away after this many inputs, so that what they stored does not pile up.
const INPUTS: usize = 2_000;

/// The text that a request is sent as.
pub const JSON: &str = "application/json";

thread_local! {
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

/// A server in virtual time.
pub struct House {
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
    pub fn send(&self, method: Method, path: &str, content_type: &str, body: &[u8]) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", content_type)
            .body(Bytes::copy_from_slice(body))
            .expect("targets send paths that are paths");
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
    pub fn post(&self, path: &str, object: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, JSON, object.to_string().as_bytes())
    }

    /// What is stored there now.
    pub fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, JSON, b"").1
    }
}

/// Runs one input against a server.
pub fn in_house(act: impl FnOnce(&House)) {
    HOUSE.with(|house| {
        let mut house = house.borrow_mut();
        if house.as_ref().is_none_or(|house| house.inputs >= INPUTS) {
            *house = Some(House::build());
        }
        if let Some(house) = house.as_mut() {
            house.inputs += 1;
            act(house);
        }
    });
}

/// A pod that is valid, for inputs to change.
pub fn pod() -> Value {
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
