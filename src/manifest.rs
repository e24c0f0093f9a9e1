//! Reads manifests as users write them: YAML documents, lists among them, each one object.

use steersman_core::api::{FieldValidation, Patch, Target, WriteOptions};
use steersman_core::resource::{ApiResource, GroupVersionKind, Scope};
use steersman_core::tree::Value;
use steersman_core::{Client, Error, Object, Result};

/// More documents than this in one text are refused.
const MAX_DOCUMENTS: usize = 10_000;

/// Who owns the fields that manifests set.
const MANAGER: &str = "steersman";

/// The objects of a YAML (or JSON) text, in order; lists are taken apart, empty documents skipped.
pub(crate) fn objects(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|error| Error::bad_request(format!("error parsing the manifest: {error}")))?;
    if documents.len() > MAX_DOCUMENTS {
        return Err(Error::bad_request(format!("a manifest may hold at most {MAX_DOCUMENTS} documents")));
    }
    Ok(documents.into_iter().filter(|document| !document.is_null()).flat_map(items).collect())
}

fn items(mut document: Value) -> Vec<Value> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items.into_vec(),
        _ => vec![document],
    }
}

/// Whether an apply takes fields over that others have set to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflicts {
    /// It is refused.
    Refuse,
    /// It takes them over.
    TakeOver,
}

/// Applies the object as `kubectl apply --server-side` does: strictly, under one field manager.
pub(crate) async fn apply(client: &Client, mut manifest: Value, conflicts: Conflicts) -> Result<Object> {
    let target = target(client, &manifest).await?;
    if !target.namespace.is_empty() {
        manifest["metadata"]["namespace"] = target.namespace.as_str().into();
    }
    let options = WriteOptions {
        field_manager: MANAGER.to_owned(),
        field_validation: FieldValidation::Strict,
        force: conflicts == Conflicts::TakeOver,
        ..WriteOptions::default()
    };
    client.api().patch(&target, Patch::Apply(manifest), &options).await
}

/// Where an object goes: its kind says the resource, its metadata the namespace and name.
async fn target(client: &Client, manifest: &Value) -> Result<Target> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let gvk = GroupVersionKind::from_api_version(text("/apiVersion"), text("/kind"));
    let resources = client.api().discover().await?;
    let row =
        resources.iter().find(|row| row.gvk() == gvk && row.serves("patch")).ok_or_else(|| no_match(&gvk))?;
    match text("/metadata/name") {
        "" if text("/metadata/generateName").is_empty() => {
            Err(Error::bad_request("resource name may not be empty"))
        }
        "" => Err(Error::bad_request("cannot use generate name with apply")),
        name => Ok(place(row, text("/metadata/namespace"), name)),
    }
}

fn place(row: &ApiResource, namespace: &str, name: &str) -> Target {
    let target = Target::all(row.resource.clone()).named(name);
    match row.scope {
        Scope::Cluster => target,
        Scope::Namespaced if namespace.is_empty() => target.in_namespace("default"),
        Scope::Namespaced => target.in_namespace(namespace),
    }
}

/// What kubectl says of a kind that the server does not have.
fn no_match(gvk: &GroupVersionKind) -> Error {
    let message =
        format!("no matches for kind {:?} in version {:?}", gvk.kind.as_ref(), gvk.api_version().as_str());
    Error::new(steersman_core::error::Reason::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_become_objects() {
        let text = "kind: A\n---\n---\nkind: BList\nitems: [{kind: B}, {kind: B}]\n";
        let kinds: Vec<Value> = objects(text).unwrap().iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B", "B"]);
    }

    #[test]
    fn text_that_is_no_yaml_is_refused() {
        assert_eq!(objects("a: [").unwrap_err().code(), 400);
    }
}
