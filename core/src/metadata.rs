//! Validates the metadata that every object has, when it is created and when it is updated.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/api/validation`. Not here: `managedFields`, which belong to
//! server-side apply, and whether an update must carry a `resourceVersion`, which depends on the resource.

use crate::tree::Value;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

use crate::field::{self, Error, ErrorList, Path, Shown};
use crate::labels::{qualified_name, validate_annotations, validate_labels};
use crate::names::dns_label;
use crate::object::Metadata;
use crate::resource::{GroupVersionKind, Scope};

/// The finalizer by which a namespace waits to be emptied.
pub const KUBERNETES: &str = "kubernetes";
/// The finalizer of an object whose dependents are to be orphaned before it goes.
pub const ORPHAN_DEPENDENTS: &str = "orphan";
/// The finalizer of an object whose dependents are to be deleted before it goes.
pub const DELETE_DEPENDENTS: &str = "foregroundDeletion";

const IMMUTABLE: &str = "field is immutable";

/// Validates the metadata of a new object after its name was generated. `name_rule` says what is wrong with a name, or
/// with the start of one, as [`names::dns_subdomain`](crate::names::dns_subdomain) does.
pub fn validate(
    metadata: &Metadata,
    scope: Scope,
    name_rule: impl Fn(&str, bool) -> Vec<String>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let invalid = |field: &str, value: &str, faults: Vec<String>| -> ErrorList {
        faults.into_iter().map(|why| Error::invalid(&path.child(field), value, why)).collect()
    };
    if !metadata.generate_name.is_empty() {
        let faults = name_rule(&metadata.generate_name, true);
        errors.extend(invalid("generateName", &metadata.generate_name, faults));
    }
    if metadata.name.is_empty() {
        errors.push(Error::required(&path.child("name"), "name or generateName is required"));
    } else {
        errors.extend(invalid("name", &metadata.name, name_rule(&metadata.name, false)));
    }
    errors.extend(namespace_errors(&metadata.namespace, scope, &path.child("namespace")));
    if metadata.generation < 0 {
        let why = "must be greater than or equal to 0";
        errors.push(Error::invalid(&path.child("generation"), metadata.generation, why));
    }
    errors.extend(common_errors(metadata, path));
    errors.extend(finalizer_errors(&metadata.finalizers, &path.child("finalizers")));
    errors
}

/// What built-in kinds ask of finalizers beyond that: a domain, or one of Kubernetes' own.
pub fn validate_finalizers_of_builtin(finalizers: &[String], path: &Path<'_>) -> ErrorList {
    let standard = [KUBERNETES, ORPHAN_DEPENDENTS, DELETE_DEPENDENTS];
    let bare = |name: &str| !name.contains('/') && !standard.contains(&name);
    let bad = finalizers.iter().enumerate().filter(|(_, name)| bare(name));
    let why = "name is neither a standard finalizer name nor is it fully qualified";
    bad.map(|(index, name)| Error::invalid(&path.index(index), name, why)).collect()
}

/// Validates the metadata of an object about to replace `old`.
pub fn validate_update(new: &Metadata, old: &Metadata, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if old.is_terminating() {
        errors.extend(new_finalizers(new, old).map(|why| Error::forbidden(&path.child("finalizers"), why)));
    }
    if new.generation < old.generation {
        errors.push(Error::invalid(&path.child("generation"), new.generation, "must not be decremented"));
    }
    let mut immutable = |field: &str, same: bool, value: Value| {
        if !same {
            errors.push(Error::invalid(&path.child(field), value, IMMUTABLE));
        }
    };
    immutable("name", new.name == old.name, new.name.as_str().into());
    immutable("namespace", new.namespace == old.namespace, new.namespace.as_str().into());
    immutable("uid", new.uid == old.uid, new.uid.as_str().into());
    let (created, deleted) = (&new.creation_timestamp, &new.deletion_timestamp);
    immutable("creationTimestamp", *created == old.creation_timestamp, time(created));
    immutable("deletionTimestamp", *deleted == old.deletion_timestamp, time(deleted));
    let grace = new.deletion_grace_period_seconds;
    immutable("deletionGracePeriodSeconds", grace == old.deletion_grace_period_seconds, grace.into());
    errors.extend(common_errors(new, path));
    errors
}

fn common_errors(metadata: &Metadata, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_labels(&metadata.labels, &path.child("labels"));
    errors.extend(validate_annotations(&metadata.annotations, &path.child("annotations")));
    errors.extend(owner_errors(&metadata.owner_references, &path.child("ownerReferences")));
    errors
}

