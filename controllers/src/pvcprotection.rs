//! Keeps a claim that is being deleted while a pod on a node uses it.
//!
//! <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>. A pod that is on no
//! node yet keeps nothing: no kubelet starts a pod with a claim that is going.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use steersman_core::api::ListOptions;
use steersman_core::cache::{Change, Index};
use steersman_core::owner::is_controlled_by;
use steersman_core::{Client, Result};

use crate::finalizer::{self, Wanted};
use crate::{Actor, Key, Outcome, Sources, View};

const FINALIZER: &str = "kubernetes.io/pvc-protection";

/// Finds pods by the claims that they use, or may.
const BY_CLAIM: Index = Index::new("claim", |object, found| {
    let claims = object.lean::<Pod>().map(|pod| claims(&pod)).unwrap_or_default();
    claims.iter().for_each(|claim| found(&claim.to_string()));
});

/// Keeps the finalizer of claims that are in use.
#[derive(Clone, Debug)]
pub struct PvcProtection {
    client: Client,
}

impl PvcProtection {
    /// Asks `client` for the pods there are before a claim may go.
    pub fn new(client: &Client) -> Self {
        PvcProtection { client: client.clone() }
    }
}

#[async_trait]
impl Actor for PvcProtection {
    type Object = PersistentVolumeClaim;
    const NAME: &'static str = "pvc-protection";

    fn sources(&self) -> Sources {
        Sources::new().watches::<Pod>(claims_of).indexes::<Pod>(BY_CLAIM)
    }

    async fn act(&self, view: &View, claim: &PersistentVolumeClaim) -> Result<Outcome> {
        let mut outcome = Outcome::done();
        match finalizer::wanted(claim, FINALIZER) {
            Wanted::Added => finalizer::add(claim, FINALIZER, &mut outcome),
            Wanted::RemovedIfUnused if !self.is_used(view, claim).await? => {
                finalizer::remove(claim, FINALIZER, &mut outcome);
            }
            Wanted::RemovedIfUnused | Wanted::AsItIs => {}
        }
        Ok(outcome)
    }
}

impl PvcProtection {
    /// Whether a pod uses a claim: a cache may not know the newest, so that the server has the last word.
    async fn is_used(&self, view: &View, claim: &PersistentVolumeClaim) -> Result<bool> {
        let key = Key::of_typed(claim);
        if view.by::<Pod>(&BY_CLAIM, &key.to_string()).iter().any(|pod| uses(pod, claim)) {
            return Ok(true);
        }
        let live = self.client.namespaced::<Pod>(&key.namespace).list(&ListOptions::default()).await?;
        Ok(live.iter().any(|pod| uses(pod, claim)))
    }
}

fn claims_of(_: &View, change: &Change) -> Vec<Key> {
    change.object().lean::<Pod>().map(|pod| claims(&pod)).unwrap_or_default()
}

/// The claims that the volumes of a pod name, and those that would be made for it.
fn claims(pod: &Pod) -> Vec<Key> {
    let named = |volume: &Volume| {
        let own = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone());
        own.or_else(|| volume.ephemeral.as_ref().map(|_| ephemeral_name(pod, volume)))
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    volumes(pod).iter().filter_map(named).map(|name| Key::new(namespace, name)).collect()
}

/// Whether a pod on a node uses a claim. What was made for a pod that has ended for good is used no longer.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let is_bound =
        pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_ref().is_some_and(|node| !node.is_empty()));
    let has_ended =
        pod.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_grace_period_seconds == Some(0);
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let is_it = |volume: &Volume| {
        let named = volume.persistent_volume_claim.as_ref().is_some_and(|source| source.claim_name == name);
        let made = volume.ephemeral.is_some()
            && !has_ended
            && ephemeral_name(pod, volume) == name
            && is_controlled_by(&claim.metadata, pod);
        named || made
    };
    is_bound && volumes(pod).iter().any(is_it)
}

/// What the claim is called that is made for a volume of a pod.
fn ephemeral_name(pod: &Pod, volume: &Volume) -> String {
    format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name)
}

fn volumes(pod: &Pod) -> &[Volume] {
    pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn claim(name: &str, owner: Option<&str>) -> PersistentVolumeClaim {
        let owner = owner.map(
            |uid| json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": true}),
        );
        from_value(json!({"metadata": {
            "name": name, "namespace": "n", "ownerReferences": owner.into_iter().collect::<Vec<_>>()
        }}))
        .unwrap()
    }

    fn pod(node: &str, volume: Value, metadata: Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"nodeName": node, "containers": [], "volumes": [volume]}
        });
        for (name, value) in metadata.as_object().unwrap() {
            pod["metadata"][name] = value.clone();
        }
        from_value(pod).unwrap()
    }

    #[test]
    fn pods_on_nodes_use_the_claims_that_they_name_and_those_made_for_them() {
        let named = || json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}});
        let made = || json!({"name": "v", "ephemeral": {}});
        let ended = || json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0});
        let cases = [
            (pod("a", named(), json!({})), claim("c", None), true),
            (pod("a", named(), json!({})), claim("d", None), false),
            (pod("", named(), json!({})), claim("c", None), false),
            (pod("a", named(), ended()), claim("c", None), true),
            (pod("a", made(), json!({})), claim("p-v", Some("u")), true),
            (pod("a", made(), json!({})), claim("p-v", Some("other")), false),
            (pod("a", made(), json!({})), claim("p-v", None), false),
            (pod("a", made(), ended()), claim("p-v", Some("u")), false),
        ];
        for (pod, claim, expected) in cases {
            assert_eq!(uses(&pod, &claim), expected, "{pod:?} {:?}", claim.metadata.name);
            let led = claims(&pod) == [Key::of_typed(&claim)];
            assert!(led || !expected, "a change of the pod leads to its claim");
        }
    }
}
