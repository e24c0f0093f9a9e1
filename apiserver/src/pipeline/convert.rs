//! Has webhooks convert what requests need in other versions: what is not known yet is asked for, and the work is done
//! again with what was answered.

use std::sync::Arc;

use steersman_core::{Object, Result};

use super::Core;
use crate::fault;
use crate::fetch::Hooks;
use crate::registry::Served;

/// How often work is done again at most: each time with the answer to what it lacked before, and no work needs more than
/// the current object, the wanted one and the next in both versions.
const ROUNDS: usize = 16;

/// What work comes to that may need objects of a row in other versions. It may be done several times.
///
/// # Errors
/// Those of the work; 500 if the webhook fails.
pub(super) async fn converting<T>(
    hooks: &Hooks,
    row: &Served,
    mut work: impl FnMut() -> Result<T> + Send,
) -> Result<T> {
    let Some(webhook) = row.webhook() else { return work() };
    for _ in 0..ROUNDS {
        match work() {
            Err(_) if webhook.has_questions() => {}
            outcome => return outcome,
        }
        // In a box: hardly any request asks, and what asking takes would be a part of every one.
        Box::pin(webhook.ask(hooks)).await.map_err(fault::bare)?;
    }
    work()
}

/// How a stored object is shown in the version of a row.
pub(super) async fn shown(hooks: &Hooks, row: &Served, object: Object) -> Result<Object> {
    match row.webhook() {
        None => row.show(object),
        Some(_) => converting(hooks, row, || row.show(object.clone())).await,
    }
}

impl Core {
    /// See [`converting`].
    pub(super) async fn converting<T>(
        &self,
        row: &Served,
        work: impl FnMut() -> Result<T> + Send,
    ) -> Result<T> {
        converting(&self.hooks, row, work).await
    }

    /// How a stored object is shown in the version of a row.
    pub(super) async fn shown(&self, row: &Served, object: Object) -> Result<Object> {
        shown(&self.hooks, row, object).await
    }

    /// The same for several, for which a webhook is asked once.
    pub(super) async fn all_shown(&self, row: &Arc<Served>, objects: Vec<Object>) -> Result<Vec<Object>> {
        if row.webhook().is_none() {
            return objects.into_iter().map(|object| row.show(object)).collect();
        }
        let show_all = || {
            let shown: Vec<Result<Object>> = objects.iter().map(|one| row.show(one.clone())).collect();
            shown.into_iter().collect()
        };
        self.converting(row, show_all).await
    }
}
