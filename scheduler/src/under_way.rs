//! Steps that are being carried out, beside the next decisions.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use steersman_core::Env;
use steersman_core::env::Task;

use crate::binding::Binder;
use crate::engine::{Outcome, Step};

/// How many steps are carried out at most; deciding pauses until there are fewer.
const MOST: usize = 500;
/// A plugin that panics takes the scheduler with it, wherever it ran.
const NO_PANIC: &str = "no plugin panics";

/// Steps that are being carried out. Each batch is a task of its own: where the runtime has several threads, another
/// one writes while this one decides. Dropping this stops them all.
pub(crate) struct UnderWay {
    env: Env,
    binder: Arc<Binder>,
    tasks: FuturesUnordered<Task<()>>,
    sender: mpsc::UnboundedSender<Outcome>,
    /// Never more than there are steps.
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// The first of them, if it was waited for.
    arrived: Option<Outcome>,
    count: usize,
}

impl UnderWay {
    pub(crate) fn new(env: &Env, binder: Binder) -> Self {
        let (sender, outcomes) = mpsc::unbounded();
        let tasks = FuturesUnordered::new();
        UnderWay {
            env: env.clone(),
            binder: Arc::new(binder),
            tasks,
            sender,
            outcomes,
            arrived: None,
            count: 0,
        }
    }

    /// Whether one more step may be begun after those that are planned.
    pub(crate) fn has_room(&self, planned: usize) -> bool {
        self.count + planned < MOST
    }

    /// Begins to carry out a batch of steps, which do not wait for each other.
    pub(crate) fn begin(&mut self, steps: Vec<Step>) {
        if steps.is_empty() {
            return;
        }
        self.count += steps.len();
        let carry_out = |step| {
            let (binder, sender) = (self.binder.clone(), self.sender.clone());
            async move {
                let outcome = binder.carry_out(step).await;
                // Where nobody listens any more, the scheduler has been stopped.
                let _ = sender.unbounded_send(outcome);
            }
        };
        let batch: FuturesUnordered<_> = steps.into_iter().map(carry_out).collect();
        self.tasks.push(self.env.spawn("batch", batch.collect::<()>()));
    }

    /// What came of steps since the last time.
    pub(crate) fn take(&mut self) -> Vec<Outcome> {
        while let Some(ended) = self.tasks.next().now_or_never().flatten() {
            ended.expect(NO_PANIC);
        }
        let mut outcomes: Vec<Outcome> = self.arrived.take().into_iter().collect();
        while let Ok(outcome) = self.outcomes.try_recv() {
            outcomes.push(outcome);
        }
        self.count -= outcomes.len();
        outcomes
    }

    /// Waits until there is something to take.
    pub(crate) async fn arrive(&mut self) {
        if self.arrived.is_some() {
            return;
        }
        let ended = async {
            match self.tasks.next().await {
                Some(ended) => ended.expect(NO_PANIC),
                None => pending().await,
            }
        };
        if let Either::Left((outcome, _)) = select(self.outcomes.next(), pin!(ended)).await {
            self.arrived = outcome;
        }
    }
}