fn namespace_errors(namespace: &str, scope: Scope, path: &Path<'_>) -> ErrorList {
    match (scope, namespace.is_empty()) {
        (Scope::Namespaced, true) => vec![Error::required(path, "")],
        (Scope::Namespaced, false) => {
            dns_label(namespace, false).into_iter().map(|why| Error::invalid(path, namespace, why)).collect()
        }
        (Scope::Cluster, true) => Vec::new(),
        (Scope::Cluster, false) => vec![Error::forbidden(path, "not allowed on this type")],
    }
}

fn owner_errors(owners: &[OwnerReference], path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = owners.iter().flat_map(|owner| one_owner_errors(owner, path)).collect();
    let mut controllers = owners
        .iter()
        .filter(|owner| owner.controller == Some(true))
        .map(|owner| format!("{}/{}", owner.kind, owner.name));
    if let Some(first) = controllers.next() {
        errors.extend(controllers.map(|another| {
            let why = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {first} and \
                 {another}"
            );
            Error::invalid(path, Owners(owners), why)
        }));
    }
    errors
}

fn one_owner_errors(owner: &OwnerReference, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let gvk = GroupVersionKind::from_api_version(&owner.api_version, &owner.kind);
    if gvk.version.is_empty() || gvk.group.contains('/') {
        let path = path.child("apiVersion");
        errors.push(Error::invalid(&path, &owner.api_version, "version must not be empty"));
    }
    for (field, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
        if value.is_empty() {
            errors.push(Error::invalid(&path.child(field), value, "must not be empty"));
        }
    }
    if (&*gvk.group, &*gvk.version, &*gvk.kind) == ("", "v1", "Event") {
        let why = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(Error::invalid(path, Owner(owner), why));
    }
    errors
}

fn finalizer_errors(finalizers: &[String], path: &Path<'_>) -> ErrorList {
    let faults = |name: &String| -> ErrorList {
        qualified_name(name).into_iter().map(|why| Error::invalid(path, name, why)).collect()
    };
    let mut errors: ErrorList = finalizers.iter().flat_map(faults).collect();
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN_DEPENDENTS) && has(DELETE_DEPENDENTS) {
        let why = format!("finalizer {ORPHAN_DEPENDENTS} and {DELETE_DEPENDENTS} cannot be both set");
        errors.push(Error::invalid(path, Value::from(finalizers.to_vec()), why));
    }
    errors
}

fn new_finalizers(new: &Metadata, old: &Metadata) -> Option<String> {
    let mut added: Vec<String> = new
        .finalizers
        .iter()
        .filter(|name| !old.finalizers.contains(name))
        .map(|name| field::quote(name))
        .collect();
    added.sort_unstable();
    added.dedup();
    (!added.is_empty()).then(|| {
        format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        )
    })
}

fn time(time: &Option<Time>) -> Value {
    time.as_ref().map_or(Value::Null, |time| time.0.to_string().into())
}

/// Owner references print their fields in upstream's order.
struct Owner<'a>(&'a OwnerReference);

struct Owners<'a>(&'a [OwnerReference]);

impl Shown for Owner<'_> {
    fn shown(&self) -> String {
        let OwnerReference { api_version, kind, name, uid, controller, block_owner_deletion } = self.0;
        let mut fields: Vec<String> =
            [("apiVersion", api_version), ("kind", kind), ("name", name), ("uid", uid)]
                .map(|(field, value)| format!("\"{field}\":{}", Value::from(value.as_str())))
                .into();
        let flags = [("controller", controller), ("blockOwnerDeletion", block_owner_deletion)];
        fields
            .extend(flags.iter().filter_map(|(field, flag)| Some(format!("\"{field}\":{}", flag.as_ref()?))));
        format!("{{{}}}", fields.join(","))
    }
}

