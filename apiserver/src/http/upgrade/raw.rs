//! A connection as it is.

use bytes::BytesMut;
use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use tokio_util::codec::{BytesCodec, Framed};

use super::{Io, PIECES, Wire};

/// Pieces as the connection brings and takes them.
pub(super) fn wire(io: Io) -> Wire {
    let (sink, from) = Framed::new(io, BytesCodec::new()).split();
    let from = from
        .take_while(|piece| std::future::ready(piece.is_ok()))
        .filter_map(|piece| std::future::ready(piece.ok().map(BytesMut::freeze)));
    let (to, pieces) = mpsc::channel(PIECES);
    let pump = pieces.map(Ok).forward(sink).map(|sent| {
        if let Err(why) = sent {
            tracing::debug!(%why, "a session's connection broke");
        }
    });
    Wire { from: from.boxed(), to, pump: pump.boxed() }
}
