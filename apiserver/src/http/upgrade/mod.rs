//! Connections that cease to speak HTTP: WebSockets, and SPDY/3.1 for older clients.
//!
//! An answer of 101 carries an [`Upgrade`]: what becomes of the connection once the answer was sent. Whatever it speaks
//! then is reduced to a [`Wire`] of pieces, on which lie numbered [`channels`] or the streams of [`spdy`]; what is said
//! on those is decided in [`connect`](super::connect).

mod channels;
mod handshake;
mod raw;
mod sessions;
pub(super) mod spdy;
mod websocket;

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, select};
#[cfg(feature = "tls")]
use futures::stream::StreamExt;
use steersman_core::Env;
use steersman_core::runtime::ByteStream;
use tokio::io::{AsyncRead, AsyncWrite};

pub(super) use channels::{Came, Channels, Gone, Outbox};
pub(super) use handshake::{Handshake, Protocol, negotiate};
#[cfg(feature = "tls")]
pub(super) use handshake::{STREAM_PROTOCOL, wants};
pub(super) use sessions::Sessions;

/// How many pieces wait to be sent; who has more waits.
pub(super) const PIECES: usize = 16;

/// How long the last words of a session may take to be sent.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What becomes of a connection whose request was answered with 101.
pub struct Upgrade(Box<dyn FnOnce(Io) -> BoxFuture<'static, ()> + Send>);

/// A connection's bytes, both ways.
pub(super) type Io = Pin<Box<dyn Duplex>>;

/// What is read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

impl Upgrade {
    /// Speaks the protocol that was agreed upon, and says on it what `talk` says, until either side is done.
    pub(super) fn new<F>(
        env: &Env,
        handshake: &Handshake,
        talk: impl FnOnce(Line) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let (env, protocol) = (env.clone(), handshake.protocol());
        Upgrade(Box::new(move |io| {
            async move {
                let Wire { from, to, pump } = match protocol.is_websocket() {
                    true => websocket::wire(&env, io).await,
                    false => raw::wire(io),
                };
                let talk = talk(Line { protocol, from, to });
                // The pump ends before the talk only if the client is gone.
                if let Either::Left(((), pump)) = select(pin!(talk), pump).await {
                    let _ = env.timeout(LAST_WORDS, pump).await;
                }
            }
            .boxed()
        }))
    }

    /// Says on the connection what `talk` says, as it is.
    pub(super) fn raw(talk: impl FnOnce(Io) -> BoxFuture<'static, ()> + Send + 'static) -> Self {
        Upgrade(Box::new(talk))
    }

    /// An upgrade, with something that is held until it ends.
    pub(crate) fn holding(self, held: impl Send + 'static) -> Self {
        Upgrade(Box::new(move |io| {
            let session = (self.0)(io);
            async move {
                let _held = held;
                session.await;
            }
            .boxed()
        }))
    }

    async fn run(self, io: impl Duplex + 'static) {
        (self.0)(Box::pin(io)).await;
    }
}

/// A connection as pieces of bytes.
struct Wire {
    /// What comes in, until the client is gone.
    from: ByteStream,
    /// What is to be sent. Once nobody holds it any more, the connection is closed behind the last piece.
    to: mpsc::Sender<Bytes>,
    /// Sends it.
    pump: BoxFuture<'static, ()>,
}

/// Both ends of a wire, for whoever talks on it.
pub(super) struct Line {
    protocol: Protocol,
    pub(super) from: ByteStream,
    pub(super) to: mpsc::Sender<Bytes>,
}

impl Line {
    /// The protocol that is spoken.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Passes on to each line what comes on the other, until one of them ends.
    #[cfg(feature = "tls")]
    pub(super) async fn relay(self, other: Line) {
        select(self.from.map(Ok).forward(other.to), other.from.map(Ok).forward(self.to)).await;
    }

    /// Two ends of one line.
    #[cfg(all(test, feature = "tls"))]
    pub(super) fn pair() -> [Self; 2] {
        let ((to, from), (back, answers)) = (mpsc::channel(PIECES), mpsc::channel(PIECES));
        [(answers, to), (from, back)].map(|(from, to)| Line {
            protocol: Protocol::Remote,
            from: from.boxed(),
            to,
        })
    }
}

/// Talks on a connection that this side has asked for, as it is; what comes of the talk.
#[cfg(feature = "tls")]
pub(super) async fn talk<F: Future>(
    protocol: Protocol,
    io: Io,
    talk: impl FnOnce(Line) -> F + Send,
) -> F::Output {
    let Wire { from, to, pump } = raw::wire(io);
    match select(pin!(talk(Line { protocol, from, to })), pump).await {
        Either::Left((outcome, _)) => outcome,
        // The other side takes nothing more, and may still have something to say.
        Either::Right(((), talk)) => talk.await,
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}
