//! The Kubernetes controllers as pure functions, and the [runner](runner) that drives them.
//!
//! | controller | what it keeps true |
//! |---|---|
//! | [`nodeipam`] | every node has a range of pod addresses of its own |
//! | [`ttl`] | kubelets know how long they may cache ConfigMaps and Secrets |
#![forbid(unsafe_code)]

pub mod nodeipam;
pub mod runner;
pub mod ttl;

pub use runner::{Actor, Controller, Controllers, Failure, Key, Outcome, Sources, Sweep, View};
