//! Who each component is to the API server.

use std::sync::Arc;

use steersman_apiserver::{Server, User};
use steersman_core::{Api, Client};

/// Wraps what a component sees of the API server: faults, logging, access control of one's own.
pub(crate) type Layer = Arc<dyn Fn(&str, Arc<dyn Api>) -> Arc<dyn Api> + Send + Sync>;

/// A client for a component, through the layer if there is one.
pub(crate) fn client(server: &Server, layer: Option<&Layer>, component: &str) -> Client {
    let api = server.api_as(user(component), component);
    Client::new(match layer {
        Some(layer) => layer(component, api),
        None => api,
    })
}

fn user(component: &str) -> User {
    match (component, component.strip_prefix("kubelet/")) {
        (_, Some(node)) => User::named(format!("system:node:{node}")).in_group("system:nodes"),
        // Upstream's controllers are a service account each; here they are one, which may do what all of them may.
        ("admin" | "kube-controller-manager", _) => {
            User::named(format!("system:{component}")).in_group("system:masters")
        }
        _ => User::named(format!("system:{component}")),
    }
}
