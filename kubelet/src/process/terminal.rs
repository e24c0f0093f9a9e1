//! A client at a terminal: what is typed, and how large the window is.

use std::pin::pin;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use pty_process::{OwnedWritePty, Size};
use steersman_core::runtime::{ByteStream, TerminalSize};
use tokio::io::AsyncWriteExt;

/// What tells a program at a terminal that no more is typed: Ctrl-D.
pub(super) const END: Bytes = Bytes::from_static(b"\x04");

/// What a client does at a terminal.
pub(super) enum Change {
    Typed(Bytes),
    Resized(TerminalSize),
}

/// Gives the terminal what comes in, until neither is to come any more.
pub(super) async fn feed(
    terminal: OwnedWritePty,
    typed: Option<ByteStream>,
    sizes: BoxStream<'static, TerminalSize>,
) {
    let end = typed.is_some().then_some(END);
    let typed = stream::iter(typed).flatten().chain(stream::iter(end)).map(Change::Typed);
    give(terminal, stream::select(sizes.map(Change::Resized), typed)).await;
}

/// The same one after the other.
pub(super) async fn give(mut terminal: OwnedWritePty, changes: impl Stream<Item = Change>) {
    let mut changes = pin!(changes);
    while let Some(change) = changes.next().await {
        let done = match change {
            Change::Typed(piece) => terminal.write_all(&piece).await.is_ok(),
            Change::Resized(TerminalSize { width, height }) => {
                terminal.resize(Size::new(height, width)).is_ok()
            }
        };
        // Nobody sits at it any more.
        if !done {
            return;
        }
    }
}
