//! Waits until a cluster stops changing.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use steersman_core::error::Reason;
use steersman_core::store::{Batch, Store};
use steersman_core::{Env, Error, Result};

/// No change for this long is settled.
const QUIET: Duration = Duration::from_secs(2);

/// A cluster that still changes after this will not settle.
const LIMIT: Duration = Duration::from_secs(600);

/// Returns once nothing but heartbeats was written for two seconds.
pub(crate) async fn settle(env: &Env, store: &Arc<dyn Store>) -> Result<()> {
    let begun = env.elapsed();
    let after = store.revision().await.map_err(Error::internal)?;
    let mut changes = store.watch(bytes::Bytes::new(), after).await.map_err(Error::internal)?;
    let mut last = begun;
    let mut last_key = String::new();
    while let Ok(batch) = env.timeout((last + QUIET).saturating_sub(env.elapsed()), changes.next()).await {
        let batch =
            batch.ok_or_else(|| Error::internal("the store ended the watch"))?.map_err(Error::internal)?;
        if let Some(key) = telling(&batch) {
            (last, last_key) = (env.elapsed(), key);
        }
        if env.elapsed() > begun + LIMIT {
            let message = format!("Timeout: the cluster still changes after {LIMIT:?}: {last_key}");
            return Err(Error::new(Reason::Timeout, message));
        }
    }
    Ok(())
}

/// The first key of a batch that is more than a sign of life.
fn telling(batch: &Batch) -> Option<String> {
    let keys = batch.changes.iter().map(|change| String::from_utf8_lossy(&change.key).into_owned());
    keys.into_iter().find(|key| !key.contains("/leases/"))
}
