//! Whether what a token says still holds: its time, its account, and what it is bound to.

use jiff::{SignedDuration, Timestamp};
use steersman_core::Object;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use crate::authenticate::Credentials;
use crate::tree::Read;
use crate::user::{self, User};

/// By how much the clocks of two machines may differ.
const LEEWAY: SignedDuration = SignedDuration::from_mins(1);

const INVALIDATED: &str = "service account token has been invalidated";

/// Whose token it is, or why it is nobody's any more.
pub(super) fn user(claims: &Value, credentials: &Credentials<'_>) -> Result<User, String> {
    check_time(claims, credentials.now)?;
    let kubernetes = claims.at("kubernetes.io");
    let (namespace, account) = (kubernetes.text("namespace"), kubernetes.at("serviceaccount"));
    let at = Place { credentials, namespace };
    at.check_account(account)?;
    for (kind, resource) in [("secret", "secrets"), ("pod", "pods")] {
        if kubernetes.has(kind) {
            at.check_bound(kind, resource, kubernetes.at(kind))?;
        }
    }
    // The node of a pod is told, the node that a token is bound to is checked.
    let cluster_wide = Place { credentials, namespace: "" };
    if kubernetes.has("node") && !kubernetes.has("pod") {
        cluster_wide.check_bound("node", "nodes", kubernetes.at("node"))?;
    }
    Ok(told(claims, kubernetes))
}

fn check_time(claims: &Value, now: Timestamp) -> Result<(), String> {
    let time = |name: &str| claims.int(name).and_then(|seconds| Timestamp::from_second(seconds).ok());
    let later = now.saturating_add(LEEWAY).unwrap_or(now);
    let earlier = now.saturating_sub(LEEWAY).unwrap_or(now);
    if time("nbf").is_some_and(|from| later < from) {
        return Err("service account token is not valid yet".to_owned());
    }
    if time("exp").is_some_and(|until| earlier > until) {
        return Err("service account token has expired".to_owned());
    }
    if time("iat").is_some_and(|issued| later < issued) {
        return Err("service account token is issued in the future".to_owned());
    }
    Ok(())
}

/// Where the objects are that a token speaks of.
struct Place<'a> {
    credentials: &'a Credentials<'a>,
    namespace: &'a str,
}

impl Place<'_> {
    fn get(&self, resource: &'static str, name: &str) -> Option<Object> {
        self.credentials.cluster.get(&GroupResource::new("", resource), self.namespace, name)
    }

    fn check_account(&self, account: &Value) -> Result<(), String> {
        let (name, uid) = (account.text("name"), account.text("uid"));
        let there = self.get("serviceaccounts", name);
        let there = there.ok_or_else(|| format!("serviceaccounts {name:?} not found"))?;
        if there.uid() != uid {
            return Err(format!("service account UID ({}) does not match claim ({uid})", there.uid()));
        }
        if self.is_gone(&there) {
            return Err(format!("service account {}/{name} has been deleted", self.namespace));
        }
        Ok(())
    }

    fn check_bound(&self, kind: &str, resource: &'static str, claimed: &Value) -> Result<(), String> {
        let uid = claimed.text("uid");
        let there = self.get(resource, claimed.text("name")).filter(|there| !self.is_gone(there));
        let there = there.ok_or_else(|| INVALIDATED.to_owned())?;
        if there.uid() != uid {
            let theirs = there.uid();
            return Err(format!(
                "{kind} UID ({theirs}) does not match service account {kind} ref claim ({uid})"
            ));
        }
        Ok(())
    }

    /// What was deleted some time ago counts as gone, though finalizers may keep it.
    fn is_gone(&self, object: &Object) -> bool {
        let deleted = object.metadata().deletion_timestamp.as_ref();
        deleted.is_some_and(|deleted| {
            deleted.0.saturating_add(LEEWAY).is_ok_and(|end| end < self.credentials.now)
        })
    }
}

fn told(claims: &Value, kubernetes: &Value) -> User {
    let namespace = kubernetes.text("namespace");
    let account = kubernetes.at("serviceaccount");
    let mut user = User {
        name: user::service_account_name(namespace, account.text("name")),
        uid: account.text("uid").to_owned(),
        groups: user::service_account_groups(namespace),
        ..User::default()
    };
    let mut add = |key: &str, value: String| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
    };
    if !claims.text("jti").is_empty() {
        add("credential-id", format!("JTI={}", claims.text("jti")));
    }
    for kind in ["pod", "node"] {
        for part in ["name", "uid"] {
            let value = kubernetes.at(kind).text(part);
            if !value.is_empty() {
                add(&format!("{kind}-{part}"), value.to_owned());
            }
        }
    }
    user
}
