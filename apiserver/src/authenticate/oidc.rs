//! Tokens of an OpenID Connect provider prove who one is.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens>. The provider's keys
//! are given, or fetched when a token is signed with one that is not known, at most every ten seconds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::compact::issuer;
use super::jwt::KeySet;
use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::fetch::Fetch;
use crate::tree::Read;
use crate::user::User;

/// How long the provider is left alone after it was asked for its keys.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// By how much a token may come before its time.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

/// Knows the tokens of one provider; upstream's `--oidc-…` flags.
pub struct Oidc {
    issuer: String,
    client: String,
    username: Claim,
    groups: Option<Claim>,
    required: BTreeMap<String, String>,
    source: Option<Box<dyn Fetch>>,
    keys: Mutex<Keys>,
}

/// A claim, and what is put in front of its values.
#[derive(Clone, Debug)]
struct Claim {
    name: String,
    prefix: String,
}

#[derive(Default)]
struct Keys {
    set: Arc<KeySet>,
    asked: Option<Timestamp>,
}

impl Oidc {
    /// Tokens of `issuer` for `client`, checked with the provider's JSON Web Key Set (RFC 7517). The user is the claim
    /// `sub` behind the issuer and `#`.
    pub fn with_keys(issuer: impl Into<String>, client: impl Into<String>, key_set: &Value) -> Self {
        let oidc = Self::new(issuer.into(), client.into(), None);
        oidc.keys().set = Arc::new(KeySet::read(key_set));
        oidc
    }

    /// The same with keys that the provider publishes.
    pub fn fetching(
        issuer: impl Into<String>,
        client: impl Into<String>,
        fetch: impl Fetch + 'static,
    ) -> Self {
        Self::new(issuer.into(), client.into(), Some(Box::new(fetch)))
    }

    fn new(issuer: String, client: String, source: Option<Box<dyn Fetch>>) -> Self {
        let username = Claim { name: "sub".to_owned(), prefix: format!("{issuer}#") };
        let (groups, required, keys) = (None, BTreeMap::new(), Mutex::default());
        Oidc { issuer, client, username, groups, required, source, keys }
    }

    /// The claim that names the user, and what is put in front of it. `email` counts only if it is verified.
    #[must_use]
    pub fn username(mut self, claim: &str, prefix: &str) -> Self {
        self.username = Claim { name: claim.to_owned(), prefix: prefix.to_owned() };
        self
    }

    /// The claim that lists the groups, and what is put in front of each.
    #[must_use]
    pub fn groups(mut self, claim: &str, prefix: &str) -> Self {
        self.groups = Some(Claim { name: claim.to_owned(), prefix: prefix.to_owned() });
        self
    }

    /// A claim that every token must make.
    #[must_use]
    pub fn requiring(mut self, claim: &str, value: &str) -> Self {
        self.required.insert(claim.to_owned(), value.to_owned());
        self
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, asked for anew if they do not know the token's.
    async fn keys_for(&self, token: &str, now: Timestamp) -> Result<Arc<KeySet>, NotAuthenticated> {
        let fetch = {
            let mut keys = self.keys();
            let may_ask = keys.asked.is_none_or(|asked| now.duration_since(asked) >= PAUSE);
            match &self.source {
                Some(fetch) if may_ask && !keys.set.knows(token) => {
                    keys.asked = Some(now);
                    fetch
                }
                _ => return Ok(keys.set.clone()),
            }
        };
        let set = self.published(&**fetch).await.map_err(|error| NotAuthenticated(error.to_string()))?;
        let set = Arc::new(set);
        self.keys().set = set.clone();
        Ok(set)
    }

    async fn published(&self, fetch: &dyn Fetch) -> Result<KeySet> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let configuration = read(fetch, &url).await?;
        let set = read(fetch, configuration.text("jwks_uri")).await?;
        Ok(KeySet::read(&set))
    }

