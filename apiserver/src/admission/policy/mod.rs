//! Policies that the cluster's objects state in expressions, and that are evaluated for every write they are about.

mod bound;
mod expression;
mod matches;
mod mutating;
mod params;
mod request;
mod validating;

pub(super) use bound::Namespace;
pub(super) use expression::{Evaluation, Preamble, Scope};
pub(super) use mutating::MutatingAdmissionPolicy;
pub(super) use request::{Seen, told_kind, told_resource};
pub(super) use validating::ValidatingAdmissionPolicy;
