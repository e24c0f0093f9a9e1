//! The standard streams of a container: what it prints goes to clients that are attached, and what they type to it.

use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{BoxFuture, FutureExt, select};
use futures::sink::SinkExt;
use futures::stream::{self, BoxStream, StreamExt};
use steersman_core::runtime::{ContainerConfig, LogStream, Said, Stdin, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use super::terminal::{self, Change};

/// So many pieces wait for a client, and for the container, before whoever sends them has to wait.
const PIECES: usize = 16;

/// What is between a container and its clients.
pub(super) struct Console {
    stdin: Stdin,
    /// Where what is typed goes; `None` once the container is told that no more will come.
    input: Mutex<Option<mpsc::Sender<Change>>>,
    /// The clients that are attached; `None` once nothing more is printed.
    clients: Mutex<Option<Vec<mpsc::Sender<Printed>>>>,
}

type Printed = (LogStream, Bytes);

impl Console {
    /// The console of a container, and what its clients type.
    pub(super) fn new(config: &ContainerConfig) -> (Arc<Self>, mpsc::Receiver<Change>) {
        let (sender, typed) = mpsc::channel(PIECES);
        let (input, clients) = (Mutex::new(Some(sender)), Mutex::new(Some(Vec::new())));
        (Arc::new(Console { stdin: config.stdin, input, clients }), typed)
    }

    /// Tells every client what was printed. One that is slow is waited for, as container runtimes do.
    pub(super) async fn tell(&self, stream: LogStream, piece: &[u8]) {
        let clients = self.clients().clone().unwrap_or_default();
        for mut client in clients {
            // One that has left is told nothing more.
            let _ = client.send((stream, Bytes::copy_from_slice(piece))).await;
        }
        if let Some(clients) = &mut *self.clients() {
            clients.retain(|client| !client.is_closed());
        }
    }

    /// Nothing more is printed, and nothing more is read.
    pub(super) fn close(&self) {
        *self.clients() = None;
        self.shut();
    }

    /// What is printed from now on; meanwhile what the client types goes to the container, which has `ended` at last.
    pub(super) fn attach(
        self: &Arc<Self>,
        mut stdio: Stdio,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> BoxStream<'static, Said> {
        let (sender, printed) = mpsc::channel(PIECES);
        if let Some(clients) = &mut *self.clients() {
            clients.push(sender);
        }
        let typing = Typing(self.clone()).all(&mut stdio);
        let typing = stream::once(async move { drop(select(typing, ended.boxed()).await) });
        let output = printed.filter(move |(stream, _)| ready(stdio.wants(*stream)));
        let output = output.map(|(stream, piece)| Said::Output(stream, piece));
        stream::select(output, typing.filter_map(|()| ready(None))).boxed()
    }

    fn shut(&self) {
        *self.input() = None;
    }

    fn input(&self) -> MutexGuard<'_, Option<mpsc::Sender<Change>>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Option<Vec<mpsc::Sender<Printed>>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that types. When it is gone, so is the input of a container that has it for one client only.
struct Typing(Arc<Console>);

impl Typing {
    fn all(self, stdio: &mut Stdio) -> BoxFuture<'static, ()> {
        let typed = stdio.stdin.take().filter(|_| self.0.stdin != Stdin::Empty);
        let closes = typed.is_some() && self.0.stdin == Stdin::Once;
        let sizes = std::mem::replace(&mut stdio.sizes, stream::empty().boxed());
        async move {
            let end = closes.then_some(None);
            let typed = stream::iter(typed).flatten().map(|piece| Some(Change::Typed(piece)));
            let typed = typed.chain(stream::iter(end));
            let mut changes = stream::select(sizes.map(Change::Resized).map(Some), typed);
            while let Some(change) = changes.next().await {
                let to = self.0.input().clone();
                match (change, to) {
                    (Some(change), Some(mut to)) => drop(to.send(change).await),
                    (None, _) => self.0.shut(),
                    (Some(_), None) => return,
                }
            }
        }
        .boxed()
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        if self.0.stdin == Stdin::Once {
            self.0.shut();
        }
    }
}

/// Gives the process what is typed, and closes its input behind that.
pub(super) async fn feed(mut to: ChildStdin, mut typed: mpsc::Receiver<Change>) {
    while let Some(change) = typed.next().await {
        let Change::Typed(piece) = change else { continue };
        // A process that has closed its input wants no more of it.
        if to.write_all(&piece).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// The same for a process at a terminal.
pub(super) async fn feed_terminal(to: pty_process::OwnedWritePty, typed: mpsc::Receiver<Change>) {
    terminal::give(to, typed.chain(stream::once(ready(Change::Typed(terminal::END))))).await;
}
