//! The Kubernetes controllers as pure functions, and the [runner](runner) that drives them.
//!
//! | controller | what it keeps true |
//! |---|---|
//! | [`deployment`] | Deployments roll from one ReplicaSet to the next |
//! | [`nodeipam`] | every node has a range of pod addresses of its own |
//! | [`replicaset`] | there are as many pods of a template as asked for |
//! | [`ttl`] | kubelets know how long they may cache ConfigMaps and Secrets |
#![forbid(unsafe_code)]

mod claim;
pub mod deployment;
pub mod nodeipam;
mod pods;
pub mod replicaset;
pub mod runner;
mod template;
pub mod ttl;

pub use runner::{Actor, Controller, Controllers, Failure, Key, Outcome, Sources, Sweep, View};
