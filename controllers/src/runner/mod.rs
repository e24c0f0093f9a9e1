//! Drives controllers: watches, caches, queues keys, calls `reconcile`, carries out what it asks for.
//!
//! # How to write a controller
//!
//! A [`Controller`] names the kind that it reconciles and the kinds that it looks at, and answers one question, as a
//! pure function: given what is seen now, what should be done about this object? It does not wait, does not read a
//! clock but [`View::now`], does not fail, and may be asked again at any time.
//!
//! ```
//! use steersman_controllers::{Controller, Outcome, Sources, View};
//! use steersman_core::k8s_openapi::api::core::v1::{ConfigMap, Namespace};
//!
//! /// Every namespace has a ConfigMap named `welcome`.
//! struct Welcome;
//!
//! impl Controller for Welcome {
//!     type Object = Namespace;
//!     const NAME: &'static str = "welcome";
//!
//!     fn sources(&self) -> Sources {
//!         Sources::new().reads::<ConfigMap>()
//!     }
//!
//!     fn reconcile(&self, view: &View, namespace: &Namespace) -> Outcome {
//!         let mut outcome = Outcome::done();
//!         let name = namespace.metadata.name.as_deref().unwrap_or_default();
//!         if view.get::<ConfigMap>(name, "welcome").is_none() {
//!             let mut welcome = ConfigMap::default();
//!             welcome.metadata.name = Some("welcome".to_owned());
//!             welcome.metadata.namespace = Some(name.to_owned());
//!             outcome.create(&welcome);
//!         }
//!         outcome
//!     }
//! }
//! ```
//!
//! - **Sources.** Changes of the kind itself always lead to its key. [`Sources::owns`] leads changes of owned objects
//!   to their owner, [`Sources::watches`] leads others where a function says; [`Sources::reads`] only makes a kind
//!   visible. A [`View`] shows nothing that was not named.
//! - **Outcome.** Actions are carried out in order, up to the first that fails. An action may carry events for
//!   success and failure. [`Outcome::requeue_after`] asks to be called again later: that is how a pure function
//!   handles time.
//! - **Failure.** After a failed action [`Controller::failed`] may say what to write down about it; then the key
//!   backs off. A conflict only backs off: the next look is at the newer state.
//! - **Deletion.** [`Controller::gone`] is asked when a key has no object (any more).
//! - **Own writes.** A key is not looked at again before the caches show all that was written for it: `reconcile`
//!   never sees a state from before its own last actions. (Upstream needs "expectations" for that.)
//! - **Calling outside** (clouds, webhooks) is for an [`Actor`], **looking at everything now and then** for a
//!   [`Sweep`]. What fits none of these is a task of its own: [`Controllers::task`].
//!
//! Test `reconcile` with a [`View::fixed`] and the objects that it shall see; no server is needed.

mod apply;
mod controller;
mod crew;
mod key;
mod outcome;
mod sources;
mod view;
mod work;

pub use controller::{Actor, Controller, Sweep};
pub use crew::{Context, Controllers, Running};
pub use key::Key;
pub use outcome::{Action, Failure, Note, Operation, Outcome, PatchBody, Verb};
pub use sources::Sources;
pub use view::View;

#[cfg(test)]
mod tests;
