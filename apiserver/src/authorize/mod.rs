//! Decides what users may do.
//!
//! The authorisers are asked in order; the first that has an opinion decides, and what nobody allows is refused.
//! `system:masters` may do everything. Reads are covered as much as writes: a watch or a list sees nothing that its
//! user could not ask for.

mod access;
pub(crate) mod bootstrap;
mod chain;
mod node;
pub(crate) mod rbac;
mod refusal;
mod webhook;

use async_trait::async_trait;

pub use access::{Access, Asked, ResourceAccess};
pub(crate) use chain::{Authorization, Mode};
pub(crate) use node::Nodes;
pub(crate) use rbac::Rbac;
pub(crate) use refusal::refusal;
pub use webhook::AccessWebhook;

/// The group whose members may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// What an authoriser thinks of an access; upstream's `authorizer.Decision` with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It is allowed, whatever others think.
    Allow {
        /// Why; empty if nobody needs to know.
        reason: String,
    },
    /// It is refused, whatever others think.
    Deny {
        /// Why.
        reason: String,
    },
    /// Others may decide.
    NoOpinion {
        /// What stood in the way of an opinion, if anything.
        reason: String,
    },
}

impl Decision {
    /// Allowed, without a reason.
    pub fn allow() -> Self {
        Decision::Allow { reason: String::new() }
    }

    /// No opinion, without a reason.
    pub fn no_opinion() -> Self {
        Decision::NoOpinion { reason: String::new() }
    }
}

/// Somebody who decides; the counterpart of upstream's `authorizer.Authorizer`.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// What to think of the access. May be asked repeatedly for one request, and may wait.
    async fn authorize(&self, access: &Access<'_>) -> Decision;
}
