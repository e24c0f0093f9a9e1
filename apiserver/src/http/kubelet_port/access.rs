//! Who asks a kubelet, and whether they may: by certificate or TokenReview, and by SubjectAccessReview.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>. Answers are not kept: every request is
//! one question, with a token two.

use http::Method;
use http::request::Parts;
use steersman_core::api::{Target, WriteOptions};
use steersman_core::error::Reason;
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Result};

use super::KubeletPort;
use super::asked::Asked;
use crate::authenticate::{AUTHENTICATED, PeerCertificates, bearer_token};
use crate::tree::Read;
use crate::user::User;

/// # Errors
/// 401 if nobody knows who asks; 403 if they may not.
pub(super) async fn check(port: &KubeletPort, parts: &Parts) -> Result<()> {
    let user = match known(port, parts).await? {
        Some(user) => user,
        None => return Err(Error::new(Reason::Unauthorized, "Unauthorized")),
    };
    let (verb, subresource) = (verb(&parts.method), Asked::of(parts.uri.path()).subresource());
    if is_allowed(port, &user, verb, subresource).await? {
        return Ok(());
    }
    let why = format!(
        "Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{subresource}])",
        user.name
    );
    Err(Error::new(Reason::Forbidden, why))
}

async fn known(port: &KubeletPort, parts: &Parts) -> Result<Option<User>> {
    let chain = parts.extensions.get::<PeerCertificates>().map_or(&[][..], PeerCertificates::chain);
    match port.authorities.user(chain, port.env.now()) {
        Ok(Some(user)) => return Ok(Some(user.in_group(AUTHENTICATED))),
        Ok(None) => {}
        Err(why) => tracing::debug!(%why, "not authenticated"),
    }
    let Some(token) = bearer_token(&parts.headers) else { return Ok(None) };
    let status = review(port, "authentication.k8s.io", "TokenReview", json!({"token": token})).await?;
    Ok(status.flag("authenticated").then(|| User::read(status.at("user"), "username")))
}

async fn is_allowed(port: &KubeletPort, user: &User, verb: &str, subresource: &str) -> Result<bool> {
    let spec = json!({
        "user": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra,
        "resourceAttributes": {
            "verb": verb, "version": "v1", "resource": "nodes", "subresource": subresource, "name": port.node,
        },
    });
    let status = review(port, "authorization.k8s.io", "SubjectAccessReview", spec).await?;
    Ok(status.flag("allowed"))
}

/// What the API server says to a review.
async fn review(port: &KubeletPort, group: &'static str, kind: &str, spec: Value) -> Result<Value> {
    let resource = format!("{}s", kind.to_ascii_lowercase());
    let target = Target::all(GroupVersionResource::new(group, "v1", resource));
    let question = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec});
    let answer = port.client.api().create(&target, question, &WriteOptions::default()).await?;
    Ok(answer.to_value()?.at("status").clone())
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    }
}
