//! A runtime that runs nothing: containers follow a script, in whatever time the `Env` keeps.
//!
//! It starts no task and holds no timer but in the streams and calls of whoever drives it, so one task can drive
//! thousands of nodes.

mod answer;
mod script;
mod state;
mod streams;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, pending, select};
use futures::stream::{BoxStream, StreamExt, unfold};
use k8s_openapi::api::core::v1::Probe;
use steersman_core::Env;
use steersman_core::runtime::{
    Attach, ByteStream, Container, ContainerConfig, Exec, Image, LogStream, Logs, PodSandbox,
    PodSandboxConfig, Ports, ProbeKind, Prober, Runtime, RuntimeError, Verdict,
};

use crate::addresses::Subnet;

pub use answer::{Answer, Asked};
pub use script::{Printed, SCRIPT, Script};

use state::{Signal, State};

/// A scripted runtime. Cloning shares.
///
/// A container does what the closure given to [`Fake::scripted`] says, or else the annotation [`SCRIPT`] of its pod,
/// or else the default [`Script`]. Every image is present but those that [`Fake::pulling`] speaks of.
#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    env: Env,
    state: Mutex<State>,
}

/// What happens when a fake image is pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// It is there after this long, and stays.
    Takes(Duration),
    /// It cannot be had, and why.
    Fails(String),
}

/// How many events a stream keeps for a reader that does not come; further ones are lost, as events may be.
const EVENTS: usize = 1024;

impl Fake {
    /// A runtime whose pods get addresses of 10.244.0.0/16.
    pub fn new(env: &Env) -> Self {
        let subnet = Subnet::new(Ipv4Addr::new(10, 244, 0, 0), 16);
        Fake(Arc::new(Inner { env: env.child("fake"), state: Mutex::new(State::new(subnet)) }))
    }

    /// The same, with addresses of `subnet` for pods from now on.
    #[must_use]
    pub fn subnet(self, subnet: Subnet) -> Self {
        self.0.state().set_subnet(subnet);
        self
    }

    /// The same, with every run of a container from now on scripted by `script`.
    #[must_use]
    pub fn scripted(
        self,
        script: impl Fn(&PodSandboxConfig, &ContainerConfig) -> Script + Send + Sync + 'static,
    ) -> Self {
        self.0.state().scripts = Some(Arc::new(script));
        self
    }

    /// The same, with an image that is not present at first.
    #[must_use]
    pub fn pulling(self, image: &str, pull: Pull) -> Self {
        self.0.state().absent.insert(image.to_owned(), pull);
        self
    }

    /// The same, with commands in its containers answered by `answer`: those that probes and hooks run, and those of
    /// `kubectl exec`.
    ///
    /// ```
    /// use steersman_kubelet::fake::{Answer, Asked};
    /// # use steersman_kubelet::Fake;
    ///
    /// # fn scripted(fake: Fake) -> Fake {
    /// fake.answering(|asked: &Asked| match asked.command.first().map(String::as_str) {
    ///     Some("hostname") => Answer::text(asked.pod.hostname.clone()),
    ///     Some("cat") => Answer::to_input(Answer::text),
    ///     _ => Answer::failure(127, "command not found"),
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn answering(self, answer: impl Fn(&Asked<'_>) -> Answer + Send + Sync + 'static) -> Self {
        self.0.state().answers = Some(Arc::new(answer));
        self
    }

    /// The same, with connections to the ports of its pods answered by `serve`: it gets the pod, the port and what
    /// comes in, and gives what goes back; `None` where nobody listens.
    #[must_use]
    pub fn serving(
        self,
        serve: impl Fn(&PodSandboxConfig, u16, ByteStream) -> Option<ByteStream> + Send + Sync + 'static,
    ) -> Self {
        self.0.state().servers = Some(Arc::new(serve));
        self
    }

    /// A running container prints a line; `false` if there is none.
    pub fn print(&self, namespace: &str, pod: &str, container: &str, line: &str) -> bool {
        self.print_to(LogStream::Stdout, namespace, pod, container, line)
    }

    /// The same to standard error.
    pub fn print_error(&self, namespace: &str, pod: &str, container: &str, line: &str) -> bool {
        self.print_to(LogStream::Stderr, namespace, pod, container, line)
    }

    fn print_to(&self, to: LogStream, namespace: &str, pod: &str, container: &str, line: &str) -> bool {
        self.0.state().print(to, (namespace, pod, container), line, self.0.env.now())
    }

    /// Ends a running container as if it had ended by itself; `false` if there is none.
    pub fn exit(&self, namespace: &str, pod: &str, container: &str, code: i32) -> bool {
        self.0.state().exit(namespace, pod, container, code, self.0.env.now())
    }

    /// Ends everything and forgets it, as a machine does that loses power. Images stay.
    pub fn lose_power(&self) {
        self.0.state().clear();
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

impl Inner {
    /// The state, with what ended in the meantime ended.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(self.env.elapsed(), self.env.now());
        state
    }

    /// Completes when the next container ends by itself, or prints what its script says.
    fn next_due(&self) -> BoxFuture<'static, ()> {
        match self.state().next_due() {
            Some(at) => self.env.sleep_until(at),
            None => Box::pin(pending()),
        }
    }

    /// Completes when the next container ends by itself.
    fn next_end(&self) -> BoxFuture<'static, ()> {
        match self.state().next_end() {
            Some(at) => self.env.sleep_until(at),
            None => Box::pin(pending()),
        }
    }
}

