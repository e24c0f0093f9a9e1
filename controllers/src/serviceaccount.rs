//! Gives every active namespace its service account `default`.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-controller>

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::cache::Change;

use crate::namespace::is_active;
use crate::{Controller, Key, Outcome, Sources, View};

const DEFAULT: &str = "default";

/// Creates the service account `default` wherever it is missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceAccounts;

impl Controller for ServiceAccounts {
    type Object = Namespace;

    const NAME: &'static str = "service-account";

    fn sources(&self) -> Sources {
        Sources::new().watches::<ServiceAccount>(|_, change| match change {
            Change::Deleted(account) => vec![Key::new("", account.namespace())],
            Change::Added(_) | Change::Modified { .. } => Vec::new(),
        })
    }

    fn reconcile(&self, view: &View, namespace: &Namespace) -> Outcome {
        let mut outcome = Outcome::done();
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        if is_active(namespace) && view.get::<ServiceAccount>(name, DEFAULT).is_none() {
            outcome.create(&ServiceAccount {
                metadata: ObjectMeta {
                    name: Some(DEFAULT.to_owned()),
                    namespace: Some(name.to_owned()),
                    ..ObjectMeta::default()
                },
                ..ServiceAccount::default()
            });
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::{Value, from_value, json};

    use super::*;
    use crate::runner::Operation;

    fn reconcile(phase: &str, accounts: &[ServiceAccount]) -> Outcome {
        let view = View::fixed(Timestamp::UNIX_EPOCH).with(accounts);
        let namespace = json!({"metadata": {"name": "a"}, "status": {"phase": phase}});
        ServiceAccounts.reconcile(&view, &from_value(namespace).unwrap())
    }

    fn account(value: Value) -> ServiceAccount {
        from_value(json!({ "metadata": value })).unwrap()
    }

    #[test]
    fn an_active_namespace_gets_a_default_account() {
        let outcome = reconcile("Active", &[account(json!({"name": "other", "namespace": "a"}))]);
        let [action] = outcome.actions() else { panic!("{outcome:?}") };
        let Operation::Create(target, body) = &action.operation else { panic!("{action:?}") };
        assert_eq!((target.namespace.as_str(), &body["metadata"]["name"]), ("a", &json!("default")));
    }

    #[test]
    fn an_account_that_is_there_is_left_alone() {
        let there = account(json!({"name": "default", "namespace": "a"}));
        assert_eq!(reconcile("Active", &[there]), Outcome::done());
    }

    #[test]
    fn a_terminating_namespace_gets_nothing() {
        assert_eq!(reconcile("Terminating", &[]), Outcome::done());
    }
}
