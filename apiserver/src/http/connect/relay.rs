//! Passes requests on to the ports of kubelets: unread from then on, or in a protocol that the kubelet understands.

use std::fmt::Write;

use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use steersman_core::{Error, Result};

use super::far::{self, Far};
use super::pod::Place;
use super::proxy::exchange;
use super::{Connect, Door, translate, tunnel};
use crate::fault;
use crate::http::answer::Answer;
use crate::http::upgrade::{Protocol, STREAM_PROTOCOL, wants};

/// What two sides agree on a protocol with.
const AGREEING: [HeaderName; 6] =
    [CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, STREAM_PROTOCOL];

/// What the kubelet answers at that path, as it comes.
pub(super) async fn get(connect: &Connect<'_>, far: &Far, path: &str) -> Result<Answer> {
    let request = Request::builder().method(&connect.parts.method).uri(path);
    let unanswered = |why| fault::bare(format!("Get {:?}: {why}", far.url(path)));
    let (response, connection) = far.ask(request).await.map_err(unanswered)?;
    match response.status() {
        StatusCode::OK => Ok(exchange::answer(response, connection)),
        status => {
            let text = far::text(response, connection).await;
            Err(if status == StatusCode::BAD_REQUEST { Error::bad_request(text) } else { fault::bare(text) })
        }
    }
}

/// Lets the client talk with the kubelet. Where upstream's kubelets have not always understood what clients speak by now,
/// the node tells whether its own does; if not, this server speaks for the client.
pub(super) async fn upgrade(connect: &Connect<'_>, far: Far, door: Door, place: &Place) -> Result<Answer> {
    let (headers, path) = (&connect.parts.headers, path(connect, door, place));
    match door {
        _ if place.location.takes_websockets => pass_on(connect, &far, &path).await,
        Door::PortForward if wants(headers, Protocol::TUNNELED) => tunnel::answer(connect, &far, &path).await,
        Door::Exec | Door::Attach if wants(headers, Protocol::TRANSLATED) => {
            translate::answer(connect, door, far, path)
        }
        _ => pass_on(connect, &far, &path).await,
    }
}

/// Lets the client agree with the kubelet on a protocol.
async fn pass_on(connect: &Connect<'_>, far: &Far, path: &str) -> Result<Answer> {
    let mut request = Request::builder().method(&connect.parts.method).uri(path);
    for name in AGREEING {
        for value in connect.parts.headers.get_all(&name) {
            request = request.header(&name, value);
        }
    }
    let (response, connection) = far.ask(request).await.map_err(undialled)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let code = response.status().as_u16();
        return Ok(Answer::text(code, far::text(response, connection).await));
    }
    Ok(exchange::answer(response, connection))
}

/// What a client is told whose connection could not be passed on.
pub(super) fn undialled(why: far::Failure) -> Error {
    fault::bare(format!("error dialing backend: {why}"))
}

/// Where the kubelet does it, and what it is asked for, in its words.
fn path(connect: &Connect<'_>, door: Door, place: &Place) -> String {
    let (namespace, pod) = (&connect.target.namespace, &connect.target.name);
    let query = connect.query;
    if door == Door::PortForward {
        let ports: Vec<&str> = query.all("ports").collect();
        return format!("/portForward/{namespace}/{pod}?port={}", ports.join(","));
    }
    let what = if door == Door::Exec { "exec" } else { "attach" };
    let mut path = format!("/{what}/{namespace}/{pod}/{}?", place.container);
    for (name, there) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] {
        if query.flag(name) {
            path += &format!("{there}=1&");
        }
    }
    for word in query.all("command") {
        path += "command=";
        for byte in word.bytes() {
            // Writing to memory cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path.push('&');
    }
    path
}
