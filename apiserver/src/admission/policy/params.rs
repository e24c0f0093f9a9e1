//! Finds the parameters that a binding gives to a policy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use serde::Deserialize;
use steersman_core::Object;
use steersman_core::resource::{GroupResource, GroupVersionKind, Scope};
use steersman_core::selector::LabelSelector;
use steersman_core::tree::Value;

use crate::admission::Attributes;
use crate::tree::Read;

/// Why there are no parameters.
pub(super) enum Unfound {
    /// Nothing is of the policy's kind of parameters.
    Kind(String),
    /// The binding does not lead to any.
    Reference(String),
}

impl Unfound {
    /// What is told of it.
    pub(super) fn told(&self) -> String {
        match self {
            Unfound::Kind(why) => format!("failed to configure policy: {why}"),
            Unfound::Reference(why) => format!("failed to configure binding: {why}"),
        }
    }
}

/// The parameters of a kind that a reference finds: null, if the policy has none, or the binding gives none.
///
/// # Errors
/// Why there are none, in upstream's words.
pub(super) fn of(kind: &Value, reference: &Value, write: &Attributes<'_>) -> Result<Vec<Value>, Unfound> {
    if kind.is_null() {
        return Ok(vec![Value::Null]);
    }
    let gvk = GroupVersionKind::from_api_version(kind.text("apiVersion"), kind.text("kind"));
    let Some((resource, scope)) = write.cluster.resource_of(&gvk) else {
        let GroupVersionKind { group, version, kind, .. } = &gvk;
        let why =
            format!("failed to find resource referenced by paramKind: '{group}/{version}, Kind={kind}'");
        return Err(Unfound::Kind(why));
    };
    if reference.is_null() {
        return Ok(vec![Value::Null]);
    }
    let found = place(reference, scope, write)
        .and_then(|namespace| find(&resource, namespace, reference, write))
        .map_err(Unfound::Reference)?;
    if found.is_empty() && reference.text("parameterNotFoundAction") == "Deny" {
        let why = "no params found for policy binding with `Deny` parameterNotFoundAction";
        return Err(Unfound::Reference(why.to_owned()));
    }
    Ok(found)
}

/// The namespace in which the parameters are.
fn place<'a>(reference: &'a Value, scope: Scope, write: &'a Attributes<'_>) -> Result<&'a str, String> {
    match (scope, reference.text("namespace")) {
        (Scope::Namespaced, "") if write.namespace.is_empty() => {
            Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                .to_owned())
        }
        (Scope::Namespaced, "") => Ok(write.namespace),
        (Scope::Cluster, "") => Ok(""),
        (Scope::Namespaced, given) => Ok(given),
        (Scope::Cluster, _) => {
            Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned())
        }
    }
}

fn find(
    resource: &GroupResource,
    namespace: &str,
    reference: &Value,
    write: &Attributes<'_>,
) -> Result<Vec<Value>, String> {
    let found: Vec<Object> = match reference.text("name") {
        "" => {
            let selector = Option::<v1::LabelSelector>::deserialize(reference.at("selector"));
            let selector = selector.map_err(|why| why.to_string())?.unwrap_or_default();
            let selector = LabelSelector::from_object(Some(&selector)).map_err(|why| why.to_string())?;
            let mut all = write.cluster.list(resource, namespace);
            all.retain(|one| selector.matches(&one.metadata().labels));
            all
        }
        name => write.cluster.get(resource, namespace, name).into_iter().collect(),
    };
    found.iter().map(|one| one.to_value().map_err(|why| why.to_string())).collect()
}
