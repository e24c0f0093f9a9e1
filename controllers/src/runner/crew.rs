//! Runs several controllers over shared caches.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use steersman_core::env::Task;
use steersman_core::{Caches, Client, Env};

use super::work::{Acting, Reconciling, Step, Sweeping, drive};
use super::{Actor, Controller, Sweep};

/// Controllers that are to run together, over one client and shared caches.
///
/// ```no_run
/// # fn example(env: &steersman_core::Env, client: &steersman_core::Client, mine: impl steersman_controllers::Controller) {
/// use steersman_controllers::Controllers;
///
/// let running = Controllers::new(env, client).add(mine).start();
/// // Dropping `running` stops them.
/// # }
/// ```
#[must_use = "controllers run once they are started"]
pub struct Controllers {
    context: Context,
    starts: Vec<Start>,
}

/// What a task that runs beside the controllers gets.
#[derive(Clone, Debug)]
pub struct Context {
    /// Time, tasks and randomness.
    pub env: Env,
    /// The way to the API server.
    pub client: Client,
    /// The caches that all controllers share.
    pub caches: Caches,
}

/// Controllers at work. Dropping it stops them.
#[must_use = "dropping it stops the controllers"]
pub struct Running(Vec<Task<()>>);

type Start = Box<dyn FnOnce(&Context) -> Task<()> + Send>;

impl Controllers {
    /// No controllers yet, and caches of their own.
    pub fn new(env: &Env, client: &Client) -> Self {
        Self::over(env, client, &Caches::new(env, client))
    }

    /// No controllers yet, over caches that others use too.
    pub fn over(env: &Env, client: &Client, caches: &Caches) -> Self {
        let context = Context { env: env.clone(), client: client.clone(), caches: caches.clone() };
        Controllers { context, starts: Vec::new() }
    }

    /// Also runs a controller.
    #[expect(clippy::should_implement_trait, reason = "adding a controller is not arithmetic")]
    pub fn add<C: Controller>(self, controller: C) -> Self {
        self.step(Reconciling(controller))
    }

    /// Also runs a controller that calls outside.
    pub fn actor<A: Actor>(self, actor: A) -> Self {
        self.step(Acting(actor))
    }

    /// Also runs a controller that looks at everything now and then.
    pub fn sweep<S: Sweep>(self, sweep: S) -> Self {
        self.step(Sweeping(sweep))
    }

    /// Also runs a task of another shape, with a random stream of its own.
    pub fn task<F>(mut self, name: &'static str, task: impl FnOnce(Context) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.starts.push(Box::new(move |context| {
            let mut context = context.clone();
            context.env = context.env.child(&format!("controller/{name}"));
            context.env.clone().spawn(name, task(context))
        }));
        self
    }

    /// Starts them all.
    pub fn start(self) -> Running {
        Running(self.starts.into_iter().map(|start| start(&self.context)).collect())
    }

    fn step(mut self, step: impl Step) -> Self {
        let step: Arc<dyn Step> = Arc::new(step);
        self.starts.push(Box::new(move |context| {
            let name = format!("controller/{}", step.name());
            context.env.spawn(&name, drive(context.clone(), step))
        }));
        self
    }
}

impl fmt::Debug for Controllers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controllers").field("len", &self.starts.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("len", &self.0.len()).finish()
    }
}
