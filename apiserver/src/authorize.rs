//! Decides whether a user may make a request.

use async_trait::async_trait;
use steersman_core::api::Target;
use steersman_core::resource::GroupResource;
use steersman_core::{Error, Result};

use crate::user::User;

/// What somebody wants to do; upstream's `authorizer.Attributes`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// Who.
    pub user: &'a User,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'a str,
    /// To what.
    pub target: &'a Target,
}

/// Somebody who decides. May be asked repeatedly for one request.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Whether the access is allowed.
    async fn allows(&self, access: Access<'_>) -> bool;
}

/// Asks the authoriser, if there is one; 403 in upstream's words where it refuses.
pub(crate) async fn check(authorizer: Option<&dyn Authorizer>, access: Access<'_>) -> Result<()> {
    match authorizer {
        Some(authorizer) if !authorizer.allows(access).await => Err(refusal(access)),
        _ => Ok(()),
    }
}

fn refusal(access: Access<'_>) -> Error {
    let Target { resource, namespace, name, subresource } = access.target;
    let mut full = resource.resource.to_string();
    if !subresource.is_empty() {
        full = format!("{full}/{subresource}");
    }
    let place = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let why = format!(
        "User {:?} cannot {} resource {full:?} in API group {:?} {place}",
        access.user.name, access.verb, resource.group
    );
    Error::forbidden(&GroupResource::new(resource.group.clone(), full), name, why)
}
