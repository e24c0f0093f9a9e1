//! Finds the kubelet of a node, as upstream does: by the node's addresses.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, NodeAddress};
use steersman_core::kubelet::Kubelet;
use steersman_core::{Error, Result};

use crate::fault;
use crate::pipeline::Core;

/// The kinds of addresses by which kubelets are reached, the preferred first; upstream's default of
/// `--kubelet-preferred-address-types`.
const KINDS: [&str; 5] = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];

/// The port of a kubelet whose node names none.
const PORT: i32 = 10250;

/// Where a kubelet is.
pub(super) struct Location {
    /// Host and port, for messages.
    pub(super) authority: String,
    pub(super) port: i32,
    kubelet: Option<Arc<dyn Kubelet>>,
}

impl Location {
    /// Where the kubelet of that node is.
    ///
    /// # Errors
    /// 404 if there is no such node, 500 if it has no address, 501 if this server reaches no kubelets.
    pub(super) async fn of(core: &Core, node: &str) -> Result<Self> {
        let object = core.newest_of::<Node>("", node).await?;
        let (host, port) = address(&object).map_err(fault::bare)?;
        let unknown = || Error::not_implemented("this server was not told how to reach kubelets");
        let kubelets = core.kubelets.as_ref().ok_or_else(unknown)?;
        Ok(Location { authority: format!("{host}:{port}"), port, kubelet: kubelets.kubelet(node) })
    }

    /// The kubelet; if it cannot be reached, what a dialler says.
    pub(super) fn reach(&self) -> Result<&Arc<dyn Kubelet>, String> {
        let refused = || format!("dial tcp {}: connect: connection refused", self.authority);
        self.kubelet.as_ref().ok_or_else(refused)
    }
}

fn address(node: &Node) -> Result<(String, i32), String> {
    let status = node.status.as_ref();
    let known = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let preferred = KINDS.iter().find_map(|kind| known.iter().find(|one| one.type_ == *kind));
    let Some(NodeAddress { address, .. }) = preferred else {
        let shown: Vec<String> =
            known.iter().map(|one| format!("{{{} {}}}", one.type_, one.address)).collect();
        return Err(format!("no preferred addresses found; known addresses: [{}]", shown.join(" ")));
    };
    let endpoint = status.and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref());
    let port = endpoint.map(|endpoint| endpoint.port).filter(|port| *port != 0).unwrap_or(PORT);
    Ok((address.clone(), port))
}
