//! Finds out who makes a request: by certificate, by token, or as nobody in particular.
//!
//! One file per way to prove who one is. Whoever shows something that proves wrong is refused, even if something else
//! would prove right; whoever shows nothing is anonymous, unless that is [switched
//! off](crate::Builder::without_anonymous).

pub(crate) mod accounts;
mod bearer;
mod bootstrap_tokens;
mod certificates;
mod compact;
pub(crate) mod impersonate;
#[cfg(feature = "auth")]
mod jwt;
#[cfg(feature = "auth")]
mod oidc;
#[cfg(feature = "auth")]
mod remembered;
mod static_tokens;
mod union;
mod webhook;
#[cfg(feature = "auth")]
mod x509;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use crate::reader::Reader;
use crate::user::User;

pub use accounts::{ServiceAccounts, TokenKeys};
#[cfg(feature = "tls")]
pub(crate) use bearer::token as bearer_token;
pub use bootstrap_tokens::BootstrapTokens;
pub use certificates::PeerCertificates;
#[cfg(feature = "auth")]
pub use jwt::JwtKeys;
#[cfg(feature = "auth")]
pub use oidc::Oidc;
pub use static_tokens::StaticTokens;
pub(crate) use union::Authentication;
pub use webhook::TokenWebhook;
#[cfg(feature = "auth")]
pub use x509::ClientCertificates;

/// The group of everybody who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

/// The group of those who are not.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";

/// The name of those who are not.
pub(crate) const ANONYMOUS: &str = "system:anonymous";

/// What a request shows of who makes it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// Every header; empty where a token alone is asked about (a TokenReview).
    pub headers: &'a HeaderMap,
    /// The bearer token.
    pub token: Option<&'a str>,
    /// The certificates that the peer proved to own in the TLS handshake, DER, its own first.
    pub certificates: &'a [Bytes],
    /// Whom a token must be meant for: one of these. Never empty.
    pub audiences: &'a [String],
    /// The moment.
    pub now: Timestamp,
    /// The cluster's objects.
    pub cluster: &'a dyn Reader,
}

/// Who somebody is, as far as one authenticator can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user, without `system:authenticated`, which the server adds.
    pub user: User,
    /// Which of the audiences the token is meant for; empty if it says nothing of them, and is meant for this server.
    pub audiences: Vec<String>,
}

impl From<User> for Identity {
    fn from(user: User) -> Self {
        Identity { user, audiences: Vec::new() }
    }
}

/// What was shown proves nothing. The reason reaches who asks with a TokenReview, and never who shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAuthenticated(pub String);

/// A way to prove who one is; the counterpart of upstream's `authenticator.Request` and `authenticator.Token`.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Who shows these credentials; `None` if they hold nothing that this authenticator can judge. May be asked
    /// repeatedly, and may wait.
    ///
    /// # Errors
    /// They hold something that it should be able to judge, and that is wrong.
    async fn authenticate(&self, credentials: &Credentials<'_>)
    -> Result<Option<Identity>, NotAuthenticated>;
}
