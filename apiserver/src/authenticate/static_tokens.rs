//! Knows users by tokens that were given beforehand; upstream's `--token-auth-file`.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::user::User;

/// Tokens, and whose they are. They are meant for this server.
#[derive(Clone, Default)]
pub struct StaticTokens(BTreeMap<String, User>);

impl StaticTokens {
    /// No token yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more token. `system:authenticated` is added by the server.
    #[must_use]
    pub fn with(mut self, token: impl Into<String>, user: User) -> Self {
        self.0.insert(token.into(), user);
        self
    }
}

#[async_trait]
impl Authenticator for StaticTokens {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        let user = credentials.token.and_then(|token| self.0.get(token));
        Ok(user.map(|user| Identity::from(user.clone())))
    }
}

/// Tokens are secret.
impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values()).finish()
    }
}
