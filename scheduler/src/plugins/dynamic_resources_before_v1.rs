//! Refuses pods that claim dynamic resources: the API of Kubernetes before 1.34 has no stable resource claims.
//!
//! Pods without claims, nearly all, are treated as upstream's plugin treats them.

use std::sync::Arc;

use steersman_core::Client;

use super::{Configured, NoArgs};
use crate::attempt::Attempt;
use crate::decision::Nomination;
use crate::event::{Event, Wake};
use crate::plugin::{Filter, NoRemedy, Plugin, PostFilter, Prepared};
use crate::pod::PodInfo;
use crate::signature::Signature;
use crate::snapshot::Snapshot;
use crate::verdict::Rejection;

/// Refuses pods with `spec.resourceClaims`.
#[derive(Debug, Default)]
pub struct DynamicResources;

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        "DynamicResources"
    }

    fn wakes(&self, _: &PodInfo, _: &Event) -> Wake {
        Wake::Skip
    }

    fn sign(&self, pod: &PodInfo, _: &Snapshot, signature: &mut Signature) {
        signature.add(&pod.spec().and_then(|spec| spec.resource_claims.as_ref()));
    }

    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }

    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }
}

impl Filter for DynamicResources {
    fn prepare(&self, pod: &Arc<PodInfo>, _: &Snapshot) -> Prepared {
        let claims = pod.spec().and_then(|spec| spec.resource_claims.as_ref());
        if claims.is_some_and(|claims| !claims.is_empty()) {
            return Prepared::Reject(Rejection::unresolvable(
                "resource claims need Kubernetes 1.34 or later",
            ));
        }
        Prepared::Skip
    }
}

impl PostFilter for DynamicResources {
    /// There are never claims to deallocate. Where preparing the filters ended early, upstream's plugin misses its
    /// state and says so; the search for a remedy ends with that.
    fn remedy(&self, attempt: &mut Attempt<'_>) -> Result<Nomination, NoRemedy> {
        let rejection = match attempt.filters {
            Some(_) => Rejection::unschedulable("no new claims to deallocate"),
            None => Rejection::error("not found"),
        };
        Err(NoRemedy::because(rejection))
    }
}

impl Configured for DynamicResources {
    type Args = NoArgs;

    fn configured(_: NoArgs) -> Self {
        DynamicResources
    }
}

/// There is nothing to give back.
pub(crate) async fn deallocate(_: &Client, _: &PodInfo, _: &str) -> steersman_core::Result<()> {
    Ok(())
}
