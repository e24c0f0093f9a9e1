//! Finds how many pods a pod's controller wants.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::ReplicationController;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use steersman_core::api::{GetOptions, Target};
use steersman_core::resource::{ApiResource, GroupVersionKind, Scope};
use steersman_core::versions::optional;
use steersman_core::{Client, Error};

use crate::View;
use crate::specs;

/// The uid of a controller, and how many pods it wants.
pub(super) type Scaled = (String, i32);

/// The owner that manages an object, if one does.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The scale of the controller that `owner` names, or of the one above it; `None` if it does not exist, and a message
/// if it cannot be asked.
pub(super) async fn find(
    view: &View,
    client: &Client,
    owner: &OwnerReference,
    namespace: &str,
) -> Result<Option<Scaled>, String> {
    match known(view, owner, namespace) {
        Some(scale) => Ok(Some(scale)),
        None => asked(client, owner, namespace).await,
    }
}

/// The scale of a built-in workload, from the caches. A ReplicaSet of a Deployment counts as the Deployment.
fn known(view: &View, owner: &OwnerReference, namespace: &str) -> Option<Scaled> {
    let kind = GroupVersionKind::from_api_version(&owner.api_version, &owner.kind);
    let replicas = |replicas: Option<i32>| replicas.unwrap_or(1);
    let (metadata, wanted) = match (&*kind.group, &*kind.kind) {
        ("", "ReplicationController") => {
            let found = view.get::<ReplicationController>(namespace, &owner.name)?;
            (found.metadata.clone(), replicas(found.spec.as_ref().and_then(|spec| spec.replicas)))
        }
        ("apps" | "extensions", "ReplicaSet") => {
            let found = view.get::<ReplicaSet>(namespace, &owner.name)?;
            let above = controller(&found.metadata).filter(|above| above.kind == "Deployment");
            if let Some(above) = above.filter(|_| is(&found.metadata, owner)) {
                return deployment(view, above, namespace);
            }
            (found.metadata.clone(), replicas(specs::of_set(&found).and_then(|spec| spec.replicas)))
        }
        ("apps", "StatefulSet") => {
            let found = view.get::<StatefulSet>(namespace, &owner.name)?;
            (
                found.metadata.clone(),
                replicas(optional::<&StatefulSetSpec>(&found.spec).and_then(|spec| spec.replicas)),
            )
        }
        _ => return None,
    };
    is(&metadata, owner).then(|| (owner.uid.clone(), wanted))
}

fn deployment(view: &View, owner: &OwnerReference, namespace: &str) -> Option<Scaled> {
    let found = view.get::<Deployment>(namespace, &owner.name)?;
    let wanted = specs::of_deployment(&found).and_then(|spec| spec.replicas).unwrap_or(1);
    is(&found.metadata, owner).then(|| (owner.uid.clone(), wanted))
}

fn is(metadata: &ObjectMeta, owner: &OwnerReference) -> bool {
    metadata.uid.as_deref() == Some(&owner.uid)
}

/// The scale of anything that has the subresource `scale`, from the server.
async fn asked(client: &Client, owner: &OwnerReference, namespace: &str) -> Result<Option<Scaled>, String> {
    let resources = client.api().discover().await.map_err(told)?;
    let kind = GroupVersionKind::from_api_version(&owner.api_version, &owner.kind);
    let Some(resource) = resources.iter().find(|resource| resource.gvk() == kind) else {
        let GroupVersionKind { version, .. } = &kind;
        return Err(format!(
            "no matches for kind {:?} in version {:?}",
            owner.kind,
            with_group(&kind, version)
        ));
    };
    if !resource.subresources.iter().any(|subresource| subresource == "scale") {
        let resource = resource.resource.group_resource();
        return Err(format!("{resource} does not implement the scale subresource"));
    }
    match client.api().get(&scale_of(resource, owner, namespace), &GetOptions::default()).await {
        Ok(object) => {
            let scale = object.decode::<Scale>().map_err(told)?;
            let wanted = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
            Ok(is(&scale.metadata, owner).then(|| (owner.uid.clone(), wanted)))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(told(error)),
    }
}

fn with_group(kind: &GroupVersionKind, version: &str) -> String {
    if kind.group.is_empty() { version.to_owned() } else { kind.api_version() }
}

fn scale_of(resource: &ApiResource, owner: &OwnerReference, namespace: &str) -> Target {
    let namespace = if resource.scope == Scope::Namespaced { namespace } else { "" };
    Target::all(resource.resource.clone())
        .in_namespace(namespace)
        .named(owner.name.as_str())
        .subresource("scale")
}

#[expect(clippy::needless_pass_by_value, reason = "for use with map_err")]
fn told(error: Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn owner(kind: &str, name: &str) -> OwnerReference {
        let reference =
            json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true});
        from_value(reference).unwrap()
    }

    fn set(name: &str, replicas: i32, owners: &Value) -> ReplicaSet {
        let metadata = json!({"name": name, "uid": name, "namespace": "a", "ownerReferences": owners});
        from_value(json!({"metadata": metadata, "spec": {"replicas": replicas, "selector": {}}})).unwrap()
    }

    fn view(sets: &[ReplicaSet]) -> View {
        let deployment = json!({
            "metadata": {"name": "web", "uid": "web", "namespace": "a"},
            "spec": {"replicas": 6, "selector": {}, "template": {}},
        });
        View::fixed(Timestamp::UNIX_EPOCH).with(sets).with::<Deployment>(&[from_value(deployment).unwrap()])
    }

    #[test]
    fn a_replica_set_of_a_deployment_counts_as_the_deployment() {
        let owned = set("web-1", 3, &json!([owner("Deployment", "web")]));
        let view = view(&[owned, set("alone", 4, &json!([]))]);
        assert_eq!(known(&view, &owner("ReplicaSet", "web-1"), "a"), Some(("web".to_owned(), 6)));
        assert_eq!(known(&view, &owner("ReplicaSet", "alone"), "a"), Some(("alone".to_owned(), 4)));
    }

    #[test]
    fn a_namesake_of_the_controller_does_not_count() {
        let stranger = OwnerReference { uid: "other".to_owned(), ..owner("ReplicaSet", "alone") };
        assert_eq!(known(&view(&[set("alone", 4, &json!([]))]), &stranger, "a"), None);
    }
}
