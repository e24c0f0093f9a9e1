//! One request to a pod, over a connection through its kubelet.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::FutureExt;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, join, select};
use futures::stream::{self, StreamExt};
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use steersman_core::runtime::ByteStream;
use steersman_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::Connect;
use super::super::pod::Place;
use super::{Backend, unavailable};
use crate::http::answer::Answer;
use crate::http::upgrade::{Io, PIECES, Upgrade};

/// Headers that are about one connection only.
const HOPS: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Sends the request to the pod, and gives what it answers as it comes.
pub(super) async fn forward(connect: &Connect<'_>, to: &Backend<'_>, body: Bytes) -> Result<Answer> {
    let request = request(connect, to.path, body)?;
    let stream = dial(to.place, to.port).await.map_err(unreachable)?;
    let stream = if to.is_tls { encrypted(stream).await.map_err(unreachable)? } else { stream };
    exchange(stream, request).await.map_err(unreachable)
}

/// The same with a port of a node, with TLS if it is said how.
#[cfg(feature = "tls")]
pub(super) async fn forward_to_node(
    connect: &Connect<'_>,
    (host, port): (&str, u16),
    tls: Option<&crate::fetch::ClientTls>,
    path: &str,
    body: Bytes,
) -> Result<Answer> {
    let request = request(connect, path, body)?;
    let stream = tokio::net::TcpStream::connect((host, port)).await.map_err(unreachable)?;
    let stream: Io = match tls {
        Some(tls) => Box::pin(tls.connect(host, stream).await.map_err(unreachable)?),
        None => Box::pin(stream),
    };
    exchange(stream, request).await.map_err(unreachable)
}

fn unreachable(why: impl fmt::Display) -> Error {
    unavailable(format!("error trying to reach service: {why}"))
}

/// A connection to a port of the pod: through its kubelet if that is in this process, else to the pod itself.
async fn dial(place: &Place, port: u16) -> Result<Io, String> {
    #[cfg(feature = "tls")]
    if place.location.there().is_some() {
        let ip = super::ip(&place.pod);
        let stream = tokio::net::TcpStream::connect((ip, port)).await;
        return stream.map(|stream| -> Io { Box::pin(stream) }).map_err(|why| why.to_string());
    }
    let (to, input) = mpsc::channel(PIECES);
    let kubelet = place.location.reach()?;
    let from = kubelet.connect(&place.pod, port, input.boxed()).await.map_err(|why| why.to_string())?;
    Ok(Box::pin(Port { from, rest: Bytes::new(), to: Some(to) }))
}

/// Whose certificate the pod shows is not asked, as upstream does not ask.
#[cfg(feature = "tls")]
async fn encrypted(stream: Io) -> Result<Io, String> {
    let tls = crate::fetch::ClientTls::trusting_anyone(None).map_err(|why| why.to_string())?;
    let stream = tls.connect("localhost", stream).await.map_err(|why| why.to_string())?;
    Ok(Box::pin(stream))
}

#[cfg(not(feature = "tls"))]
async fn encrypted(_: Io) -> Result<Io, String> {
    Err("TLS needs a server with the feature `tls`".to_owned())
}

fn request(connect: &Connect<'_>, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let parts = connect.parts;
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = format!("{path}{query}").parse().map_err(Error::internal)?;
    let mut headers = parts.headers.clone();
    strip(&mut headers);
    if headers.contains_key(UPGRADE) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    // Who the client is to this server is no business of the pod's.
    headers.remove(AUTHORIZATION);
    let host = parts.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let host = headers.get(HOST).cloned().or(host).unwrap_or(HeaderValue::from_static("localhost"));
    headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
    headers.entry(HOST).or_insert(host);
    if let Ok(uri) = HeaderValue::from_str(parts.uri.path()) {
        headers.insert(HeaderName::from_static("x-forwarded-uri"), uri);
    }
    *request.headers_mut() = headers;
    Ok(request)
}

fn strip(headers: &mut HeaderMap) {
    for hop in HOPS {
        headers.remove(hop);
    }
}

async fn exchange(stream: Io, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // How the connection ends is told by the answer, too.
    let connection: BoxFuture<'static, ()> = connection.with_upgrades().map(drop).boxed();
    let sending = sender.send_request(request).boxed();
    let (response, connection) = match select(sending, connection).await {
        Either::Left((response, connection)) => (response?, connection),
        Either::Right(((), sending)) => (sending.await?, futures::future::ready(()).boxed()),
    };
    Ok(answer(response, connection))
}

/// The answer, whose body drives the connection that it comes from.
pub(in crate::http::connect) fn answer(
    response: Response<Incoming>,
    connection: BoxFuture<'static, ()>,
) -> Answer {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switched(response, connection);
    }
    let (mut parts, mut body) = response.into_parts();
    strip(&mut parts.headers);
    let mut connection = connection.fuse();
    let pieces = stream::poll_fn(move |cx| {
        let _ = connection.poll_unpin(cx);
        loop {
            let frame = ready!(Pin::new(&mut body).poll_frame(cx));
            match frame.and_then(Result::ok).map(http_body::Frame::into_data) {
                Some(Ok(piece)) => return Poll::Ready(Some(piece)),
                Some(Err(_trailers)) => {}
                None => return Poll::Ready(None),
            }
        }
    });
    Answer::proxied(parts.status.as_u16(), parts.headers, pieces.boxed())
}

/// From now on, the client and who answered talk with each other.
fn switched(mut response: Response<Incoming>, connection: BoxFuture<'static, ()>) -> Answer {
    let headers = std::mem::take(response.headers_mut());
    let talk = Upgrade::raw(move |mut near| {
        let far = async move {
            let Ok(far) = hyper::upgrade::on(response).await else { return };
            // Whichever side ends it, there is nothing more to say.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut TokioIo::new(far)).await;
        };
        join(connection, far).map(drop).boxed()
    });
    Answer::upgrade(headers, talk)
}

/// A connection to a port, as others want it.
struct Port {
    from: ByteStream,
    /// What has come and was not read yet.
    rest: Bytes,
    /// Where what is written goes, until it is closed.
    to: Option<mpsc::Sender<Bytes>>,
}

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.from.poll_next_unpin(cx)) {
                Some(piece) => self.rest = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Port {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(to) = &mut self.to else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let broken = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        ready!(to.poll_ready(cx)).map_err(broken)?;
        to.start_send(Bytes::copy_from_slice(bytes)).map_err(broken)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to = None;
        Poll::Ready(Ok(()))
    }
}
