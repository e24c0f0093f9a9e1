//! Who each component is to the API server.

use std::sync::Arc;

use steersman_apiserver::authenticate::ServiceAccounts;
use steersman_apiserver::{Server, User};
use steersman_controllers::tokens::Signer;
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

/// Fills the Secrets that hold the tokens of service accounts.
pub(crate) fn signer(accounts: ServiceAccounts) -> Signer {
    Signer::new(move |account, secret| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (account, secret) = (&account.metadata, text(&secret.metadata.name));
        let token = accounts.legacy_token(
            &text(&account.namespace),
            &text(&account.name),
            &text(&account.uid),
            &secret,
        );
        // A key that cannot sign leaves the token empty, so that the controller tries again when the Secret changes.
        token.unwrap_or_default()
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
