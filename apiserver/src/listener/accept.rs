//! Accepts connections, as many as there may be, and gives each a task of its own.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use steersman_core::Env;
use steersman_core::env::Task;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Options, connection};
use crate::http::Service;

/// How long to wait where the system has no room for another connection.
const RETRY: Duration = Duration::from_millis(50);

/// How long a client may take over the TLS handshake.
#[cfg(feature = "tls")]
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Runs until it is told to drain and every connection has ended.
pub(super) async fn run(
    env: Env,
    socket: TcpListener,
    service: Service,
    options: Options,
    draining: watch::Receiver<bool>,
) {
    let mut connections: FuturesUnordered<Task<()>> = FuturesUnordered::new();
    let mut told = pin!(connection::told(draining.clone()));
    loop {
        tokio::select! {
            accepted = socket.accept(), if connections.len() < options.max_connections => match accepted {
                Ok((stream, _)) => {
                    let serve = serve(env.clone(), stream, service.clone(), options.clone(), draining.clone());
                    connections.push(env.spawn("connection", serve));
                }
                Err(why) => {
                    tracing::warn!(%why, "cannot accept a connection");
                    env.sleep(RETRY).await;
                }
            },
            Some(_ended) = connections.next() => {}
            () = &mut told => break,
        }
    }
    drop(socket);
    while connections.next().await.is_some() {}
}

async fn serve(
    env: Env,
    stream: TcpStream,
    service: Service,
    options: Options,
    draining: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    #[cfg(feature = "tls")]
    if let Some(tls) = &options.tls {
        match env.timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok((stream, peer))) => connection::serve(&env, stream, service, Some(peer), draining).await,
            Ok(Err(why)) => tracing::debug!(%why, "the TLS handshake failed"),
            Err(late) => tracing::debug!(%late, "the TLS handshake took too long"),
        }
        return;
    }
    drop(options);
    connection::serve(&env, stream, service, None, draining).await;
}
