//! What expressions see of a write.

use serde_json::{Value, json};
use steersman_core::Result;
use steersman_core::resource::GroupResource;

use crate::admission::{Attributes, Operation};
use crate::cel::{Binding, Declared, Values, namespace_type, request_type};
use crate::tree::Read;

/// A write, as trees.
pub(super) struct Seen {
    object: Value,
    old: Value,
    request: Value,
    /// The namespace of the object; null if it is in none.
    pub(super) namespace: Value,
    free: Declared,
    request_declared: Declared,
    namespace_declared: Declared,
}

impl Seen {
    pub(super) fn of(write: &Attributes<'_>) -> Result<Self> {
        let namespaces = GroupResource::new("", "namespaces");
        let namespace = write.cluster.get(&namespaces, "", write.namespace);
        Ok(Seen {
            object: write.object.clone(),
            old: write.old.cloned().unwrap_or_default(),
            request: request(write),
            namespace: namespace.map(|namespace| namespace.to_value()).transpose()?.unwrap_or_default(),
            free: Declared::any(),
            request_declared: Declared::simple(request_type(), 1),
            namespace_declared: Declared::simple(namespace_type(), 1),
        })
    }

    /// The variables of every expression.
    pub(super) fn values(&self) -> Values<'_> {
        Values::new(&[
            ("object", Binding::Json(&self.object, &self.free)),
            ("oldObject", Binding::Json(&self.old, &self.free)),
            ("request", Binding::Json(&self.request, &self.request_declared)),
            ("namespaceObject", Binding::Json(&self.namespace, &self.namespace_declared)),
        ])
    }
}

/// The write's own word in rules and expressions.
pub(super) fn operation(write: &Attributes<'_>) -> &'static str {
    match write.operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete => "DELETE",
        Operation::Connect => "CONNECT",
    }
}

fn request(write: &Attributes<'_>) -> Value {
    let (kind, resource, user) = (write.kind, write.resource, write.user);
    let kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let resource =
        json!({"group": resource.group, "version": resource.version, "resource": resource.resource});
    let name = match write.name {
        "" => write.object.at("metadata").text("name"),
        name => name,
    };
    json!({
        "kind": kind, "resource": resource, "subResource": write.subresource,
        "requestKind": kind, "requestResource": resource, "requestSubResource": write.subresource,
        "name": name, "namespace": write.namespace, "operation": operation(write), "dryRun": write.dry_run,
        "userInfo": {"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra},
        "options": {},
    })
}