fn not_found(id: &str) -> RuntimeError {
    RuntimeError::NotFound(format!("{id:?}"))
}

#[async_trait]
impl Runtime for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    async fn start_sandbox(&self, config: PodSandboxConfig) -> Result<PodSandbox, RuntimeError> {
        let (id, now) = (format!("{:016x}", self.0.env.random_u64()), self.0.env.now());
        self.0.state().start_sandbox(config, id, now)
    }

    async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.0.state().stop_sandbox(id, self.0.env.now());
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.0.state().remove_sandbox(id, self.0.env.now());
        Ok(())
    }

    async fn image(&self, name: &str) -> Result<Option<Image>, RuntimeError> {
        Ok((!self.0.state().absent.contains_key(name)).then(|| image(name)))
    }

    async fn pull_image(&self, name: &str) -> Result<Image, RuntimeError> {
        let pull = self.0.state().absent.get(name).cloned();
        match pull {
            Some(Pull::Fails(why)) => return Err(RuntimeError::ImagePull(why)),
            Some(Pull::Takes(duration)) => self.0.env.sleep(duration).await,
            None => {}
        }
        self.0.state().absent.remove(name);
        Ok(image(name))
    }

    async fn start_container(
        &self,
        sandbox: &str,
        config: ContainerConfig,
    ) -> Result<Container, RuntimeError> {
        let of = self.0.state().config(sandbox).ok_or_else(|| not_found(sandbox))?;
        let scripts = self.0.state().scripts.clone();
        let script = scripts.map_or_else(|| Script::of(&of, &config), |scripts| scripts(&of, &config));
        if !script.start.is_zero() {
            self.0.env.sleep(script.start).await;
        }
        if let Some(why) = script.start_error {
            return Err(RuntimeError::StartContainer(why));
        }
        let env = &self.0.env;
        let id = format!("{:016x}{:016x}", env.random_u64(), env.random_u64());
        self.0.state().start_container(sandbox, config, id, script, (env.elapsed(), env.now()))
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<Container, RuntimeError> {
        let script = self.0.state().script(id).ok_or_else(|| not_found(id))?;
        let wait = script.stop.min(grace);
        if !wait.is_zero() {
            self.0.env.sleep(wait).await;
        }
        let killed = grace.is_zero() || script.stop > grace;
        let code = if killed { 137 } else { script.stop_code };
        self.0.state().end(id, code, self.0.env.now()).ok_or_else(|| not_found(id))
    }

    async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        self.0.state().remove_container(id, self.0.env.now());
        Ok(())
    }

    async fn pods(&self) -> Result<Vec<Arc<PodSandbox>>, RuntimeError> {
        Ok(self.0.state().pods())
    }

    fn events(&self) -> BoxStream<'static, Arc<PodSandbox>> {
        let (sender, events) = mpsc::channel(EVENTS);
        self.0.state().tell(sender);
        unfold((Arc::downgrade(&self.0), events), |(inner, events)| next_event(inner, events)).boxed()
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

    fn prober(&self) -> Option<&dyn Prober> {
        Some(self)
    }
}

type Events = (Weak<Inner>, mpsc::Receiver<Signal>);

/// Waits for something to happen; what ends by itself ends when somebody waits here.
async fn next_event(
    inner: Weak<Inner>,
    mut events: mpsc::Receiver<Signal>,
) -> Option<(Arc<PodSandbox>, Events)> {
    loop {
        let end = inner.upgrade()?.next_end();
        match select(events.next(), end).await {
            Either::Left((Some(Signal::Changed(sandbox)), _)) => return Some((sandbox, (inner, events))),
            Either::Left((None, _)) => return None,
            Either::Left((Some(Signal::Scheduled), _)) | Either::Right(_) => {}
        }
    }
}

fn image(name: &str) -> Image {
    Image { id: format!("{name}@fake"), size_bytes: 0, user: None }
}

#[async_trait]
impl Prober for Fake {
    async fn probe(&self, container: &str, kind: ProbeKind, _probe: &Probe) -> Verdict {
        let state = self.0.state();
        let Some((age, script)) = state.age(container, self.0.env.elapsed()) else {
            return Verdict::Unknown(not_found(container).to_string());
        };
        let succeeds = match kind {
            ProbeKind::Liveness => script.dead_after.is_none_or(|dead_after| age < dead_after),
            ProbeKind::Startup | ProbeKind::Readiness => age >= script.ready_after,
        };
        if succeeds { Verdict::Success } else { Verdict::Failure("the script says so".to_owned()) }
    }
}

#[cfg(test)]
mod tests;
