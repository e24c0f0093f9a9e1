//! The server on the network: HTTP/1.1 and HTTP/2 over TCP, with TLS (feature `tls`) or without.
//!
//! A thin edge: it accepts connections, speaks HTTP, and gives every request to a [`Service`]. Everything it holds is
//! bounded: connections, streams a connection, headers, and the time that a client may take over each of them.

mod accept;
#[cfg(feature = "tls")]
mod certificates;
mod connection;
#[cfg(feature = "tls")]
mod kubeconfig;
mod tasks;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use steersman_core::Env;
use steersman_core::env::Task;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::http::Service;
#[cfg(feature = "tls")]
pub use certificates::{Authority, Certified};
#[cfg(feature = "tls")]
pub use kubeconfig::{Access, kubeconfig};
#[cfg(feature = "tls")]
pub use tls::Tls;

/// How a listener listens.
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    max_connections: usize,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Default for Options {
    /// At most 10,000 connections, without TLS.
    fn default() -> Self {
        Options {
            max_connections: 10_000,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Options {
    /// How many connections there may be; further ones wait to be accepted.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// Speaks TLS, and nothing else.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }
}

/// A server that listens. Dropping it closes every connection at once.
#[must_use = "dropping a listener closes it"]
pub struct Listener {
    address: SocketAddr,
    service: Service,
    draining: watch::Sender<bool>,
    task: Task<()>,
}

impl Listener {
    /// Listens on `address` (port 0 for any that is free). Needs the tokio runtime that `env` stands for.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(
        env: &Env,
        service: Service,
        address: SocketAddr,
        options: Options,
    ) -> io::Result<Self> {
        Self::on(env, service, TcpListener::bind(address).await?.into_std()?, options)
    }

    /// Listens on a socket that is bound already. Clients that connect before this wait. Needs the tokio runtime that
    /// `env` stands for.
    ///
    /// # Errors
    /// The socket cannot be listened on.
    pub fn on(
        env: &Env,
        service: Service,
        socket: std::net::TcpListener,
        options: Options,
    ) -> io::Result<Self> {
        let env = env.child("listener");
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let address = socket.local_addr()?;
        let (draining, drained) = watch::channel(false);
        let task = env.spawn("accept", accept::run(env.clone(), socket, service.clone(), options, drained));
        Ok(Listener { address, service, draining, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes in good order: `/readyz` fails, no connection is accepted any more, those that are there are told to go
    /// (GOAWAY, `Connection: close`) once their requests are answered, and what lasts longer than `grace` is cut off:
    /// watches, logs that are followed, commands and ports in pods.
    pub async fn drain(self, env: &Env, grace: Duration) {
        let Listener { service, draining, task, .. } = self;
        service.drain();
        // Nobody hears it if the listener has stopped by itself; then there is nothing left to close.
        let _ = draining.send(true);
        // Sessions begin where their connections, as far as HTTP is concerned, end.
        let ended = async {
            // It fails only if the runtime that it ran on is gone.
            let _ = task.await;
            service.ended().await;
        };
        let _ = env.timeout(grace, ended).await;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}
