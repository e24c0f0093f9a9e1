//! One run of a container: a process group, its output, its end.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, FusedFuture, FutureExt, Shared, join, select};
use jiff::Timestamp;
use steersman_core::Env;
use steersman_core::env::Task;
use steersman_core::runtime::{Container, ContainerConfig, ContainerState, Exit, LogLine, LogStream};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

use super::launch::{Group, Program};
use super::lines::Lines;
use crate::log::Log;

/// How long the output of a container that has ended is waited for: longer only where a process has left the group.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) struct Run {
    pub(super) program: Program,
    pub(super) group: Group,
    pub(super) log: Arc<Log>,
    container: Mutex<Container>,
    ended: Shared<oneshot::Receiver<()>>,
    /// Waits for the process; dropped with the run.
    waiter: Mutex<Option<Task<()>>>,
}

impl Run {
    /// A run of a process that was just launched. `told` is called when it has ended.
    pub(super) fn new(
        env: &Env,
        id: String,
        config: &ContainerConfig,
        program: Program,
        (child, group): (Child, Group),
        told: impl Fn() + Send + 'static,
    ) -> Arc<Self> {
        let container = Container::running(id.clone(), config, env.now());
        let (end, ended) = oneshot::channel();
        let run = Arc::new(Run {
            program,
            group,
            log: Arc::default(),
            container: Mutex::new(container),
            ended: ended.shared(),
            waiter: Mutex::new(None),
        });
        let waiter = Waiter { env: env.clone(), run: Arc::downgrade(&run), log: run.log.clone() };
        let waiter = env.spawn(&format!("process/{id}"), async move {
            waiter.wait(child).await;
            told();
            let _ = end.send(());
        });
        *run.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiter);
        run
    }

    pub(super) fn container(&self) -> Container {
        self.container.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Completes once the process has ended.
    pub(super) async fn ended(&self) {
        // The sender is only dropped unsent when the run is removed: then it has ended, too.
        let _ = self.ended.clone().await;
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
    /// Whoever follows the log is told that there is no more.
    fn drop(&mut self) {
        self.log.close();
    }
}

/// Waits for a process, and keeps what it prints.
struct Waiter {
    env: Env,
    run: Weak<Run>,
    log: Arc<Log>,
}

impl Waiter {
    async fn wait(&self, mut child: Child) {
        let stdout = self.keep(child.stdout.take(), LogStream::Stdout);
        let stderr = self.keep(child.stderr.take(), LogStream::Stderr);
        let mut output = pin!(join(stdout, stderr).fuse());
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
        run.end(status.map_or(255, code), self.env.now());
    }

    async fn keep<R: AsyncRead + Unpin>(&self, from: Option<R>, stream: LogStream) {
        let Some(mut from) = from else { return };
        let (mut lines, mut buffer) = (Lines::default(), [0; 8192]);
        let push = |(text, partial)| self.log.push(LogLine { at: self.env.now(), stream, text, partial });
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            lines.take(&buffer[..count]).into_iter().for_each(push);
        }
        lines.rest().into_iter().for_each(push);
    }
}

/// The exit code as shells and container runtimes tell it.
pub(super) fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
