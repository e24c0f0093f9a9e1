//! kube-scheduler's decisions as a pure library, and the component that drives an API server with them.
#![forbid(unsafe_code)]

mod amounts;
mod attempt;
mod cache;
mod decision;
mod engine;
mod event;
mod explain;
mod inbox;
mod plugin;
pub mod plugins;
mod pod;
mod ports;
mod profile;
mod profiles;
pub mod queue;
mod report;
mod requests;
mod scheduler;
mod scoring;
mod snapshot;
mod terms;
mod verdict;
mod waiting;

pub use amounts::{Amounts, Scalars};
pub use attempt::{Attempt, Filters};
pub use cache::Cache;
pub use decision::{Candidate, Choice, Decision, Diagnosis, NoFit, Nomination};
pub use event::{Event, Wake};
pub use explain::{Explanation, Score as NodeScores};
pub use plugin::{
    Bind, Filter, MAX_SCORE, NoRemedy, NodeFilter, NodeScore, Normalize, Permission, Permit, Plugin,
    PostBind, PostFilter, PreBind, PreEnqueue, Prepared, QueueSort, Reserve, Rule, Score, Scoring,
};
pub use pod::PodInfo;
pub use ports::HostPort;
pub use profile::Profile;
pub use profiles::{InvalidProfiles, Profiles};
pub use scheduler::Scheduler;
pub use snapshot::{NodeIndex, NodeView, Nominated, Related, Snapshot};
pub use terms::{Term, Terms, WeightedTerm};
pub use verdict::{Code, Refusal, Rejection, Verdict};
pub use waiting::Waiting;
