//! Tokens that lie in Secrets and never expire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Value, json};

use crate::authenticate::Credentials;
use crate::tree::Read;
use crate::user::{self, User};

/// Who makes them, whoever that is.
pub(super) const ISSUER: &str = "kubernetes/serviceaccount";

const NAMESPACE: &str = "kubernetes.io/serviceaccount/namespace";
const SECRET: &str = "kubernetes.io/serviceaccount/secret.name";
const ACCOUNT: &str = "kubernetes.io/serviceaccount/service-account.name";
const UID: &str = "kubernetes.io/serviceaccount/service-account.uid";

const INVALIDATED: &str = "Token has been invalidated";

/// What such a token says.
pub(super) fn claims(namespace: &str, name: &str, uid: &str, secret: &str) -> Value {
    json!({
        "iss": ISSUER,
        "sub": user::service_account_name(namespace, name),
        NAMESPACE: namespace,
        SECRET: secret,
        ACCOUNT: name,
        UID: uid,
    })
}

/// Whose token it is, or why it is nobody's any more.
pub(super) fn user(claims: &Value, credentials: &Credentials<'_>) -> Result<User, String> {
    let claim = |key: &str, what: &str| {
        let value = claims.text(key);
        if value.is_empty() { Err(format!("{what} claim is missing")) } else { Ok(value) }
    };
    let subject = claim("sub", "sub")?;
    let namespace = claim(NAMESPACE, "namespace")?;
    let secret = claim(SECRET, "secretName")?;
    let account = claim(ACCOUNT, "serviceAccountName")?;
    let uid = claim(UID, "serviceAccountUID")?;
    if user::as_service_account(subject) != Some((namespace, account)) {
        return Err("sub claim is invalid".to_owned());
    }
    check_secret(namespace, secret, credentials)?;
    check_account(namespace, account, uid, credentials)?;
    let groups = user::service_account_groups(namespace);
    Ok(User { name: subject.to_owned(), uid: uid.to_owned(), groups, ..User::default() })
}

fn check_secret(namespace: &str, name: &str, credentials: &Credentials<'_>) -> Result<(), String> {
    let there = credentials.cluster.get(&GroupResource::new("", "secrets"), namespace, name);
    let there = there.filter(|secret| !secret.metadata().is_terminating());
    let tree = there.and_then(|secret| secret.to_value().ok()).ok_or(INVALIDATED)?;
    let kept = STANDARD.decode(tree.at("data").text("token")).unwrap_or_default();
    if Some(kept.as_slice()) != credentials.token.map(str::as_bytes) {
        return Err("Token does not match server's copy".to_owned());
    }
    Ok(())
}

fn check_account(
    namespace: &str,
    name: &str,
    uid: &str,
    credentials: &Credentials<'_>,
) -> Result<(), String> {
    let there = credentials.cluster.get(&GroupResource::new("", "serviceaccounts"), namespace, name);
    let there = there.filter(|account| !account.metadata().is_terminating());
    let there = there.ok_or_else(|| format!("ServiceAccount {namespace}/{name} has been deleted"))?;
    if there.uid() != uid {
        return Err(format!("ServiceAccount UID ({}) does not match claim ({uid})", there.uid()));
    }
    Ok(())
}
