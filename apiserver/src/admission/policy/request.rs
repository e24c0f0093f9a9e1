//! What expressions see of a write.

use serde_json::{Value, json};
use steersman_core::resource::GroupVersionKind;

use crate::admission::Attributes;
use crate::cel::{Answers, Binding, Declared, Question, Values, namespace_type, request_type};

/// A write, as trees.
pub(in crate::admission) struct Seen {
    /// The object as it is by now; null on delete.
    pub(super) object: Value,
    old: Value,
    request: Value,
    namespace: Value,
    free: Declared,
    request_declared: Declared,
    namespace_declared: Declared,
}

impl Seen {
    pub(in crate::admission) fn of(write: &Attributes<'_>, namespace: &Value) -> Self {
        Seen {
            object: write.object.clone(),
            old: write.old.cloned().unwrap_or_default(),
            request: request(write),
            namespace: namespace.clone(),
            free: Declared::any(),
            request_declared: Declared::simple(request_type(), 1),
            namespace_declared: Declared::simple(namespace_type(), 1),
        }
    }

    /// The same with the objects in another version, whose kind that is.
    pub(in crate::admission) fn showing(self, kind: &GroupVersionKind, object: &Value, old: &Value) -> Self {
        let mut request = self.request;
        request["kind"] = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        Seen { object: object.clone(), old: old.clone(), request, ..self }
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

fn request(write: &Attributes<'_>) -> Value {
    let (kind, resource, user) = (write.kind, write.resource, write.user);
    let kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let resource =
        json!({"group": resource.group, "version": resource.version, "resource": resource.resource});
    json!({
        "kind": kind, "resource": resource, "subResource": write.subresource,
        "requestKind": kind, "requestResource": resource, "requestSubResource": write.subresource,
        "name": write.name_told(), "namespace": write.namespace_told(), "operation": write.operation.word(),
        "dryRun": write.dry_run,
        "userInfo": {"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra},
        "options": write.options.told(),
    })
}
