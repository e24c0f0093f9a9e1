//! Accepts connections at one address and copies bytes between each client and a backend.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use steersman_core::Env;
use steersman_core::env::Task;
use tokio::net::{TcpListener, TcpStream};

use super::balance::Balance;

/// The most connections at one address; more wait in the kernel's queue.
const CONNECTIONS: usize = 1024;
/// How long a backend has to accept a connection before the next one is tried.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait after the host could not accept a connection, most often for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The way to end a listener.
#[derive(Debug)]
pub(super) struct Closing(oneshot::Sender<oneshot::Sender<()>>);

/// What a listener watches in order to end.
pub(super) type Close = oneshot::Receiver<oneshot::Sender<()>>;

impl Closing {
    pub(super) fn new() -> (Self, Close) {
        let (sender, receiver) = oneshot::channel();
        (Closing(sender), receiver)
    }

    /// Ends the listener; completes once its socket is closed.
    pub(super) fn close(self) -> impl Future<Output = ()> {
        let (closed, done) = oneshot::channel();
        // A listener that has ended by itself has closed its socket, and drops the answer's sender.
        let _ = self.0.send(closed);
        done.map(|_| ())
    }
}

enum Event {
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    Ended,
    Close(Option<oneshot::Sender<()>>),
}

/// Runs until it is told to close and the last connection has ended.
pub(super) async fn serve(env: Env, listener: TcpListener, balance: Arc<Balance>, mut close: Close) {
    let mut connections = FuturesUnordered::new();
    loop {
        match poll_fn(|cx| next(cx, &listener, &mut connections, &mut close)).await {
            Event::Ended => {}
            Event::Accepted(Ok((client, peer))) => {
                connections
                    .push(env.spawn("connection", connection(env.clone(), balance.clone(), client, peer)));
            }
            Event::Accepted(Err(error)) => {
                tracing::warn!(%error, "could not accept a connection");
                env.sleep(ACCEPT_PAUSE).await;
            }
            Event::Close(closed) => {
                drop(listener);
                closed.map(|closed| closed.send(()));
                break;
            }
        }
    }
    while connections.next().await.is_some() {}
}

fn next(
    cx: &mut Context<'_>,
    listener: &TcpListener,
    connections: &mut FuturesUnordered<Task<()>>,
    close: &mut Close,
) -> Poll<Event> {
    if let Poll::Ready(closed) = close.poll_unpin(cx) {
        return Poll::Ready(Event::Close(closed.ok()));
    }
    if let Poll::Ready(Some(_)) = connections.poll_next_unpin(cx) {
        return Poll::Ready(Event::Ended);
    }
    if connections.len() < CONNECTIONS {
        return listener.poll_accept(cx).map(Event::Accepted);
    }
    Poll::Pending
}

async fn connection(env: Env, balance: Arc<Balance>, mut client: TcpStream, peer: SocketAddr) {
    let Ok(local) = client.local_addr() else { return };
    let Some(mut backend) = connect(&env, &balance, peer.ip(), local).await else {
        // Reset, so that the client learns at once that nobody is there.
        let _ = client.set_zero_linger();
        return;
    };
    // Whether small pieces are held back is between client and backend, not for the way between them.
    let _ = client.set_nodelay(true).and(backend.set_nodelay(true));
    // A connection that breaks is dropped on both sides here, which is all that can be said to either.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut backend).await;
}

/// Connects to the first backend that accepts, trying each once.
async fn connect(env: &Env, balance: &Balance, client: IpAddr, local: SocketAddr) -> Option<TcpStream> {
    for backend in balance.order(client, local) {
        let address = SocketAddr::new(backend.address, backend.port);
        if let Ok(Ok(stream)) = env.timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            balance.connected(client, &backend);
            return Some(stream);
        }
        tracing::debug!(%address, "a backend did not accept a connection");
    }
    None
}