impl Shown for Owners<'_> {
    fn shown(&self) -> String {
        let owners: Vec<String> = self.0.iter().map(|owner| Owner(owner).shown()).collect();
        format!("[{}]", owners.join(","))
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::json;

    use super::*;
    use crate::names::dns_subdomain;

    fn read(metadata: Value) -> Metadata {
        crate::tree::from_value(metadata).unwrap()
    }

    fn created(metadata: Value) -> Vec<String> {
        let errors = validate(&read(metadata), Scope::Namespaced, dns_subdomain, &Path::new("metadata"));
        errors.iter().map(ToString::to_string).collect()
    }

    fn owned_by(owners: Value) -> Vec<String> {
        created(json!({"name": "a", "namespace": "b", "ownerReferences": owners}))
    }

    #[test]
    fn a_new_object_needs_a_good_name_and_namespace() {
        assert_eq!(created(json!({"name": "a", "namespace": "b"})), Vec::<String>::new());
        let bare = created(json!({}));
        assert_eq!(
            bare,
            [
                "metadata.name: Required value: name or generateName is required",
                "metadata.namespace: Required value"
            ]
        );
        let bad =
            created(json!({"name": "A-x", "generateName": "Abc-", "namespace": "a.b", "generation": -1}));
        assert!(
            bad[0].starts_with(
                "metadata.generateName: Invalid value: \"Abc-\": a lowercase RFC 1123 subdomain"
            )
        );
        assert!(bad[1].starts_with("metadata.name: Invalid value: \"A-x\": a lowercase RFC 1123 subdomain"));
        assert_eq!(bad[2], "metadata.namespace: Invalid value: \"a.b\": must not contain dots");
        assert_eq!(bad[3], "metadata.generation: Invalid value: -1: must be greater than or equal to 0");
        let namespaced = read(json!({"name": "a", "namespace": "b"}));
        let errors = validate(&namespaced, Scope::Cluster, dns_subdomain, &Path::new("metadata"));
        assert_eq!(errors[0].to_string(), "metadata.namespace: Forbidden: not allowed on this type");
    }

    #[test]
    fn owners_are_complete_and_at_most_one_is_the_controller() {
        let path = "metadata.ownerReferences";
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "Set", "name": "x", "uid": "1", "controller": true});
        assert_eq!(owned_by(json!([owner])), Vec::<String>::new());
        let two = owned_by(json!([owner, owner]));
        let shown = r#"{"apiVersion":"apps/v1","kind":"Set","name":"x","uid":"1","controller":true}"#;
        assert_eq!(
            two,
            [format!(
                "{path}: Invalid value: [{shown},{shown}]: Only one reference can have Controller set to true. Found \
                 \"true\" in references for Set/x and Set/x"
            )]
        );
        let empty = owned_by(json!([{"apiVersion": "apps/", "kind": "", "name": "", "uid": ""}]));
        assert_eq!(
            empty[0],
            format!("{path}.apiVersion: Invalid value: \"apps/\": version must not be empty")
        );
        assert_eq!(empty[3], format!("{path}.uid: Invalid value: \"\": must not be empty"));
        let event = owned_by(json!([{"apiVersion": "v1", "kind": "Event", "name": "o", "uid": "1"}]));
        assert_eq!(
            event,
            [format!(
                "{path}: Invalid value: {{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"o\",\"uid\":\"1\"}}: /v1, \
                 Kind=Event is disallowed from being an owner"
            )]
        );
    }

    #[test]
    fn finalizers_are_qualified_names_that_do_not_contradict_each_other() {
        let both =
            created(json!({"name": "a", "namespace": "b", "finalizers": ["orphan", "foregroundDeletion"]}));
        assert_eq!(
            both,
            [
                "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and \
              foregroundDeletion cannot be both set"
            ]
        );
        let names = ["kubernetes", "bare", "example.com/x"].map(String::from);
        let errors = validate_finalizers_of_builtin(&names, &Path::new("finalizers"));
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "finalizers[1]: Invalid value: \"bare\": name is neither a standard finalizer name nor is it fully \
              qualified"
            ]
        );
    }

    #[test]
    fn an_update_keeps_identity_and_adds_no_finalizer_to_what_is_going() {
        let old =
            json!({"name": "a", "namespace": "b", "uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        let mut new = old.clone();
        assert_eq!(validate_update(&read(new.clone()), &read(old.clone()), &Path::new("metadata")), []);
        new["uid"] = json!("2");
        new["deletionTimestamp"] = json!(null);
        new["finalizers"] = json!(["example.com/c"]);
        new["deletionGracePeriodSeconds"] = json!(5);
        let errors = validate_update(&read(new), &read(old), &Path::new("metadata"));
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found \
                 new finalizers []string{\"example.com/c\"}",
                "metadata.uid: Invalid value: \"2\": field is immutable",
                "metadata.deletionTimestamp: Invalid value: null: field is immutable",
                "metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable",
            ]
        );
    }
}
