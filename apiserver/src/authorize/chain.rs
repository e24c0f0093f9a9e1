//! Asks the authorisers one after another.

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::rbac::{self, Rbac};
use super::{Access, Authorizer, Decision, MASTERS, Nodes};
use crate::user::User;

/// One link of the chain.
#[derive(Clone)]
pub(crate) enum Mode {
    /// Roles and bindings.
    Rbac,
    /// What nodes need.
    Node(Nodes),
    /// One's own.
    Own(Arc<dyn Authorizer>),
}

/// Who decides, in the order in which they are asked.
#[derive(Default)]
pub(crate) struct Authorization {
    /// If nobody decides, everything is allowed; upstream's `AlwaysAllow`.
    pub(crate) modes: Vec<Mode>,
    /// The roles and bindings; kept whether or not they decide, because whoever grants rights must have them.
    pub(crate) rbac: Rbac,
}

impl Authorization {
    /// Whether roles and bindings have a say.
    pub(crate) fn has_rbac(&self) -> bool {
        self.modes.iter().any(|mode| matches!(mode, Mode::Rbac))
    }

    /// Who is asked, by upstream's names.
    pub(crate) fn modes(&self) -> Vec<&'static str> {
        let name = |mode: &Mode| match mode {
            Mode::Rbac => "RBAC",
            Mode::Node(_) => "Node",
            Mode::Own(_) => "Webhook",
        };
        if self.modes.is_empty() { vec!["AlwaysAllow"] } else { self.modes.iter().map(name).collect() }
    }

    /// Whether the access is allowed, and why or why not. [`Decision::NoOpinion`] is a no.
    pub(crate) async fn decide(&self, access: &Access<'_>) -> Decision {
        if self.modes.is_empty() || access.user.groups.iter().any(|group| group == MASTERS) {
            return Decision::allow();
        }
        let mut reasons = Vec::new();
        for mode in &self.modes {
            match self.ask(mode, access).await {
                Decision::NoOpinion { reason } if reason.is_empty() => {}
                Decision::NoOpinion { reason } => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::NoOpinion { reason: reasons.join("\n") }
    }

    async fn ask(&self, mode: &Mode, access: &Access<'_>) -> Decision {
        match mode {
            Mode::Rbac => rbac::decide(&self.rbac.index(), access),
            Mode::Node(nodes) => nodes.decide(access),
            Mode::Own(authorizer) => authorizer.authorize(access).await,
        }
    }
}

/// What a user may do in a namespace, as far as it is known.
pub(crate) struct Rights {
    pub(crate) rules: Vec<PolicyRule>,
    /// Whether there may be more.
    pub(crate) incomplete: bool,
    /// Why not all is known.
    pub(crate) problems: Vec<String>,
}

impl Authorization {
    /// What a user may do in a namespace.
    pub(crate) fn rules_of(&self, user: &User, namespace: &str) -> Rights {
        let mut all = Rights { rules: Vec::new(), incomplete: false, problems: Vec::new() };
        if self.modes.is_empty() {
            all.rules = rbac::everything();
        }
        for mode in &self.modes {
            match mode {
                Mode::Rbac => {
                    let (rules, problems) = rbac::rules_of(&self.rbac.index(), user, namespace);
                    all.rules.extend(rules);
                    all.problems.extend(problems);
                }
                Mode::Node(_) => {
                    all.incomplete = true;
                    all.problems.push("node authorizer does not support user rule resolution".to_owned());
                }
                Mode::Own(_) => {
                    all.incomplete = true;
                    all.problems.push("an authorizer does not support user rule resolution".to_owned());
                }
            }
        }
        all
    }
}
