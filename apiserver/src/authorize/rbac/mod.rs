//! Roles and bindings decide; upstream's mode `RBAC`.
//!
//! The decision is a function of an [`Index`], which follows the watch cache. Whoever asks sees at once what this
//! server has written.

mod escalation;
mod index;
mod rule;
mod sync;

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use steersman_core::field::quote;

use super::{Access, Asked, Decision};
use crate::user::User;

pub(crate) use escalation::{check_grant, everything};
pub(crate) use index::Index;
pub(crate) use sync::{KINDS, Rbac};

pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// Whether one of the rules allows the access.
pub(super) fn allow(rules: &[PolicyRule], access: &Access<'_>) -> bool {
    rules.iter().any(|rule| rule::allows(rule, access.verb, &access.asked))
}

/// What roles and bindings say about an access.
pub(super) fn decide(index: &Index, access: &Access<'_>) -> Decision {
    let namespace = match access.asked {
        Asked::Resource(asked) => asked.namespace,
        Asked::Path(_) => "",
    };
    let mut missing = Vec::new();
    for grant in index.grants(access.user, namespace) {
        let role = &grant.binding.role;
        match index.rules(role, grant.namespace) {
            None => missing.push(not_found(role)),
            Some(rules) if allow(rules, access) => {
                return Decision::Allow { reason: format!("RBAC: allowed by {}", describe(&grant)) };
            }
            Some(_) => {}
        }
    }
    let reason = match missing.as_slice() {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        several => format!("RBAC: [{}]", several.join(", ")),
    };
    Decision::NoOpinion { reason }
}

/// All rules that apply to a user in a namespace (in none: those of the whole cluster), and the roles that are missing.
pub(crate) fn rules_of(index: &Index, user: &User, namespace: &str) -> (Vec<PolicyRule>, Vec<String>) {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for grant in index.grants(user, namespace) {
        match index.rules(&grant.binding.role, grant.namespace) {
            Some(rules) => all.extend(rules.iter().cloned()),
            None => missing.push(not_found(&grant.binding.role)),
        }
    }
    (all, missing)
}

/// The rules of the role that a binding in `namespace` names; what is wrong if there is no such role.
pub(crate) fn rules_of_role(
    index: &Index,
    role: &RoleRef,
    namespace: &str,
) -> Result<Vec<PolicyRule>, String> {
    index.rules(role, namespace).map(|rules| rules.to_vec()).ok_or_else(|| not_found(role))
}

/// What upstream's lister says of a role that is not there: with the kind in small letters for the resource.
fn not_found(role: &RoleRef) -> String {
    format!("{}.{GROUP} {} not found", role.kind.to_lowercase(), quote(&role.name))
}

fn describe(grant: &index::Grant<'_>) -> String {
    let (kind, name) = match grant.namespace {
        "" => ("ClusterRoleBinding", grant.name.to_owned()),
        namespace => ("RoleBinding", format!("{}/{namespace}", grant.name)),
    };
    let RoleRef { kind: role, name: role_name, .. } = &grant.binding.role;
    let subject = describe_subject(grant.subject, grant.namespace);
    format!("{kind} {} of {role} {} to {subject}", quote(&name), quote(role_name))
}

fn describe_subject(subject: &Subject, namespace: &str) -> String {
    if subject.kind != "ServiceAccount" {
        return format!("{} {}", subject.kind, quote(&subject.name));
    }
    let own = subject.namespace.as_deref().filter(|own| !own.is_empty()).unwrap_or(namespace);
    format!("{} {}", subject.kind, quote(&format!("{}/{own}", subject.name)))
}