    fn judge(&self, claims: &Value, now: Timestamp) -> Result<User, String> {
        check_time(claims, now)?;
        let audiences = claims.at("aud");
        let is_meant = audiences == self.client.as_str() || claims.texts("aud").any(|one| one == self.client);
        if !is_meant {
            return Err(format!("oidc: verify token: expected audience {:?} got {audiences}", self.client));
        }
        for (claim, wanted) in &self.required {
            if claims.text(claim) != wanted {
                return Err(format!("oidc: required claim {claim} value does not match"));
            }
        }
        let name = &self.username.name;
        let value = claims.text(name);
        if value.is_empty() {
            return Err(format!("oidc: parse username claims {name:?}: claim not present"));
        }
        if name == "email" && claims.at("email_verified") == &Value::Bool(false) {
            return Err("oidc: email not verified".to_owned());
        }
        let groups = self.groups.as_ref().map(|claim| claim.values(claims)).unwrap_or_default();
        Ok(User { name: format!("{}{value}", self.username.prefix), groups, ..User::default() })
    }
}

impl Claim {
    /// The values of a claim that is a text or a list.
    fn values(&self, claims: &Value) -> Vec<String> {
        let prefixed = |value: &str| format!("{}{value}", self.prefix);
        match claims.at(&self.name) {
            Value::String(one) => vec![prefixed(one)],
            _ => claims.texts(&self.name).map(prefixed).collect(),
        }
    }
}

fn check_time(claims: &Value, now: Timestamp) -> Result<(), String> {
    let time = |name: &str| claims.int(name).and_then(|seconds| Timestamp::from_second(seconds).ok());
    let expires = time("exp").ok_or("oidc: verify token: the token has no expiry")?;
    if now > expires {
        return Err(format!("oidc: verify token: oidc: token is expired (Token Expiry: {expires})"));
    }
    let later = now.saturating_add(LEEWAY).unwrap_or(now);
    if time("nbf").is_some_and(|from| later < from) {
        return Err("oidc: verify token: current time before the nbf (not before) time".to_owned());
    }
    Ok(())
}

#[async_trait]
impl Authenticator for Oidc {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        let Some(token) = credentials.token else { return Ok(None) };
        if issuer(token).is_none_or(|issuer| issuer != self.issuer) {
            return Ok(None);
        }
        let keys = self.keys_for(token, credentials.now).await?;
        let unsigned = || NotAuthenticated("oidc: verify token: failed to verify signature".to_owned());
        let claims = keys.verify(token).ok_or_else(unsigned)?;
        let user = self.judge(&claims, credentials.now).map_err(NotAuthenticated)?;
        Ok(Some(Identity { user, audiences: credentials.audiences.to_vec() }))
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc")
            .field("issuer", &self.issuer)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Reads an object that somebody publishes.
async fn read(fetch: &dyn Fetch, url: &str) -> Result<Value> {
    let request = http::Request::builder().uri(url).header(http::header::ACCEPT, "application/json");
    let request = request.body(Bytes::new()).map_err(Error::internal)?;
    let answer = fetch.fetch(request).await?;
    if !answer.status().is_success() {
        return Err(Error::internal(format!("{url} answered {}", answer.status())));
    }
    serde_json::from_slice(answer.body()).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn judged(claims: Value) -> Result<User, String> {
        let oidc = Oidc::with_keys("https://idp", "kube", &json!({})).groups("groups", "oidc:");
        oidc.judge(&claims, Timestamp::from_second(100).unwrap())
    }

    #[test]
    fn the_user_is_told_apart_from_those_of_others() {
        let user = judged(json!({"sub": "ann", "aud": ["kube"], "exp": 200, "groups": ["dev"]})).unwrap();
        assert_eq!((user.name.as_str(), user.groups), ("https://idp#ann", vec!["oidc:dev".to_owned()]));
    }

    #[test]
    fn tokens_that_are_old_or_for_others_prove_nothing() {
        assert!(judged(json!({"sub": "ann", "aud": "kube", "exp": 99})).is_err());
        assert!(judged(json!({"sub": "ann", "aud": "kube"})).is_err());
        assert!(judged(json!({"sub": "ann", "aud": "other", "exp": 200})).is_err());
        assert!(judged(json!({"aud": "kube", "exp": 200})).is_err());
    }
}
