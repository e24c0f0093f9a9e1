//! What the pods of a node use.

use steersman_core::Object;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use crate::authorize::ResourceAccess;
use crate::reader::Reader;
use crate::tree::Read;

/// Fields of a pod that name a Secret, or hold an object that does.
const SECRETS: [&str; 6] =
    ["secretRef", "secretKeyRef", "secret", "secretName", "imagePullSecrets", "nodePublishSecretRef"];

/// Fields of a pod that hold an object which names a ConfigMap.
const CONFIG_MAPS: [&str; 3] = ["configMapRef", "configMapKeyRef", "configMap"];

/// Pods that the kubelet has made itself give it no rights.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What the pods of a node use.
pub(super) struct Uses<'a> {
    node: &'a str,
    cluster: &'a dyn Reader,
}

impl<'a> Uses<'a> {
    pub(super) fn of(node: &'a str, cluster: &'a dyn Reader) -> Self {
        Uses { node, cluster }
    }

    /// Whether one of them uses the object, or is it.
    pub(super) fn any(&self, asked: &ResourceAccess<'_>) -> bool {
        let named = |pod: &dyn Fn(&Value) -> bool| self.pods(asked.namespace).any(|one| pod(&one));
        match asked.resource {
            "pods" => self.get(asked).is_some_and(|pod| pod.at("spec").text("nodeName") == self.node),
            "secrets" => named(&|pod| names(pod.at("spec"), &SECRETS, asked.name)),
            "configmaps" => named(&|pod| names(pod.at("spec"), &CONFIG_MAPS, asked.name)),
            "persistentvolumeclaims" => named(&|pod| claims(pod).any(|claim| claim == asked.name)),
            "serviceaccounts" => named(&|pod| pod.at("spec").text("serviceAccountName") == asked.name),
            "resourceclaims" => named(&|pod| resource_claims(pod).any(|claim| claim == asked.name)),
            "persistentvolumes" => self.get(asked).is_some_and(|volume| self.uses_volume(&volume)),
            "volumeattachments" => {
                self.get(asked).is_some_and(|attachment| attachment.at("spec").text("nodeName") == self.node)
            }
            _ => false,
        }
    }

    fn get(&self, asked: &ResourceAccess<'_>) -> Option<Value> {
        let resource = GroupResource::new(asked.group.to_owned(), asked.resource.to_owned());
        self.cluster.get(&resource, asked.namespace, asked.name)?.to_value().ok()
    }

    /// The pods of the node in a namespace.
    fn pods(&self, namespace: &str) -> impl Iterator<Item = Value> {
        let pods = self.cluster.list(&GroupResource::new("", "pods"), namespace).into_iter();
        let is_mirror = |pod: &Object| pod.metadata().annotations.contains_key(MIRROR);
        let trees = pods.filter(move |pod| !is_mirror(pod)).filter_map(|pod| pod.to_value().ok());
        trees.filter(|pod| pod.at("spec").text("nodeName") == self.node)
    }

    fn uses_volume(&self, volume: &Value) -> bool {
        let claim = volume.at("spec").at("claimRef");
        let name = claim.text("name");
        !name.is_empty() && self.pods(claim.text("namespace")).any(|pod| claims(&pod).any(|one| one == name))
    }
}

/// Whether a tree names an object in one of these fields, at any depth.
fn names(tree: &Value, fields: &[&str], name: &str) -> bool {
    match tree {
        Value::Object(entries) => entries.iter().any(|(field, value)| {
            (fields.contains(&field.as_str()) && is(value, name)) || names(value, fields, name)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, fields, name)),
        _ => false,
    }
}

fn is(reference: &Value, name: &str) -> bool {
    match reference {
        Value::String(text) => text == name,
        Value::Array(items) => items.iter().any(|item| is(item, name)),
        _ => reference.text("name") == name || reference.text("secretName") == name,
    }
}

/// The claims that the volumes of a pod stand for.
fn claims(pod: &Value) -> impl Iterator<Item = String> {
    let name = pod.at("metadata").text("name");
    pod.at("spec").items("volumes").iter().filter_map(move |volume| {
        if volume.has("ephemeral") {
            return Some(format!("{name}-{}", volume.text("name")));
        }
        let claim = volume.at("persistentVolumeClaim").text("claimName");
        (!claim.is_empty()).then(|| claim.to_owned())
    })
}

/// The resource claims of a pod, those made for it too.
fn resource_claims(pod: &Value) -> impl Iterator<Item = &str> {
    let own = pod.at("spec").items("resourceClaims").iter();
    let made = pod.at("status").items("resourceClaimStatuses").iter();
    own.chain(made).map(|claim| claim.text("resourceClaimName")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_pod_names_secrets_in_many_places() {
        let spec = json!({
            "imagePullSecrets": [{"name": "pull"}],
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}]}],
            "volumes": [
                {"secret": {"secretName": "volume"}},
                {"projected": {"sources": [{"secret": {"name": "projected"}}]}},
            ],
        });
        for name in ["pull", "key", "volume", "projected"] {
            assert!(names(&spec, &SECRETS, name), "{name}");
        }
        assert!(!names(&spec, &SECRETS, "k"));
        assert!(!names(&spec, &CONFIG_MAPS, "volume"));
    }

    #[test]
    fn a_pod_has_claims_of_its_own() {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"volumes": [
                {"name": "a", "ephemeral": {}},
                {"name": "b", "persistentVolumeClaim": {"claimName": "c"}},
                {"name": "d", "emptyDir": {}},
            ]},
        });
        assert_eq!(claims(&pod).collect::<Vec<_>>(), ["p-a", "c"]);
    }
}
