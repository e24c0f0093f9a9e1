//! One turn of the agent: takes in what has happened, then writes what has changed.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::StreamExt;
use jiff::Timestamp;
use steersman_core::runtime::{PodSandbox, RuntimeError};

use super::errands::Done;
use super::inbox::News;
use super::worker::Worker;
use super::{Agent, Timer, newest, node_name, place};
use crate::pod::{Command, Input};

/// How many things one turn takes in before other tasks get theirs.
const STEPS: usize = 10_000;

impl Agent {
    /// Never completes: whoever owns the agent drops it.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..STEPS {
            let now = self.env.now();
            let moved = self.take_news(cx, now)
                || self.take_done(cx, now)
                || self.take_event(cx, now)
                || self.take_timer(cx, now)
                || self.publish(now)
                || self.is_woken(cx, now);
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_news(&mut self, cx: &Context<'_>, now: Timestamp) -> bool {
        let Some((uid, News { pod, removed })) = self.inbox.next(cx) else { return false };
        match (self.workers.get_mut(&uid), removed) {
            (Some(worker), true) => {
                worker.was_removed();
                self.tell(&uid, Input::Removed(pod), now);
            }
            (Some(_), false) => self.tell(&uid, Input::Pod(pod), now),
            (None, true) => {}
            (None, false) => {
                let node = node_name(&pod).and_then(|name| self.by_name.get(name)).copied();
                if let Some(node) = node {
                    let settings = self.nodes[node].settings.clone();
                    self.admit(Worker::new(node, uid, pod, settings, now), now);
                }
            }
        }
        true
    }

    /// A pod that is new to this agent.
    fn admit(&mut self, worker: Worker, now: Timestamp) {
        let (node, uid) = (&mut self.nodes[worker.node], worker.uid.clone());
        let found = place(&node.found, &uid).map(|place| node.found.remove(place));
        node.pods.insert(uid.clone());
        self.workers.insert(uid.clone(), Box::new(worker));
        self.tell(&uid, found.map_or(Input::Tick, Input::Observed), now);
    }

    fn take_done(&mut self, cx: &mut Context<'_>, now: Timestamp) -> bool {
        let Poll::Ready(Some(done)) = self.errands.poll_next_unpin(cx) else { return false };
        self.take_in(done, now);
        true
    }

    fn take_in(&mut self, done: Done, now: Timestamp) {
        match done {
            Done::Nothing => {}
            Done::Answer(uid, input) => self.tell(&uid, input, now),
            Done::StatusWritten(uid, status, result) => {
                if let Some(worker) = self.workers.get_mut(&uid) {
                    worker.status_written(status, result, now);
                    self.dirty.insert(uid);
                }
            }
            Done::RemovalAsked(uid, result) => {
                if let Some(worker) = self.workers.get_mut(&uid) {
                    worker.removal_asked(result, now);
                    self.dirty.insert(uid);
                }
            }
            Done::Listed(node, at, result) => self.take_list(node, at, result, now),
        }
    }

    fn take_event(&mut self, cx: &mut Context<'_>, now: Timestamp) -> bool {
        let Poll::Ready(Some(sandbox)) = self.events.poll_next_unpin(cx) else { return false };
        self.tell(&sandbox.uid, Input::Observed(sandbox.clone()), now);
        true
    }

    fn take_timer(&mut self, cx: &mut Context<'_>, now: Timestamp) -> bool {
        if self.timers.first().is_none_or(|(at, _)| *at > now) {
            return false;
        }
        match self.timers.pop_first() {
            Some((_, Timer::Pod(uid))) => {
                if let Some(worker) = self.workers.get_mut(&uid) {
                    worker.timer = None;
                }
                self.tell(&uid, Input::Tick, now);
            }
            Some((_, Timer::Relist(node))) => self.relist(cx, node, now),
            None => {}
        }
        true
    }

    /// Writes what the API does not know yet.
    fn publish(&mut self, now: Timestamp) -> bool {
        let Some(uid) = self.dirty.pop_first() else { return false };
        if let Some(worker) = self.workers.get_mut(&uid)
            && let Some(write) = worker.next_write(now)
        {
            let errand = super::errands::write(&self.client, worker, write);
            self.errands.push(errand);
        }
        self.set_timer(&uid);
        true
    }

