//! kube-scheduler's decisions as a pure library, and the component that drives an API server with them.
//!
//! A [`Profile`] holds [plugins](Plugin), upstream's by [default](Profile::default). It [picks](Profile::pick) a node
//! for a pod in a [`Snapshot`], and [explains](Profile::explain) why; both are pure, so "what if" is asking about an
//! edited clone. A [`Picker`] decides the same for pod after pod, and is fast: it remembers what it worked out for pods
//! of the same kind. A [`Transaction`] places several pods or none. [`Scheduler`] keeps the snapshot up to date, queues the pods, reserves what it has decided, binds, and
//! makes room by preemption.
//!
//! ```
//! use std::sync::Arc;
//!
//! use steersman_core::k8s_openapi::api::core::v1::{Node, Pod};
//! use steersman_scheduler::{Decision, PodInfo, Profile, Snapshot};
//!
//! let node = |name: &str, cpu: &str| -> Result<Node, serde_json::Error> {
//!     let status = steersman_core::tree::json!({"allocatable": {"cpu": cpu, "pods": "10"}});
//!     steersman_core::tree::from_value(steersman_core::tree::json!({"metadata": {"name": name}, "status": status}))
//! };
//! let pod: Pod = steersman_core::tree::from_value(steersman_core::tree::json!({
//!     "metadata": {"name": "web", "namespace": "default"},
//!     "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "2"}}}]},
//! }))?;
//! let pod = Arc::new(PodInfo::new(pod));
//!
//! let mut snapshot = Snapshot::new();
//! snapshot.set_node(node("small", "1")?);
//! assert!(!matches!(Profile::default().pick(&pod, &snapshot, 0), Decision::Node(_)));
//! snapshot.set_node(node("large", "4")?);
//! let decision = Profile::default().pick(&pod, &snapshot, 0);
//! assert!(matches!(decision, Decision::Node(choice) if &*choice.node == "large"));
//! # Ok::<(), serde_json::Error>(())
//! ```
#![forbid(unsafe_code)]

mod amounts;
mod attempt;
mod bare;
mod binding;
mod cache;
mod change;
mod config;
mod csi_migration;
mod decision;
k8s_openapi::k8s_if_ge_1_34! {
    mod devices;

    pub use devices::{AttributeValue, DeviceSelector, DeviceSelectors, DeviceView};
}
mod dry_runs;
mod engine;
mod evaluation;
mod event;
mod explain;
mod extender;
mod faults;
mod inbox;
mod picker;
mod plugin;
pub mod plugins;
mod pod;
mod points;
mod ports;
mod profile;
mod profiles;
pub mod queue;
mod ranking;
mod refusals;
mod registry;
mod report;
mod requests;
mod scheduler;
mod signature;
mod snapshot;
mod terms;
mod transaction;
mod under_way;
mod verdict;
mod waiting;

pub use amounts::{Amounts, Scalars};
pub use attempt::{Attempt, Filters};
pub use cache::Cache;
pub use change::{Change, Reach};
pub use config::{Configuration, ExtenderConfiguration, InvalidConfiguration, ManagedResource};
pub use decision::{Candidate, Choice, Decision, Diagnosis, NoFit, Nomination};
pub use event::{Event, Wake};
pub use explain::{Explanation, Score as NodeScores};
#[cfg(feature = "http")]
pub use extender::PlainHttp;
pub use extender::{Extender, Filtered, HttpExtender, Part, Post, Victims};
pub use faults::Faults;
pub use picker::Picker;
pub use plugin::{
    Bind, Binding, Filter, MAX_SCORE, NoRemedy, NodeFilter, NodeScore, Normalize, Permission, Permit, Plugin,
    PostBind, PostFilter, PreBind, PreEnqueue, Prepared, QueueSort, Range, Reserve, Score, Scoring,
};
pub use pod::PodInfo;
pub use ports::HostPort;
pub use profile::Profile;
pub use profiles::{InvalidProfiles, Profiles};
pub use refusals::Refusals;
pub use registry::Registry;
pub use scheduler::Scheduler;
pub use signature::Signature;
pub use snapshot::{Domains, NodeEdit, NodeIndex, NodeView, Nominated, Related, Snapshot};
pub use terms::{Term, Terms, WeightedTerm};
pub use transaction::Transaction;
pub use verdict::{Code, Refusal, Rejection, Verdict};
pub use waiting::Waiting;
