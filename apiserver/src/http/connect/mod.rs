//! Connects clients with what runs on nodes: logs, commands, ports, proxied requests.

mod kubelet;
mod log;
mod pod;

use http::Method;
use http::request::Parts;
use steersman_core::api::Target;
use steersman_core::{Error, Result};

use super::answer::Answer;
use super::query::Query;
use crate::pipeline::{Caller, Core};

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
pub(super) async fn answer(connect: Connect<'_>, door: Door) -> Result<Answer> {
    connect.core.check_door(connect.caller, connect.target, verb(&connect.parts.method))?;
    match door {
        Door::Log => log::answer(&connect).await,
        Door::Exec | Door::Attach | Door::PortForward | Door::Proxy => {
            let subresource = &connect.target.subresource;
            Err(Error::not_implemented(format!("pods/{subresource} is not implemented")))
        }
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
