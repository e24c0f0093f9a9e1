//! What a token says.

use jiff::Timestamp;
use steersman_core::tree::{Value, json};

use crate::user;

/// An object that a token lives and dies with.
pub(crate) struct Bound {
    /// `pod`, `secret` or `node`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// What a new token is to say.
pub(crate) struct Claims<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) audiences: &'a [String],
    /// The token's own identity.
    pub(crate) id: String,
    pub(crate) now: Timestamp,
    pub(crate) lifetime_seconds: i64,
    /// From when on its use is out of date, though still allowed.
    pub(crate) warn_after_seconds: Option<i64>,
    pub(crate) bound: Vec<Bound>,
}

impl Claims<'_> {
    pub(super) fn to_value(&self, issuer: &str) -> Value {
        let now = self.now.as_second();
        let mut kubernetes = json!({
            "namespace": self.namespace,
            "serviceaccount": {"name": self.name, "uid": self.uid},
        });
        for bound in &self.bound {
            kubernetes[bound.kind] = match bound.uid.as_str() {
                "" => json!({"name": bound.name}),
                uid => json!({"name": bound.name, "uid": uid}),
            };
        }
        if let Some(seconds) = self.warn_after_seconds {
            kubernetes["warnafter"] = now.saturating_add(seconds).into();
        }
        json!({
            "iss": issuer,
            "sub": user::service_account_name(self.namespace, self.name),
            "aud": self.audiences,
            "exp": now.saturating_add(self.lifetime_seconds),
            "nbf": now,
            "iat": now,
            "jti": self.id,
            "kubernetes.io": kubernetes,
        })
    }
}
