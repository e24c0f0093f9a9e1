//! One run of a container: a process group, its output, its end.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::future::{BoxFuture, Either, FusedFuture, FutureExt, Shared, join_all, ready, select};
use jiff::Timestamp;
use pty_process::Pty;
use steersman_core::Env;
use steersman_core::env::Task;
use steersman_core::runtime::{Container, ContainerConfig, ContainerState, Exit, LogLine, LogStream};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use super::console::{self, Console};
use super::launch::{Group, Program};
use super::lines::Lines;
use super::terminal::Change;
use crate::log::Log;

/// How long the output of a container that has ended is waited for: longer only where a process has left the group.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) struct Run {
    pub(super) program: Program,
    pub(super) group: Group,
    pub(super) log: Arc<Log>,
    pub(super) console: Arc<Console>,
    container: Mutex<Container>,
    ended: Shared<BoxFuture<'static, ()>>,
    /// Wait for the process, and give it what clients type; dropped with the run.
    tasks: Mutex<Vec<Task<()>>>,
}

impl Run {
    /// A run of a process that was just launched. `told` is called when it has ended.
    pub(super) fn new(
        env: &Env,
        id: String,
        config: &ContainerConfig,
        program: Program,
        (mut child, group, terminal): (Child, Group, Option<Pty>),
        told: impl Fn() + Send + 'static,
    ) -> Arc<Self> {
        let container = Container::running(id.clone(), config, env.now());
        let (end, ended) = oneshot::channel();
        let (console, typed) = Console::new(config);
        let (printed, feed) = streams(&mut child, terminal, typed);
        let run = Arc::new(Run {
            program,
            group,
            log: Arc::default(),
            console: console.clone(),
            container: Mutex::new(container),
            // The sender is only dropped unsent when the run is removed: then it has ended, too.
            ended: ended.map(drop).boxed().shared(),
            tasks: Mutex::default(),
        });
        let waiter = Waiter { env: env.clone(), run: Arc::downgrade(&run), log: run.log.clone(), console };
        let waiter = env.spawn(&format!("process/{id}"), async move {
            waiter.wait(child, printed).await;
            told();
            let _ = end.send(());
        });
        let feeder = env.spawn(&format!("process/{id}/input"), feed);
        *run.tasks.lock().unwrap_or_else(PoisonError::into_inner) = vec![waiter, feeder];
        run
    }

    pub(super) fn container(&self) -> Container {
        self.container.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Completes once the process has ended.
    pub(super) fn ended(&self) -> Shared<BoxFuture<'static, ()>> {
        self.ended.clone()
    }

    fn end(&self, code: i32, finished_at: Timestamp) {
        let mut container = self.container.lock().unwrap_or_else(PoisonError::into_inner);
        if let ContainerState::Running { started_at } = container.state {
            let (reason, message) = (String::new(), String::new());
            container.state = ContainerState::Exited(Exit { started_at, finished_at, code, reason, message });
        }
    }
}

impl Drop for Run {
    /// Whoever follows the log, or is attached, is told that there is no more.
    fn drop(&mut self) {
        self.log.close();
        self.console.close();
    }
}

/// What a process prints, stream by stream.
type Prints = Vec<(LogStream, Box<dyn AsyncRead + Send + Unpin>)>;

/// What a process prints, and what gives it what is typed.
fn streams(
    child: &mut Child,
    terminal: Option<Pty>,
    typed: mpsc::Receiver<Change>,
) -> (Prints, BoxFuture<'static, ()>) {
    if let Some(terminal) = terminal {
        let (reader, writer) = terminal.into_split();
        return (vec![(LogStream::Stdout, Box::new(reader))], console::feed_terminal(writer, typed).boxed());
    }
    let mut prints: Prints = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        prints.push((LogStream::Stdout, Box::new(stdout)));
    }
    if let Some(stderr) = child.stderr.take() {
        prints.push((LogStream::Stderr, Box::new(stderr)));
    }
    match child.stdin.take() {
        Some(stdin) => (prints, console::feed(stdin, typed).boxed()),
        None => (prints, ready(()).boxed()),
    }
}

/// Waits for a process, and keeps what it prints.
struct Waiter {
    env: Env,
    run: Weak<Run>,
    log: Arc<Log>,
    console: Arc<Console>,
}

impl Waiter {
    async fn wait(&self, mut child: Child, prints: Prints) {
        let keep = prints.into_iter().map(|(stream, from)| self.keep(from, stream));
        let mut output = pin!(join_all(keep).fuse());
        let status = match select(pin!(child.wait()), &mut output).await {
            Either::Left((status, _)) => status,
            Either::Right((_, wait)) => wait.await,
        };
        // Without a run, it was removed: that has ended the group.
        let Some(run) = self.run.upgrade() else { return };
        run.group.finish();
        if !output.is_terminated() {
            let _ = self.env.timeout(LAST_WORDS, output).await;
        }
        self.log.close();
        self.console.close();
        run.end(status.map_or(255, code), self.env.now());
    }

    async fn keep(&self, mut from: impl AsyncRead + Unpin, stream: LogStream) {
        let (mut lines, mut buffer) = (Lines::default(), [0; 8192]);
        let push = |(text, partial)| self.log.push(LogLine { at: self.env.now(), stream, text, partial });
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            lines.take(&buffer[..count]).into_iter().for_each(push);
            self.console.tell(stream, &buffer[..count]).await;
        }
        lines.rest().into_iter().for_each(push);
    }
}

/// The exit code as shells and container runtimes tell it.
pub(super) fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
