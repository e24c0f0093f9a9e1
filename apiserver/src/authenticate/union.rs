//! Asks the authenticators one after another.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;

use super::{
    ANONYMOUS, AUTHENTICATED, Authenticator, Credentials, Identity, NotAuthenticated, PeerCertificates,
    UNAUTHENTICATED, bearer,
};
use crate::reader::Reader;
use crate::user::User;

/// Everybody who can tell who somebody is.
pub(crate) struct Authentication {
    /// Asked in this order.
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    /// Whether those who show nothing are let in, as nobody in particular.
    pub(crate) anonymous: bool,
    /// Whom tokens must be meant for where nobody says otherwise.
    pub(crate) audiences: Vec<String>,
}

impl Authentication {
    /// Who makes a request.
    pub(crate) async fn of_request(
        &self,
        request: &Parts,
        now: Timestamp,
        cluster: &dyn Reader,
    ) -> Result<User, NotAuthenticated> {
        let token = bearer::token(&request.headers);
        let certificates = request.extensions.get::<PeerCertificates>();
        let credentials = Credentials {
            headers: &request.headers,
            token: token.as_deref(),
            certificates: certificates.map_or(&[], PeerCertificates::chain),
            audiences: &self.audiences,
            now,
            cluster,
        };
        match self.ask(&credentials).await? {
            Some(identity) => Ok(identity.user),
            None if token.is_some() => Err(unknown_token()),
            None if self.anonymous => Ok(anonymous()),
            None => Err(NotAuthenticated("no credentials".to_owned())),
        }
    }

    /// Whose token it is.
    pub(crate) async fn of_token(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
        cluster: &dyn Reader,
    ) -> Result<Identity, NotAuthenticated> {
        let audiences = if audiences.is_empty() { &self.audiences } else { audiences };
        let (headers, token, certificates) = (&HeaderMap::new(), Some(token), &[][..]);
        let credentials = Credentials { headers, token, certificates, audiences, now, cluster };
        self.ask(&credentials).await?.ok_or_else(unknown_token)
    }

    /// The first that knows decides. If none does, everything that was found wrong is told.
    async fn ask(&self, credentials: &Credentials<'_>) -> Result<Option<Identity>, NotAuthenticated> {
        let mut wrong = vec![unknown_token().0];
        for authenticator in &self.authenticators {
            match authenticator.authenticate(credentials).await {
                Ok(Some(identity)) => {
                    if let Some(identity) = self.meant(identity, credentials) {
                        return Ok(Some(known(identity)));
                    }
                }
                Ok(None) => {}
                Err(NotAuthenticated(why)) => wrong.push(why),
            }
        }
        if wrong.len() == 1 { Ok(None) } else { Err(NotAuthenticated(format!("[{}]", wrong.join(", ")))) }
    }

    /// Holds what says nothing of audiences to those of this server; upstream's `WrapAudienceAgnosticToken`.
    fn meant(&self, mut identity: Identity, credentials: &Credentials<'_>) -> Option<Identity> {
        let wanted = credentials.audiences;
        if identity.audiences.is_empty() {
            identity.audiences = self.audiences.iter().filter(|one| wanted.contains(one)).cloned().collect();
        }
        (wanted.is_empty() || !identity.audiences.is_empty()).then_some(identity)
    }
}

/// Nobody knows the token.
fn unknown_token() -> NotAuthenticated {
    NotAuthenticated("invalid bearer token".to_owned())
}

fn known(mut identity: Identity) -> Identity {
    let groups = &mut identity.user.groups;
    if !groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
        groups.push(AUTHENTICATED.to_owned());
    }
    identity
}

fn anonymous() -> User {
    User { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..User::default() }
}
