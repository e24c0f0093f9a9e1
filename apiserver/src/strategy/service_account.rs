//! ServiceAccounts: their secrets are named, and nothing else is said of them.

use steersman_core::tree::{Map, Value};

use super::{Strategy, WriteContext};
use crate::tree::{Fill, Read, fields};

/// The annotation by which pods may only mount the secrets of their account.
const ENFORCED: &str = "kubernetes.io/enforce-mountable-secrets";

/// The strategy of service accounts.
pub(super) struct ServiceAccounts;

impl Strategy for ServiceAccounts {
    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        name_secrets(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &WriteContext<'_>) {
        name_secrets(object);
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let has = |account: &Value| account.at("metadata").at("annotations").has(ENFORCED);
        let is_new = has(object) && !old.is_some_and(has);
        let why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets";
        is_new.then(|| format!("metadata.annotations[{ENFORCED}]: {why}")).into_iter().collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn name_secrets(account: &mut Value) {
    for secret in fields(account).objects_mut("secrets") {
        let name = secret.text("name").to_owned();
        *secret = Map::new();
        if !name.is_empty() {
            secret.put("name", name);
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let mut account = json!({"secrets": [{"name": "a", "namespace": "b"}, {"kind": "Secret"}]});
        name_secrets(&mut account);
        assert_eq!(account, json!({"secrets": [{"name": "a"}, {}]}));
    }

    #[test]
    fn an_annotation_of_old_is_warned_of_once() {
        let account = json!({"metadata": {"annotations": {ENFORCED: "true"}}});
        assert_eq!(ServiceAccounts.warnings(&account, None).len(), 1);
        assert_eq!(ServiceAccounts.warnings(&account, Some(&account)), [""; 0]);
    }
}
