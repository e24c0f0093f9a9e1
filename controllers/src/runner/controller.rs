//! What a controller is: a pure function from what is seen to what should be done.

use std::time::Duration;

use async_trait::async_trait;
use steersman_core::{Resource, Result};

use super::{Failure, Key, Outcome, Sources, View};

/// Decides what should be done about one object; see the [module](super) for how to write one.
pub trait Controller: Send + Sync + 'static {
    /// The kind that is reconciled.
    type Object: Resource;

    /// The controller's name, in lower case: of its tasks and its random stream.
    const NAME: &'static str;

    /// How many keys are worked on at a time.
    const WORKERS: usize = 5;

    /// Under which name its events are recorded.
    fn component(&self) -> String {
        format!("{}-controller", Self::NAME)
    }

    /// What it looks at, besides its own kind. Asked once, at the start.
    fn sources(&self) -> Sources {
        Sources::new()
    }

    /// What should be done, given what is seen. Pure; may be asked at any time, and must ask for nothing once there
    /// is nothing left to do.
    fn reconcile(&self, view: &View, object: &Self::Object) -> Outcome;

    /// What to write down about an action of [`Controller::reconcile`] that failed, before the key backs off.
    fn failed(&self, view: &View, object: &Self::Object, failure: &Failure) -> Outcome {
        let _ = (view, object, failure);
        Outcome::done()
    }

    /// What should be done about a key without an object. May be asked more than once, and for keys that never had
    /// one.
    fn gone(&self, view: &View, key: &Key) -> Outcome {
        let _ = (view, key);
        Outcome::done()
    }
}

/// A controller that must call something outside of the cluster (a cloud, a webhook) to know what should be done.
///
/// Everything else is as for [`Controller`]. What it called outside may be called again at any time.
#[async_trait]
pub trait Actor: Send + Sync + 'static {
    /// The kind that is reconciled.
    type Object: Resource;

    /// The controller's name, in lower case: of its tasks and its random stream.
    const NAME: &'static str;

    /// How many keys are worked on at a time.
    const WORKERS: usize = 5;

    /// Under which name its events are recorded.
    fn component(&self) -> String {
        format!("{}-controller", Self::NAME)
    }

    /// What it looks at, besides its own kind. Asked once, at the start.
    fn sources(&self) -> Sources {
        Sources::new()
    }

    /// Calls outside, and says what should be done in the cluster. The key backs off after an error.
    async fn act(&self, view: &View, object: &Self::Object) -> Result<Outcome>;

    /// Calls outside for a key without an object. May be asked more than once, and for keys that never had one.
    async fn gone(&self, view: &View, key: &Key) -> Result<Outcome> {
        let _ = (view, key);
        Ok(Outcome::done())
    }
}

/// A controller that looks at everything at regular times, rather than at one object when it changes.
pub trait Sweep: Send + Sync + 'static {
    /// The controller's name, in lower case: of its tasks and its random stream.
    const NAME: &'static str;

    /// Under which name its events are recorded.
    fn component(&self) -> String {
        format!("{}-controller", Self::NAME)
    }

    /// How long after the end of one sweep the next begins. The first begins once the caches have synced.
    fn every(&self) -> Duration;

    /// What it looks at; [`Sources::watches`] and [`Sources::owns`] start a sweep early. Asked once, at the start.
    fn sources(&self) -> Sources;

    /// What should be done, given what is seen. Pure.
    fn sweep(&self, view: &View) -> Outcome;
}
