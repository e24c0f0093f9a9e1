//! Who makes a request.

use std::collections::BTreeMap;

use steersman_core::names;
use steersman_core::tree::Value;

use crate::tree::Read;

/// An authenticated user; upstream's `user.Info`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name: `system:serviceaccount:kube-system:deployment-controller`, `alice`, …
    pub name: String,
    /// Identifies the user over time.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The user that may do everything: `system:admin` in group `system:masters`.
    pub fn admin() -> Self {
        Self::named("system:admin").in_group("system:masters")
    }

    /// A user with a name, in group `system:authenticated`.
    pub fn named(name: impl Into<String>) -> Self {
        User { name: name.into(), groups: vec!["system:authenticated".to_owned()], ..User::default() }
    }

    /// A service account as a user.
    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        let mut user = User::named(service_account_name(namespace, name));
        user.groups.splice(0..0, service_account_groups(namespace));
        user
    }

    /// Reads a user from an object that has the name in the field `name`, as the kinds of reviews write users.
    pub(crate) fn read(object: &Value, name: &str) -> Self {
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        User {
            name: object.text(name).to_owned(),
            uid: object.text("uid").to_owned(),
            groups: texts(object.at("groups")),
            extra: object.entries("extra").map(|(key, values)| (key.to_owned(), texts(values))).collect(),
        }
    }

    /// The same user in one more group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }
}

/// What the name of every service account begins with.
const ACCOUNT: &str = "system:serviceaccount:";

/// What the name of every node begins with.
const NODE: &str = "system:node:";

/// The name of a service account as a user.
pub(crate) fn service_account_name(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT}{namespace}:{name}")
}

/// The groups of a service account.
pub(crate) fn service_account_groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

/// The namespace and the name of the service account that a user is, if it is one.
pub(crate) fn as_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(ACCOUNT)?.split_once(':')?;
    let is_valid = names::dns1123_label(namespace).is_empty() && names::dns1123_subdomain(name).is_empty();
    is_valid.then_some((namespace, name))
}

/// The name of the node that a user is, if it is one.
pub(crate) fn as_node(user: &str) -> Option<&str> {
    user.strip_prefix(NODE).filter(|name| names::dns1123_subdomain(name).is_empty())
}
