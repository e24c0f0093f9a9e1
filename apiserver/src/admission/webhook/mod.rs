//! Asks webhooks about writes: those that the cluster's configurations name, each about the writes that it is for.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>. Nothing is noted for
//! auditors.

mod ask;
mod configurations;
mod hook;
mod matches;
mod mutating;
mod review;
mod validating;

pub(super) use configurations::Configurations;
pub(super) use mutating::MutatingAdmissionWebhook;
pub(super) use validating::ValidatingAdmissionWebhook;
