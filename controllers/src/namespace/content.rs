//! Deletes what is in a namespace: the pods first, then everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{ListOptions, Target};
use steersman_core::resource::{ApiResource, GroupVersionResource, Scope};
use steersman_core::{Client, Object, Result};

use crate::pods::is_finished;

use super::conditions::Findings;

/// How long objects with finalizers are expected to take to go.
const FINALIZER_SECONDS: u64 = 15;

/// The content of one namespace.
pub(super) struct Content<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    /// How long ago the namespace was deleted.
    pub(super) deleted_for: Duration,
}

/// What remains of one resource.
#[derive(Default)]
struct Remainder {
    count: usize,
    finalizers: BTreeMap<String, usize>,
    seconds_left: u64,
    /// Why it could not be deleted, or could be and is still there.
    failure: Option<String>,
}

impl Content<'_> {
    /// Asks for everything to be deleted, and tells what is still there.
    pub(super) async fn delete(&self) -> Findings {
        let mut findings = Findings::default();
        let resources = match self.client.api().discover().await {
            Ok(resources) => deletable(&resources),
            Err(error) => {
                findings.discovery_failure = Some(error.to_string());
                Vec::new()
            }
        };
        let pods = GroupVersionResource::of::<Pod>();
        if let Some(resource) = resources.iter().find(|resource| resource.resource == pods) {
            // The pods are not counted among what remains: the rest is not looked at before they are gone.
            let pods = self.delete_all(resource).await;
            findings.pods_remaining = pods.count;
            findings.seconds_left = pods.seconds_left;
            findings.failures.extend(pods.failure);
            if findings.pods_remaining > 0 {
                return findings;
            }
        }
        for resource in resources.iter().filter(|resource| resource.resource != pods) {
            add(&mut findings, resource, self.delete_all(resource).await);
        }
        findings
    }

    async fn delete_all(&self, resource: &ApiResource) -> Remainder {
        let remainder = self.try_to_delete_all(resource).await;
        remainder
            .unwrap_or_else(|error| Remainder { failure: Some(error.to_string()), ..Remainder::default() })
    }

    async fn try_to_delete_all(&self, resource: &ApiResource) -> Result<Remainder> {
        let estimate = self.grace_left(resource).await?;
        if resource.serves("deletecollection") {
            self.delete_collection(resource).await?;
        } else {
            self.delete_each(resource).await?;
        }
        let left = self.list(resource).await?;
        let mut finalizers = BTreeMap::new();
        for finalizer in left.iter().flat_map(|object| &object.metadata().finalizers) {
            *finalizers.entry(finalizer.clone()).or_default() += 1;
        }
        let (seconds_left, failure) = match (left.is_empty(), estimate, finalizers.is_empty()) {
            (true, ..) => (0, None),
            (false, 0, true) => (0, Some(self.unexpected(resource))),
            (false, 0, false) => (FINALIZER_SECONDS, None),
            (false, estimate, _) => (estimate, None),
        };
        Ok(Remainder { count: left.len(), finalizers, seconds_left, failure })
    }

    /// The longest time that a pod may still take to end, counted from the deletion of the namespace.
    async fn grace_left(&self, resource: &ApiResource) -> Result<u64> {
        if resource.resource != GroupVersionResource::of::<Pod>() {
            return Ok(0);
        }
        let pods = self.client.namespaced::<Pod>(self.namespace).list(&ListOptions::default()).await?;
        let grace = pods.iter().filter(|pod| !is_finished(pod)).filter_map(|pod| {
            pod.spec
                .as_ref()?
                .termination_grace_period_seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
        });
        let longest = grace.max().unwrap_or_default();
        Ok(if self.deleted_for >= Duration::from_secs(longest) { 0 } else { longest })
    }

    /// Nothing is orphaned and nothing held up: all of it goes in any case.
    fn options() -> DeleteOptions {
        DeleteOptions { propagation_policy: Some("Background".to_owned()), ..DeleteOptions::default() }
    }

    async fn delete_collection(&self, resource: &ApiResource) -> Result<()> {
        let (target, everything) = (self.target(resource), ListOptions::default());
        match self.client.api().delete_collection(&target, &Self::options(), &everything).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn delete_each(&self, resource: &ApiResource) -> Result<()> {
        for object in self.list(resource).await? {
            let target = self.target(resource).named(object.name());
            match self.client.api().delete(&target, &Self::options()).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn list(&self, resource: &ApiResource) -> Result<Vec<Object>> {
        if !resource.serves("list") {
            return Ok(Vec::new());
        }
        match self.client.api().list(&self.target(resource), &ListOptions::default()).await {
            Ok(list) => Ok(list.items),
            // The resource has ceased to be served: a custom resource whose definition was deleted.
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn target(&self, resource: &ApiResource) -> Target {
        Target::all(resource.resource.clone()).in_namespace(self.namespace)
    }

    fn unexpected(&self, resource: &ApiResource) -> String {
        let (namespace, GroupVersionResource { group, version, resource }) =
            (self.namespace, &resource.resource);
        format!(
            "unexpected items still remain in namespace: {namespace} for gvr: {group}/{version}, Resource={resource}"
        )
    }
}

/// The namespaced resources whose objects can be deleted, each in its preferred version.
fn deletable(all: &[ApiResource]) -> Vec<ApiResource> {
    let mut seen = BTreeSet::new();
    let mut wanted = all.to_vec();
    wanted.retain(|resource| {
        resource.scope == Scope::Namespaced
            && resource.serves("delete")
            && seen.insert(resource.resource.group_resource())
    });
    wanted
}

fn add(findings: &mut Findings, resource: &ApiResource, remainder: Remainder) {
    findings.seconds_left = findings.seconds_left.max(remainder.seconds_left);
    if remainder.count > 0 {
        let GroupVersionResource { group, resource, .. } = &resource.resource;
        findings.remaining.insert(format!("{resource}.{group}"), remainder.count);
    }
    findings.failures.extend(remainder.failure);
    for (finalizer, count) in remainder.finalizers {
        *findings.finalizers.entry(finalizer).or_default() += count;
    }
}
