//! Who makes a request.

use std::collections::BTreeMap;

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

    /// The same user in one more group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }
}