    /// Whether the time of the earliest timer has come; if not, the task is woken then.
    fn is_woken(&mut self, cx: &mut Context<'_>, now: Timestamp) -> bool {
        let Some(at) = self.timers.first().map(|(at, _)| *at) else { return false };
        if self.sleep.as_ref().is_none_or(|(until, _)| *until != at) {
            // A wall clock that differs from the monotonic one by less than a nanosecond still gets there.
            let wait = at.duration_since(now).try_into().unwrap_or_default();
            self.sleep = Some((at, self.env.sleep(wait)));
        }
        let woken = self.sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if woken {
            self.sleep = None;
        }
        woken
    }

    /// Most runtimes answer at once.
    fn relist(&mut self, cx: &mut Context<'_>, node: usize, now: Timestamp) {
        let mut errand = super::errands::list(node, self.nodes[node].runtime.clone(), now);
        match errand.as_mut().poll(cx) {
            Poll::Ready(done) => self.take_in(done, now),
            Poll::Pending => self.errands.push(errand),
        }
    }

    /// Everything that a runtime has: what was missed is made up for, and what belongs to no pod is removed.
    fn take_list(
        &mut self,
        node: usize,
        at: Timestamp,
        result: Result<Vec<Arc<PodSandbox>>, RuntimeError>,
        now: Timestamp,
    ) {
        let period = self.nodes[node].options.relist_period.try_into().unwrap_or(jiff::SignedDuration::MAX);
        let next = now.saturating_add(period).unwrap_or(Timestamp::MAX);
        self.timers.insert((next, Timer::Relist(node)));
        let Ok(sandboxes) = result else { return };
        self.nodes[node].found.clear();
        for sandbox in sandboxes.iter().filter(|sandbox| !self.workers.contains_key(&*sandbox.uid)) {
            self.errands.push(super::errands::remove(self.nodes[node].runtime.clone(), sandbox.id.clone()));
        }
        let listed = newest(sandboxes);
        let mut next = self.nodes[node].pods.first().cloned();
        while let Some(uid) = next {
            match place(&listed, &uid) {
                Some(place) => self.tell(&uid, Input::Observed(listed[place].clone()), now),
                // What was asked for since the list was made is not in it.
                None if self.workers.get(&uid).is_some_and(|worker| worker.asked_at < at) => {
                    self.tell(&uid, Input::Vanished, now);
                }
                None => {}
            }
            next = self.nodes[node].pods.range::<str, _>((Excluded(&*uid), Unbounded)).next().cloned();
        }
    }

    /// Tells a pod's machine something, and sets off what follows.
    fn tell(&mut self, uid: &str, input: Input, now: Timestamp) {
        let Some(worker) = self.workers.get_mut(uid) else { return };
        let is_overwritten = matches!(&input, Input::Pod(pod) if worker.saw(pod));
        if !worker.machine.handle(input, now) && !is_overwritten {
            return;
        }
        while let Some(command) = worker.machine.next_command() {
            let node = &self.nodes[worker.node];
            match command {
                Command::Record(event) => worker.record(&node.recorder, event),
                Command::Delete => worker.want_removal(),
                command => {
                    worker.asked_at = now;
                    let errand = super::errands::carry_out(
                        &self.env,
                        &self.client,
                        &self.services,
                        node,
                        worker,
                        command,
                    );
                    self.errands.extend(errand);
                }
            }
        }
        if worker.machine.is_gone() {
            self.forget(uid);
        } else {
            worker.has_news();
            self.dirty.insert(worker.uid.clone());
        }
    }

    fn forget(&mut self, uid: &str) {
        if let Some(worker) = self.workers.remove(uid) {
            self.nodes[worker.node].pods.remove(uid);
            if let Some(at) = worker.timer {
                self.timers.remove(&(at, Timer::Pod(worker.uid)));
            }
        }
        self.dirty.remove(uid);
    }

    fn set_timer(&mut self, uid: &str) {
        let Some(worker) = self.workers.get_mut(uid) else { return };
        let deadline = worker.deadline();
        if deadline == worker.timer {
            return;
        }
        if let Some(at) = worker.timer {
            self.timers.remove(&(at, Timer::Pod(worker.uid.clone())));
        }
        self.timers.extend(deadline.map(|at| (at, Timer::Pod(worker.uid.clone()))));
        worker.timer = deadline;
    }
}
