//! Passes requests on to the ports of kubelets, and what is said on a connection from then on, both ways, unread.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, ready, select};
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use steersman_core::{Error, Result};
use tokio::net::TcpStream;

use super::pod::Place;
use super::proxy::exchange;
use super::{Connect, Door};
use crate::fault;
use crate::fetch::ClientTls;
use crate::http::answer::Answer;

/// How long a kubelet may take to answer; what follows takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a refusal is passed on, in bytes.
const REFUSAL: usize = 64 * 1024;

/// What two sides agree on a protocol with.
const AGREEING: [HeaderName; 6] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
    HeaderName::from_static("x-stream-protocol-version"),
];

/// What went wrong on the way.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An answer, and what drives the connection that the rest of it comes from.
type Answered = (Response<Incoming>, BoxFuture<'static, ()>);

/// What the kubelet answers at that path, as it comes.
pub(super) async fn get(
    connect: &Connect<'_>,
    tls: &ClientTls,
    authority: &str,
    path: &str,
) -> Result<Answer> {
    let request = Request::builder().method(&connect.parts.method).uri(path);
    let (response, connection) = send(connect, tls, authority, request).await?;
    match response.status() {
        StatusCode::OK => Ok(exchange::answer(response, connection)),
        status => {
            let text = text(response, connection).await;
            Err(if status == StatusCode::BAD_REQUEST { Error::bad_request(text) } else { fault::bare(text) })
        }
    }
}

/// Lets the client agree with the kubelet on a protocol, and then talk with it.
pub(super) async fn upgrade(
    connect: &Connect<'_>,
    tls: &ClientTls,
    door: Door,
    place: &Place,
) -> Result<Answer> {
    let mut request = Request::builder().method(&connect.parts.method).uri(path(connect, door, place));
    for name in AGREEING {
        for value in connect.parts.headers.get_all(&name) {
            request = request.header(&name, value);
        }
    }
    let (response, connection) = send(connect, tls, &place.location.authority, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let code = response.status().as_u16();
        return Ok(Answer::text(code, text(response, connection).await));
    }
    Ok(exchange::answer(response, connection))
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

async fn send(
    connect: &Connect<'_>,
    tls: &ClientTls,
    authority: &str,
    request: http::request::Builder,
) -> Result<Answered> {
    let host = HeaderValue::from_str(authority).map_err(Error::internal)?;
    let request = request.header(HOST, host).body(Full::new(Bytes::new())).map_err(Error::internal)?;
    let verb = if *request.method() == Method::POST { "Post" } else { "Get" };
    let url = format!("https://{authority}{}", request.uri().path());
    let failed = |why: &dyn std::fmt::Display| fault::bare(format!("{verb} {url:?}: {why}"));
    match connect.core.env.timeout(PATIENCE, exchange_over(tls, authority, request)).await {
        Ok(answered) => answered.map_err(|why| failed(&why)),
        Err(_elapsed) => Err(failed(&"net/http: timeout awaiting response headers")),
    }
}

async fn exchange_over(
    tls: &ClientTls,
    authority: &str,
    request: Request<Full<Bytes>>,
) -> Result<Answered, Failure> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    let refused = |why| format!("dial tcp {authority}: connect: {why}");
    let stream = TcpStream::connect(authority).await.map_err(|why| refused(reason(&why)))?;
    let stream = tls.connect(host, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // How the connection ends is told by the answer, too.
    let connection: BoxFuture<'static, ()> = connection.with_upgrades().map(drop).boxed();
    let sending = async move { sender.send_request(request).await }.boxed();
    match select(sending, connection).await {
        Either::Left((response, connection)) => Ok((response?, connection)),
        Either::Right(((), sending)) => Ok((sending.await?, ready(()).boxed())),
    }
}

/// Why nobody answers, as Go's dialler says it.
fn reason(why: &std::io::Error) -> String {
    match why.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => why.to_string(),
    }
}

/// What a kubelet says where it refuses.
async fn text(response: Response<Incoming>, connection: BoxFuture<'static, ()>) -> String {
    let body = Limited::new(response.into_body(), REFUSAL).collect().boxed();
    let body = match select(body, connection).await {
        Either::Left((body, _)) => body,
        Either::Right(((), body)) => body.await,
    };
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
