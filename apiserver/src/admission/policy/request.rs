//! What expressions see of a write.

use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::tree::{Value, json};

use crate::admission::Attributes;
use crate::admission::shown::Shown;
use crate::cel::{Answers, Binding, Declared, Question, Values, namespace_type, request_type};

/// A write, as trees.
pub(in crate::admission) struct Seen {
    /// The object as it is by now; null on delete.
    object: Value,
    old: Value,
    request: Value,
    namespace: Value,
    free: Declared,
    request_declared: Declared,
    namespace_declared: Declared,
}

impl Seen {
    /// A write as it is shown, by the name of a resource.
    pub(in crate::admission) fn of(
        write: &Attributes<'_>,
        shown: &Shown,
        resource: &GroupVersionResource,
        namespace: &Value,
    ) -> Self {
        Seen {
            object: shown.object.clone(),
            old: shown.old.clone(),
            request: request(write, &shown.version.kind, resource),
            namespace: namespace.clone(),
            free: Declared::any(),
            request_declared: Declared::simple(request_type(), 1),
            namespace_declared: Declared::simple(namespace_type(), 1),
        }
    }

    /// What the authoriser has said of a write: nothing so far.
    pub(in crate::admission) fn answers(write: &Attributes<'_>) -> Answers {
        let request = Question {
            group: write.resource.group.to_string(),
            resource: write.resource.resource.to_string(),
            subresource: write.subresource.to_owned(),
            namespace: write.namespace.to_owned(),
            name: write.name_told().to_owned(),
            ..Question::default()
        };
        Answers { request, ..Answers::default() }
    }

    /// The variables of every expression.
    pub(super) fn values<'a>(&'a self, params: &'a Value, answers: &'a Answers) -> Values<'a> {
        Values::new(&[
            ("object", Binding::Json(&self.object, &self.free)),
            ("oldObject", Binding::Json(&self.old, &self.free)),
            ("request", Binding::Json(&self.request, &self.request_declared)),
            ("namespaceObject", Binding::Json(&self.namespace, &self.namespace_declared)),
            ("params", Binding::Json(params, &self.free)),
            ("authorizer", Binding::Authorizer(answers)),
        ])
    }
}

fn request(write: &Attributes<'_>, kind: &GroupVersionKind, resource: &GroupVersionResource) -> Value {
    let user = write.user;
    let (kind, own_kind) = (told_kind(kind), told_kind(write.kind));
    let (resource, own_resource) = (told_resource(resource), told_resource(write.resource));
    json!({
        "kind": kind, "resource": resource, "subResource": write.subresource,
        "requestKind": own_kind, "requestResource": own_resource, "requestSubResource": write.subresource,
        "name": write.name_told(), "namespace": write.namespace_told(), "operation": write.operation.word(),
        "dryRun": write.dry_run,
        "userInfo": {"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra},
        "options": write.options.told(),
    })
}

/// A kind as reviews and expressions are told it.
pub(in crate::admission) fn told_kind(kind: &GroupVersionKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// A resource as reviews and expressions are told it.
pub(in crate::admission) fn told_resource(resource: &GroupVersionResource) -> Value {
    json!({"group": resource.group, "version": resource.version, "resource": resource.resource})
}
