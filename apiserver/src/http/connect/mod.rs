//! Connects clients with what runs on nodes: logs, commands, ports, proxied requests.

#[cfg(feature = "tls")]
mod far;
#[cfg(feature = "http")]
mod forward;
mod kubelet;
mod log;
mod options;
mod pod;
mod proxy;
#[cfg(feature = "tls")]
mod relay;
#[cfg(feature = "http")]
mod remote;
#[cfg(feature = "tls")]
mod translate;
#[cfg(feature = "tls")]
mod tunnel;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use k8s_openapi::api::core::v1::Pod;
use steersman_core::api::Target;
use steersman_core::{Error, Result};

use super::answer::Answer;
use super::query::Query;
use crate::pipeline::{Caller, Core};
#[cfg(feature = "tls")]
pub(super) use kubelet::Location;
#[cfg(feature = "tls")]
pub(super) use log::options as log_options;
pub(super) use pod::Place;
#[cfg(feature = "tls")]
pub(super) use {
    forward::agree as agree_on_ports,
    remote::agree as agree_on_streams,
    remote::{Act, Wanted},
};

/// A subresource at which a client is connected with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Log,
    Exec,
    Attach,
    PortForward,
    Proxy,
}

/// A request to connect.
pub(super) struct Connect<'a> {
    pub(super) core: &'a Core,
    pub(super) caller: &'a Caller,
    pub(super) target: &'a Target,
    pub(super) query: &'a Query,
    pub(super) parts: &'a Parts,
}

impl Door {
    /// The door that a target names, if it is one of these.
    pub(super) fn of(target: &Target) -> Option<Self> {
        let resource = &target.resource;
        let is_core = resource.group.is_empty() && resource.version == "v1";
        let door = target.subresource.split('/').next().unwrap_or_default();
        match (resource.resource.as_ref(), door) {
            _ if !is_core => None,
            ("pods", "log") => Some(Door::Log),
            ("pods", "exec") => Some(Door::Exec),
            ("pods", "attach") => Some(Door::Attach),
            ("pods", "portforward") => Some(Door::PortForward),
            ("pods" | "services" | "nodes", "proxy") => Some(Door::Proxy),
            _ => None,
        }
    }
}

/// Answers a request at a door.
pub(super) async fn answer(connect: Connect<'_>, door: Door, body: Bytes) -> Result<Answer> {
    connect.core.check_door(connect.caller, connect.target, verb(&connect.parts.method))?;
    if door != Door::Log {
        admit(&connect, door).await?;
    }
    match door {
        Door::Log => log::answer(&connect).await,
        Door::Exec | Door::Attach | Door::PortForward => {
            // Upstream's AuthorizePodWebsocketUpgradeCreatePermission: reading is not enough to run something.
            connect.core.authorize_target(&connect.caller.user, "create", connect.target, None).await?;
            let place = match door {
                Door::PortForward => Place::of_whole(&connect, connect.pod().await?).await?,
                _ => Place::of_container(&connect).await?,
            };
            let no_host = || format!("pod {} does not have a host assigned", connect.target.name);
            let place = place.ok_or_else(|| Error::bad_request(no_host()))?;
            #[cfg(feature = "tls")]
            if let Some(far) = far::Far::at(connect.core, &place.location) {
                return relay::upgrade(&connect, far, door, &place).await;
            }
            switch(&connect, door, place)
        }
        Door::Proxy => proxy::answer(&connect, body).await,
    }
}

/// Asks admission about a connection.
async fn admit(connect: &Connect<'_>, door: Door) -> Result<()> {
    if connect.query.has("dryRun") {
        return Err(Error::bad_request("dryRun is not supported"));
    }
    let options = options::read(connect, door)?;
    connect.core.admit_connection(connect.caller, connect.target, options).await
}

/// Switches to the protocol that the client wants.
#[cfg(feature = "http")]
fn switch(connect: &Connect<'_>, door: Door, place: Place) -> Result<Answer> {
    match door {
        Door::PortForward => forward::answer(connect, place),
        _ => remote::answer(connect, door, place),
    }
}

#[cfg(not(feature = "http"))]
fn switch(connect: &Connect<'_>, _door: Door, _place: Place) -> Result<Answer> {
    let what = &connect.target.subresource;
    Err(Error::not_implemented(format!("pods/{what} needs a server with the feature `http`")))
}

impl Connect<'_> {
    async fn pod(&self) -> Result<Arc<Pod>> {
        self.core.newest_of(&self.target.namespace, &self.target.name).await
    }
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}
