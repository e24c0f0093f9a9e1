//! A connection that speaks WebSocket (RFC 6455): every binary message is a piece.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::channel::mpsc;
use futures::stream::{Stream, StreamExt, iter, unfold};
use steersman_core::Env;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Io, PIECES, Wire};

/// The longest message that is taken, in bytes; clients send pieces of 32 KiB at most.
const MESSAGE: usize = 1 << 20;

/// How long nothing is sent before the client is asked whether it is there: a connection that is broken is noticed.
const SILENCE: Duration = Duration::from_secs(30);

/// Pieces as messages.
pub(super) async fn wire(env: &Env, io: Io) -> Wire {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (sink, messages) = socket.split();
    let pieces = messages.take_while(|message| ready(message.is_ok())).filter_map(|message| {
        ready(match message {
            Ok(Message::Binary(piece)) => Some(piece),
            Ok(Message::Text(text)) => Some(Bytes::from(text)),
            _ => None,
        })
    });
    let (to, sent) = mpsc::channel(PIECES);
    let pump = outgoing(env.clone(), sent).map(Ok).forward(sink).map(|sent| {
        if let Err(why) = sent {
            tracing::debug!(%why, "a session's connection broke");
        }
    });
    Wire { from: pieces.boxed(), to, pump: pump.boxed() }
}

/// What is sent: every piece, pings where there is none, and a farewell.
fn outgoing(env: Env, pieces: mpsc::Receiver<Bytes>) -> impl Stream<Item = Message> + Send {
    let messages = unfold((env, pieces), |(env, mut pieces)| async move {
        let message = match env.timeout(SILENCE, pieces.next()).await {
            Ok(piece) => Message::Binary(piece?),
            Err(_silence) => Message::Ping(Bytes::new()),
        };
        Some((message, (env, pieces)))
    });
    let farewell = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
    messages.chain(iter([Message::Close(Some(farewell))]))
}
