//! Webhook configurations, admission policies and their bindings.

mod expressions;
mod policies;
mod rules;
mod webhooks;

pub(super) use policies::{AdmissionPolicies, AdmissionPolicyBindings};
pub(super) use webhooks::Webhooks;
pub(crate) use webhooks::validate_client as validate_webhook_client;
