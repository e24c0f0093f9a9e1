//! Tokens with which new machines introduce themselves, kept in Secrets of `kube-system`.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::tree::Read;
use crate::user::User;

const GROUP: &str = "system:bootstrappers";

/// How long the two parts of a token are.
const PARTS: (usize, usize) = (6, 16);

/// The longest name of a group behind `system:bootstrappers:`, in bytes.
const GROUP_NAME: usize = 256;

/// Knows bootstrap tokens; upstream's `--enable-bootstrap-token-auth`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootstrapTokens;

#[async_trait]
impl Authenticator for BootstrapTokens {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        let Some((id, secret)) = credentials.token.and_then(split) else { return Ok(None) };
        let name = format!("bootstrap-token-{id}");
        let there = credentials.cluster.get(&GroupResource::new("", "secrets"), "kube-system", &name);
        let there = there.filter(|secret| !secret.metadata().is_terminating());
        let Some(tree) = there.and_then(|secret| secret.to_value().ok()) else { return Ok(None) };
        if !holds(&tree, id, secret, credentials.now) {
            return Ok(None);
        }
        let mut groups = vec![GROUP.to_owned()];
        groups.extend(extra_groups(&data(&tree, "auth-extra-groups")).map_err(NotAuthenticated)?);
        let user = User { name: format!("system:bootstrap:{id}"), groups, ..User::default() };
        Ok(Some(Identity::from(user)))
    }
}

/// The two parts of a token.
fn split(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    ((id.len(), secret.len()) == PARTS && is_plain(id) && is_plain(secret)).then_some((id, secret))
}

fn data(secret: &Value, key: &str) -> String {
    let bytes = STANDARD.decode(secret.at("data").text(key)).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether a Secret is of that token, for this purpose, and still valid.
fn holds(tree: &Value, id: &str, secret: &str, now: Timestamp) -> bool {
    let until = data(tree, "expiration");
    let is_over = !until.is_empty() && until.parse::<Timestamp>().map_or(true, |until| until <= now);
    tree.text("type") == "bootstrap.kubernetes.io/token"
        && data(tree, "token-id") == id
        && is_equal(data(tree, "token-secret").as_bytes(), secret.as_bytes())
        && data(tree, "usage-bootstrap-authentication") == "true"
        && !is_over
}

/// Compares in a time that does not depend on where two texts differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn extra_groups(list: &str) -> Result<Vec<String>, String> {
    let groups = list.split(',').filter(|group| !group.is_empty());
    groups.map(|group| if is_group(group) { Ok(group.to_owned()) } else { Err(no_group(group)) }).collect()
}

fn is_group(group: &str) -> bool {
    let name = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':'));
    name.is_some_and(|name| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (1..=GROUP_NAME).contains(&name.len())
            && name.bytes().all(|byte| plain(byte) || b":-".contains(&byte))
            && name.bytes().next_back().is_some_and(plain)
    })
}

fn no_group(group: &str) -> String {
    format!(
        "bootstrap group {group:?} is invalid (must match system:bootstrappers:[a-z0-9:-]{{0,255}}[a-z0-9])"
    )
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn secret(expiration: &str) -> Value {
        let text = |text: &str| STANDARD.encode(text);
        json!({
            "type": "bootstrap.kubernetes.io/token",
            "data": {
                "token-id": text("abcdef"), "token-secret": text("0123456789abcdef"),
                "usage-bootstrap-authentication": text("true"), "expiration": text(expiration),
            },
        })
    }

    #[test]
    fn a_token_has_two_parts() {
        assert_eq!(split("abcdef.0123456789abcdef"), Some(("abcdef", "0123456789abcdef")));
        assert_eq!(split("abcdef.0123456789abcdeF"), None);
        assert_eq!(split("abcdef"), None);
    }

    #[test]
    fn a_token_holds_until_it_expires() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let holds = |expiration| holds(&secret(expiration), "abcdef", "0123456789abcdef", now);
        assert!(holds(""));
        assert!(holds("2026-01-01T00:00:01Z"));
        assert!(!holds("2026-01-01T00:00:00Z"));
        assert!(!holds("tomorrow"));
    }

    #[test]
    fn groups_begin_alike() {
        assert_eq!(extra_groups("system:bootstrappers:a,system:bootstrappers:b:c").unwrap().len(), 2);
        assert!(extra_groups("system:masters").is_err());
        assert!(extra_groups("system:bootstrappers:a-").is_err());
    }
}
