//! The kinds that make pods from a template, one file per kind.

mod deployment;
mod replica_set;

pub(super) use deployment::Deployments;
pub(super) use replica_set::ReplicaSets;
