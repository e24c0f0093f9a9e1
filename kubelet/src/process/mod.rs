//! A runtime whose containers are child processes of this program, on Linux.
//!
//! A container is a process group; its pod's address is one of 127.0.0.0/8, told to it as `POD_IP`. It sees the
//! machine's own files: an image is only a name for a command line, and volumes cannot be shown. Processes that leave
//! their group (`setsid`) are out of reach. Nothing else outlives the runtime: dropping it kills every group at once,
//! and if this program is killed, a watchdog does.

mod attach;
mod console;
mod exec;
mod launch;
mod lines;
mod options;
mod pieces;
mod ports;
mod run;
mod session;
mod state;
mod terminal;
mod watchdog;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::stream::{BoxStream, StreamExt};
use steersman_core::Env;
use steersman_core::runtime::{
    Attach, Container, ContainerConfig, Exec, Image, LogLine, LogOptions, Logs, PodSandbox, PodSandboxConfig,
    Ports, Runtime, RuntimeError,
};

pub use options::ProcessOptions;

use launch::Program;
use run::Run;
use state::State;
use watchdog::Watchdog;

/// Runs containers as processes. See the [module](self). Cloning shares; dropping the last clone ends everything.
#[derive(Clone)]
pub struct Process(Arc<Inner>);

struct Inner {
    env: Env,
    options: ProcessOptions,
    watchdog: Arc<Watchdog>,
    state: Mutex<State>,
}

/// How many events a stream keeps for a reader that does not come; further ones are lost, as events may be.
const EVENTS: usize = 1024;

impl Process {
    /// A runtime with nothing in it. Fails where `/bin/sh` cannot be started. Must be used inside a tokio runtime.
    pub fn new(env: &Env, options: ProcessOptions) -> io::Result<Self> {
        let state = Mutex::new(State::new(options.subnet));
        let watchdog = Arc::new(Watchdog::start()?);
        Ok(Process(Arc::new(Inner { env: env.child("process"), options, watchdog, state })))
    }

    /// Ends what runs in the container of a pod, without grace, as if it had crashed; `false` if there is none.
    pub fn kill(&self, namespace: &str, pod: &str, container: &str) -> bool {
        let run = self.0.state().find(namespace, pod, container);
        run.inspect(|run| run.group.kill()).is_some()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, container: &str) -> Result<Arc<Run>, RuntimeError> {
        self.state().run(container).ok_or_else(|| not_found(container))
    }

    async fn end(&self, run: &Run) {
        run.group.kill();
        run.ended().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.runs().for_each(|run| run.group.kill());
    }
}

fn not_found(id: &str) -> RuntimeError {
    RuntimeError::NotFound(format!("{id:?}"))
}

#[async_trait]
impl Runtime for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn isolates(&self) -> bool {
        false
    }

    async fn start_sandbox(&self, config: PodSandboxConfig) -> Result<PodSandbox, RuntimeError> {
        let (id, now) = (new_id(&self.0.env), self.0.env.now());
        self.0.state().start_sandbox(&config, id, now)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        let runs = self.0.state().runs_in(id);
        for run in runs {
            self.0.end(&run).await;
        }
        self.0.state().stop_sandbox(id);
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.stop_sandbox(id).await?;
        self.0.state().remove_sandbox(id);
        Ok(())
    }

    /// Every image is present: one that is not configured is a name for whatever the container's `command` says.
    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError> {
        Ok(Some(image(name)))
    }

    async fn pull_image(&self, name: &str) -> Result<Image, RuntimeError> {
        Ok(image(name))
    }

    async fn start_container(
        &self,
        sandbox: &str,
        config: ContainerConfig,
    ) -> Result<Container, RuntimeError> {
        let within = self.0.state().ready(sandbox).ok_or_else(|| not_found(sandbox))?;
        if let Some(there) = self.0.state().attempt(sandbox, &config) {
            return Ok(there);
        }
        let program = self.0.options.program(&within, &config)?;
        let launched = program.launch_either(config.tty, &self.0.watchdog).await;
        let launched = launched.map_err(RuntimeError::StartContainer)?;
        let (inner, of) = (Arc::downgrade(&self.0), sandbox.to_owned());
        let told = move || {
            if let Some(inner) = inner.upgrade() {
                inner.state().changed(&of);
            }
        };
        let run = Run::new(&self.0.env, new_id(&self.0.env), &config, program, launched, told);
        self.0.state().add(sandbox, run).ok_or_else(|| not_found(sandbox))
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<Container, RuntimeError> {
        let run = self.0.run(id)?;
        if !grace.is_zero() {
            run.group.terminate();
        }
        let ended = std::pin::pin!(run.ended());
        if let Either::Right(_) = select(ended, self.0.env.sleep(grace)).await {
            self.0.end(&run).await;
        }
        Ok(run.container())
    }

    async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        if let Ok(run) = self.0.run(id) {
            self.0.end(&run).await;
            self.0.state().remove(id);
        }
        Ok(())
    }

    async fn pods(&self) -> Result<Vec<Arc<PodSandbox>>, RuntimeError> {
        Ok(self.0.state().pods())
    }

    fn events(&self) -> BoxStream<'static, Arc<PodSandbox>> {
        let (sender, events) = mpsc::channel(EVENTS);
        self.0.state().tell(sender);
        events.boxed()
    }

    fn exec(&self) -> Option<&dyn Exec> {
        Some(self)
    }

    fn logs(&self) -> Option<&dyn Logs> {
        Some(self)
    }

    fn attach(&self) -> Option<&dyn Attach> {
        Some(self)
    }

    fn ports(&self) -> Option<&dyn Ports> {
        Some(self)
    }
}

#[async_trait]
impl Logs for Process {
    /// The newest mebibyte of what each run has printed, until the run is removed.
    async fn read(
        &self,
        container: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, LogLine>, RuntimeError> {
        Ok(self.0.run(container)?.log.read(options))
    }
}

fn image(name: &str) -> Image {
    Image { id: name.to_owned(), size_bytes: 0, user: Some(rustix::process::geteuid().as_raw()) }
}

fn new_id(env: &Env) -> String {
    (0..4).map(|_| format!("{:016x}", env.random_u64())).collect()
}
