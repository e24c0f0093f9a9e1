//! Notes which pods have changed until the agent comes to look.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use k8s_openapi::api::core::v1::Pod;
use steersman_core::cache::Change;

use super::Uid;

/// A pod as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub(super) pod: Arc<Pod>,
    pub(super) removed: bool,
}

/// The news of each pod, the newest only, in the order in which pods first had any. Holds at most one entry for each
/// pod there is or was just removed.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    order: VecDeque<Uid>,
    news: BTreeMap<Uid, News>,
    waker: Option<Waker>,
}

impl Inbox {
    /// Notes a change, if it is about a pod that `wanted` accepts.
    pub(super) fn note(&self, change: &Change, wanted: impl Fn(&Pod) -> bool) {
        let Ok(pod) = change.object().lean::<Pod>() else { return };
        if !wanted(&pod) {
            return;
        }
        let uid = Uid::from(change.object().uid());
        let mut state = self.state();
        let news = News { pod, removed: change.now().is_none() };
        if state.news.insert(uid.clone(), news).is_none() {
            state.order.push_back(uid);
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// The next news; if there are none, the task is woken when there are.
    pub(super) fn next(&self, cx: &Context<'_>) -> Option<(Uid, News)> {
        let mut state = self.state();
        let Some(uid) = state.order.pop_front() else {
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return None;
        };
        let news = state.news.remove(&uid)?;
        Some((uid, news))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
