//! Service accounts prove who they are with tokens that this server has signed.
//!
//! What a token says ([`claims`]) and whether that still holds ([`current`], [`legacy`]) is decided here; how it is
//! signed is for [`TokenKeys`].

mod claims;
mod current;
mod legacy;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::quote;
use steersman_core::tree::{Value, json};

use super::{Authenticator, Credentials, Identity, NotAuthenticated, compact};
use crate::tree::Read;

pub(crate) use claims::{Bound, Claims};

/// Signs and checks tokens. `authenticate::JwtKeys` (feature `auth`) does it with RSA or elliptic curves.
pub trait TokenKeys: Send + Sync {
    /// A token with these claims.
    ///
    /// # Errors
    /// The key cannot sign.
    fn sign(&self, claims: &Value) -> Result<String>;

    /// The claims of a token that one of the keys has signed; `None` if none has. Whether they hold is not judged.
    fn verify(&self, token: &str) -> Option<Value>;

    /// The keys that others may check tokens with, as a JSON Web Key Set (RFC 7517).
    fn key_set(&self) -> Value;

    /// How tokens are signed: `RS256`, `ES256`, …
    fn algorithms(&self) -> Vec<String>;
}

/// Makes the tokens of service accounts, and knows them again. Cloning shares.
#[derive(Clone)]
pub struct ServiceAccounts {
    issuer: String,
    audiences: Vec<String>,
    keys: Arc<dyn TokenKeys>,
}

impl ServiceAccounts {
    /// Tokens of an issuer, a URL (upstream's `--service-account-issuer`), for itself as their audience.
    pub fn new(issuer: impl Into<String>, keys: impl TokenKeys + 'static) -> Self {
        let issuer = issuer.into();
        ServiceAccounts { audiences: vec![issuer.clone()], issuer, keys: Arc::new(keys) }
    }

    /// Takes tokens for these audiences, and makes them for these where nobody says for whom; upstream's
    /// `--api-audiences`.
    #[must_use]
    pub fn audiences(mut self, audiences: impl IntoIterator<Item = String>) -> Self {
        self.audiences = audiences.into_iter().collect();
        self
    }

    /// The token that the Secret `secret` of a service account holds: for ever valid, while both are there.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn legacy_token(&self, namespace: &str, name: &str, uid: &str, secret: &str) -> Result<String> {
        self.keys.sign(&legacy::claims(namespace, name, uid, secret))
    }

    /// What `/.well-known/openid-configuration` tells.
    pub(crate) fn configuration(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/openid/v1/jwks", self.issuer.trim_end_matches('/')),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.keys.algorithms(),
        })
    }

    /// What `/openid/v1/jwks` tells.
    pub(crate) fn key_set(&self) -> Value {
        self.keys.key_set()
    }

    /// For whom tokens are where nobody says so.
    pub(crate) fn own_audiences(&self) -> &[String] {
        &self.audiences
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &Claims<'_>) -> Result<String> {
        self.keys.sign(&claims.to_value(&self.issuer))
    }

    fn judge(&self, claims: &Value, credentials: &Credentials<'_>) -> Result<Identity, NotAuthenticated> {
        let meant: Vec<String> = match claims.at("aud") {
            Value::String(one) => vec![one.to_string()],
            _ => claims.texts("aud").map(str::to_owned).collect(),
        };
        let meant = if meant.is_empty() { self.audiences.clone() } else { meant };
        let audiences: Vec<String> =
            meant.iter().filter(|audience| credentials.audiences.contains(audience)).cloned().collect();
        if audiences.is_empty() {
            let (meant, wanted) = (quoted(&meant), quoted(credentials.audiences));
            let why = format!("token audiences {meant} is invalid for the target audiences {wanted}");
            return Err(NotAuthenticated(why));
        }
        let user = match claims.text("iss") {
            legacy::ISSUER => legacy::user(claims, credentials),
            _ => current::user(claims, credentials),
        };
        user.map(|user| Identity { user, audiences }).map_err(NotAuthenticated)
    }
}

#[async_trait]
impl Authenticator for ServiceAccounts {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        let Some(token) = credentials.token else { return Ok(None) };
        let issuer = compact::issuer(token);
        if !issuer.is_some_and(|issuer| issuer == self.issuer || issuer == legacy::ISSUER) {
            return Ok(None);
        }
        let claims = self.keys.verify(token);
        let claims = claims.ok_or_else(|| NotAuthenticated("the token's signature is invalid".to_owned()))?;
        self.judge(&claims, credentials).map(Some)
    }
}

impl fmt::Debug for ServiceAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccounts").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A list as Go prints it with `%q`.
fn quoted(list: &[String]) -> String {
    let all: Vec<String> = list.iter().map(|one| quote(one)).collect();
    format!("[{}]", all.join(" "))
}
