//! Speaks HTTP over one connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use steersman_core::Env;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::tasks::{Tasks, Timer};
use crate::authenticate::PeerCertificates;
use crate::http::Service;

/// How long a client may take to send the headers of a request, and be idle; upstream's `ReadHeaderTimeout`.
const HEADERS: Duration = Duration::from_secs(32);

/// How long a connection over HTTP/2 may be silent before it is asked whether anybody is there, and how long the answer
/// may take.
const SILENCE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(15);

/// How many requests one connection over HTTP/2 may have in flight; upstream's `--http2-max-streams-per-connection`.
const STREAMS: u32 = 1000;

/// How much the headers of one request may hold, in bytes; Go's default.
const HEADER_BYTES: usize = 1 << 20;

/// How much a client may send ahead: for one request, and for all of a connection, in bytes.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Answers the requests of a connection until it ends, or until it is told to drain and is idle.
pub(super) async fn serve<I>(
    env: &Env,
    io: I,
    service: Service,
    peer: Option<PeerCertificates>,
    draining: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tasks, _streams) = Tasks::new(env.clone());
    let answer = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        // A large future, which would else be moved from hand to hand.
        let answer = Box::pin(service.clone().answer(request));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let builder = builder(env, tasks);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), answer));
    let mut told = pin!(told(draining).fuse());
    let outcome = poll_fn(|cx| {
        if told.as_mut().poll(cx).is_ready() {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(why) = outcome.await {
        tracing::debug!(%why, "a connection ended");
    }
}

/// Ends once the listener drains.
pub(super) async fn told(mut draining: watch::Receiver<bool>) {
    let is_gone = draining.wait_for(|draining| *draining).await.is_err();
    if is_gone {
        // Whoever could drain is gone, and with it, soon, this connection.
        std::future::pending::<()>().await;
    }
}

fn builder(env: &Env, tasks: Tasks) -> Builder<Tasks> {
    let mut builder = Builder::new(tasks);
    builder.http1().timer(Timer::new(env.clone())).header_read_timeout(HEADERS);
    builder
        .http2()
        .timer(Timer::new(env.clone()))
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(ANSWER)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}
