//! A kubelet at its own port: over TLS, a connection for each question.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, join, ready, select};
use http::header::{CONNECTION, HOST, HeaderName, UPGRADE};
use http::request::Builder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use steersman_core::Env;
use tokio::net::TcpStream;

use super::kubelet::Location;
use crate::fetch::ClientTls;
use crate::http::upgrade::{Io, STREAM_PROTOCOL};
use crate::pipeline::Core;

/// How long a kubelet may take to answer; what follows takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a refusal is passed on, in bytes.
const REFUSAL: usize = 64 * 1024;

/// What went wrong on the way.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An answer, and what drives the connection that the rest of it comes from.
pub(super) type Answered = (Response<Incoming>, BoxFuture<'static, ()>);

/// A kubelet of another process.
pub(super) struct Far {
    env: Env,
    tls: ClientTls,
    /// Host and port.
    authority: String,
}

/// Why a kubelet does not speak SPDY.
pub(super) enum Refused {
    /// It did not answer.
    Unreachable(Failure),
    /// It answered something else: the code, and what it said.
    Told(StatusCode, String),
}

impl Far {
    /// The kubelet at that place, if it is in another process.
    pub(super) fn at(core: &Core, location: &Location) -> Option<Self> {
        let tls = location.there()?.clone();
        Some(Far { env: core.env.clone(), tls, authority: location.authority.clone() })
    }

    /// Where that path of its is.
    pub(super) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.authority)
    }

    /// Asks, and waits for the head of the answer.
    pub(super) async fn ask(&self, request: Builder) -> Result<Answered, Failure> {
        let request = request.header(HOST, &self.authority).body(Full::new(Bytes::new()))?;
        match self.env.timeout(PATIENCE, self.exchange(request)).await {
            Ok(answered) => answered,
            Err(_elapsed) => Err("net/http: timeout awaiting response headers".into()),
        }
    }

    /// Agrees on SPDY, with one of these protocols on it.
    pub(super) async fn spdy(&self, path: &str, protocols: &[&str]) -> Result<Io, Refused> {
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "SPDY/3.1");
        for protocol in protocols {
            request = request.header(STREAM_PROTOCOL, *protocol);
        }
        let (response, connection) = self.ask(request).await.map_err(Refused::Unreachable)?;
        let code = response.status();
        if code != StatusCode::SWITCHING_PROTOCOLS || !says(response.headers(), UPGRADE, "spdy/3.1") {
            return Err(Refused::Told(code, text(response, connection).await));
        }
        let (upgraded, ()) = join(hyper::upgrade::on(response), connection).await;
        let io = upgraded.map_err(|why| Refused::Unreachable(why.into()))?;
        Ok(Box::pin(TokioIo::new(io)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answered, Failure> {
        let authority = &self.authority;
        let host = authority.rsplit_once(':').map_or(&**authority, |(host, _)| host).trim_matches(['[', ']']);
        let refused = |why| format!("dial tcp {authority}: connect: {why}");
        let stream = TcpStream::connect(authority).await.map_err(|why| refused(reason(&why)))?;
        let stream = self.tls.connect(host, stream).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // How the connection ends is told by the answer, too.
        let connection: BoxFuture<'static, ()> = connection.with_upgrades().map(drop).boxed();
        let sending = async move { sender.send_request(request).await }.boxed();
        match select(sending, connection).await {
            Either::Left((response, connection)) => Ok((response?, connection)),
            Either::Right(((), sending)) => Ok((sending.await?, ready(()).boxed())),
        }
    }
}

/// Why nobody answers, as Go's dialler says it.
fn reason(why: &std::io::Error) -> String {
    match why.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => why.to_string(),
    }
}

fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
}

/// What a kubelet says where it refuses.
pub(super) async fn text(response: Response<Incoming>, connection: BoxFuture<'static, ()>) -> String {
    let body = Limited::new(response.into_body(), REFUSAL).collect().boxed();
    let body = match select(body, connection).await {
        Either::Left((body, _)) => body,
        Either::Right(((), body)) => body.await,
    };
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
