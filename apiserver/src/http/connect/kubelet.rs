//! Finds the kubelet of a node, as upstream does: by the node's addresses.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, NodeAddress};
use steersman_core::kubelet::Kubelet;
use steersman_core::{Error, Result};

use crate::fault;
#[cfg(feature = "tls")]
use crate::fetch::ClientTls;
use crate::pipeline::Core;

/// The kinds of addresses by which kubelets are reached, the preferred first; upstream's default of
/// `--kubelet-preferred-address-types`.
const KINDS: [&str; 5] = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];

/// The port of a kubelet whose node names none.
const PORT: i32 = 10250;

/// The same where kubelets are reached over the network: names of nodes are seldom names of hosts; kubeadm's choice.
#[cfg(feature = "tls")]
const KINDS_OF_HOSTS: [&str; 5] = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"];

/// What a node declares whose kubelet understands WebSockets; upstream's kubelets do since 1.36.
#[cfg(feature = "tls")]
const WEBSOCKETS: &str = "ExtendWebSocketsToKubelet";

/// Where a kubelet is.
pub(in crate::http) struct Location {
    /// Host and port.
    pub(super) authority: String,
    pub(super) port: i32,
    /// Whether the kubelet understands WebSockets, so that nothing need be translated for it.
    #[cfg(feature = "tls")]
    pub(super) takes_websockets: bool,
    way: Way,
}

/// How a kubelet is reached.
enum Way {
    /// In this process.
    Here(Arc<dyn Kubelet>),
    /// At its own port.
    #[cfg(feature = "tls")]
    There(ClientTls),
    Nowhere,
}

impl Location {
    /// Where the kubelet of that node is.
    ///
    /// # Errors
    /// 404 if there is no such node, 500 if it has no address, 501 if this server reaches no kubelets.
    pub(super) async fn of(core: &Core, node: &str) -> Result<Self> {
        let object = core.newest_of::<Node>("", node).await?;
        let (host, port) = address(&object, kinds(core)).map_err(fault::bare)?;
        let way = way(core, node)?;
        Ok(Location {
            authority: format!("{host}:{port}"),
            port,
            #[cfg(feature = "tls")]
            takes_websockets: declared(&object).iter().any(|feature| feature == WEBSOCKETS),
            way,
        })
    }

    /// The host, without the port.
    #[cfg(feature = "tls")]
    pub(super) fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        host.trim_matches(['[', ']'])
    }

    /// That of a kubelet in this process.
    #[cfg(feature = "tls")]
    pub(in crate::http) fn here(kubelet: Arc<dyn Kubelet>) -> Self {
        Location { authority: String::new(), port: PORT, takes_websockets: true, way: Way::Here(kubelet) }
    }

    /// The kubelet in this process; if it cannot be reached, what a dialler says.
    pub(super) fn reach(&self) -> Result<&Arc<dyn Kubelet>, String> {
        match &self.way {
            Way::Here(kubelet) => Ok(kubelet),
            _ => Err(format!("dial tcp {}: connect: connection refused", self.authority)),
        }
    }

    /// How to speak with the kubelet at its own port, if that is where it is reached.
    #[cfg(feature = "tls")]
    pub(super) fn there(&self) -> Option<&ClientTls> {
        match &self.way {
            Way::There(tls) => Some(tls),
            _ => None,
        }
    }
}

fn way(core: &Core, node: &str) -> Result<Way> {
    let here = core.kubelets.as_ref().and_then(|kubelets| kubelets.kubelet(node));
    if let Some(kubelet) = here {
        return Ok(Way::Here(kubelet));
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &core.kubelet_client {
        return Ok(Way::There(tls.clone()));
    }
    let unknown = || Error::not_implemented("this server was not told how to reach kubelets");
    core.kubelets.as_ref().map(|_| Way::Nowhere).ok_or_else(unknown)
}

#[cfg(feature = "tls")]
fn kinds(core: &Core) -> [&'static str; 5] {
    if core.kubelet_client.is_some() { KINDS_OF_HOSTS } else { KINDS }
}

#[cfg(not(feature = "tls"))]
fn kinds(_: &Core) -> [&'static str; 5] {
    KINDS
}

// The field is in the API since 1.35; before, no node declares anything.
#[cfg(feature = "tls")]
k8s_openapi::k8s_if_ge_1_35! {
    fn declared(node: &Node) -> &[String] {
        node.status.as_ref().and_then(|status| status.declared_features.as_deref()).unwrap_or_default()
    }
}
#[cfg(feature = "tls")]
k8s_openapi::k8s_if_le_1_34! {
    fn declared(_: &Node) -> &[String] {
        &[]
    }
}

fn address(node: &Node, kinds: [&str; 5]) -> Result<(String, i32), String> {
    let status = node.status.as_ref();
    let known = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let preferred = kinds.iter().find_map(|kind| known.iter().find(|one| one.type_ == *kind));
    let Some(NodeAddress { address, .. }) = preferred else {
        let shown: Vec<String> =
            known.iter().map(|one| format!("{{{} {}}}", one.type_, one.address)).collect();
        return Err(format!("no preferred addresses found; known addresses: [{}]", shown.join(" ")));
    };
    let endpoint = status.and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref());
    let port = endpoint.map(|endpoint| endpoint.port).filter(|port| *port != 0).unwrap_or(PORT);
    Ok((address.clone(), port))
}
