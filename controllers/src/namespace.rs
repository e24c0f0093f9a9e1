//! Empties namespaces that are being deleted, then lets them go.
//!
//! Five seconds after the deletion was asked for, everything in the namespace is deleted: first the pods, and once
//! those are gone all else (<https://kep.k8s.io/5080>, `OrderedNamespaceDeletion`). What stays, and why, is told in
//! the namespace's conditions. When nothing is left, the finalizer `kubernetes` is removed through the subresource
//! `finalize`; what other finalizers there are is for their owners.

mod conditions;
mod content;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use steersman_core::api::Target;
use steersman_core::object::to_value;
use steersman_core::resource::GroupVersionResource;
use steersman_core::{Client, Error, Result};

use crate::runner::Operation;
use crate::{Actor, Outcome, View};

use conditions::Findings;
use content::Content;

/// How long nothing is deleted, so that every API server knows that nothing may be created any more.
const GRACE: Duration = Duration::from_secs(5);

const FINALIZER: &str = "kubernetes";

/// Empties namespaces that are being deleted.
#[derive(Clone, Debug)]
pub struct Namespaces {
    client: Client,
}

impl Namespaces {
    /// Finds out through `client` what a namespace holds: whatever resources the server serves at that moment.
    pub fn new(client: &Client) -> Self {
        Namespaces { client: client.clone() }
    }
}

#[async_trait]
impl Actor for Namespaces {
    type Object = Namespace;

    const NAME: &'static str = "namespace";
    const WORKERS: usize = 10;

    async fn act(&self, view: &View, namespace: &Namespace) -> Result<Outcome> {
        let mut outcome = Outcome::done();
        let Some(deletion) = &namespace.metadata.deletion_timestamp else { return Ok(outcome) };
        if finalizers(namespace).is_empty() {
            return Ok(outcome);
        }
        let deleted_for = elapsed(deletion.0, view.now());
        if deleted_for < GRACE {
            outcome.requeue_after(GRACE - deleted_for);
            return Ok(outcome);
        }
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let content = Content { client: &self.client, namespace: name, deleted_for };
        let findings = content.delete().await;
        self.conclude(view.now(), namespace, findings, outcome).await
    }
}

impl Namespaces {
    /// Writes down what was found; an error where something could not be deleted.
    async fn conclude(
        &self,
        now: Timestamp,
        namespace: &Namespace,
        findings: Findings,
        mut outcome: Outcome,
    ) -> Result<Outcome> {
        let mut namespace = namespace.clone();
        if conditions::update(&findings, now, &mut namespace) {
            let name = namespace.metadata.name.clone().unwrap_or_default();
            let updated = self.client.all::<Namespace>().update_status(&namespace).await;
            namespace = match updated {
                Ok(updated) => (*updated).clone(),
                Err(error) if error.is_not_found() => return Ok(outcome),
                Err(error) => return Err(error),
            };
            tracing::debug!(%name, ?findings, "the content of a namespace is being deleted");
        }
        if let Some(error) = findings.error() {
            return Err(Error::internal(error));
        }
        if findings.seconds_left > 0 {
            outcome.requeue_after(Duration::from_secs(findings.seconds_left / 2 + 1));
        } else if findings.is_empty() {
            finalize(&namespace, &mut outcome);
        }
        Ok(outcome)
    }
}

/// Whether objects may be created in the namespace.
pub(crate) fn is_active(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Active") && namespace.metadata.deletion_timestamp.is_none()
}

fn finalizers(namespace: &Namespace) -> &[String] {
    namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_deref()).unwrap_or_default()
}

/// Removes our finalizer; the server removes the namespace with the last one.
fn finalize(namespace: &Namespace, outcome: &mut Outcome) {
    let mut finalized = namespace.clone();
    let mut others = finalizers(namespace).to_vec();
    others.retain(|finalizer| finalizer != FINALIZER);
    others.sort();
    others.dedup();
    finalized.spec.get_or_insert_default().finalizers = Some(others);
    let name = namespace.metadata.name.clone().unwrap_or_default();
    let target = Target::all(GroupVersionResource::of::<Namespace>()).named(name).subresource("finalize");
    let body = to_value(&finalized).expect("every typed object has a JSON form");
    outcome.push(Operation::Update(target, body)).may_be_missing();
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
