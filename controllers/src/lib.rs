//! The Kubernetes controllers as pure functions, and the [runner](runner) that drives them.
//!
//! | controller | what it keeps true |
//! |---|---|
#![forbid(unsafe_code)]

pub mod runner;

pub use runner::{Actor, Controller, Controllers, Failure, Key, Outcome, Sources, Sweep, View};
