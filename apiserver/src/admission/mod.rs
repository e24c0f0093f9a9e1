//! The ordered chain that may change or refuse a write after it was decoded and before it is stored.
//!
//! One file per plugin, one line per plugin in the list below.

mod certificates;
mod chain;
mod closure;
mod cluster;
mod default_class;
mod default_toleration_seconds;
mod limit_ranger;
mod mountable_secrets;
mod namespace_lifecycle;
mod node_restriction;
mod options;
mod pod_security;
mod pod_topology_labels;
mod policy;
mod priority;
mod reinvocation;
mod resource_quota;
mod rules;
mod runtime_class;
mod selectors;
mod service_account;
mod shown;
mod storage_object_in_use_protection;
mod taint_nodes_by_condition;
#[cfg(test)]
pub(crate) mod tests;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::tree::Value;
use steersman_core::{Env, Error, Result};

use crate::fetch::Hooks;
use crate::ownership::Owners;
use crate::tree::Read;
use crate::user::User;
use crate::watch_cache::Collection;

pub(crate) use chain::Chain;
pub use closure::{mutating, validating};
pub use cluster::Cluster;
pub(crate) use options::Options;
pub use reinvocation::Reinvocation;
pub(crate) use reinvocation::Reinvoked;

/// What is being done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is created.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A connection is opened to it.
    Connect,
}

impl Operation {
    /// Its word in rules, expressions and reviews.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }
}

/// The group of the configuration of admission itself, and its resources, which no policy and no webhook is asked about:
/// nobody shall lock himself out.
pub(crate) const GROUP: &str = "admissionregistration.k8s.io";
const EXEMPT: [&str; 6] = [
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    CONFIGURATIONS[0],
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    CONFIGURATIONS[1],
];

/// The configurations of webhooks, of mutating ones first.
pub(crate) const CONFIGURATIONS: [&str; 2] =
    ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// A write on its way through admission; upstream's `admission.Attributes`.
#[non_exhaustive]
pub struct Attributes<'a> {
    /// What is being done.
    pub operation: Operation,
    /// The resource written to.
    pub resource: &'a GroupVersionResource,
    /// The kind of the body.
    pub kind: &'a GroupVersionKind,
    /// The namespace; empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// The name; empty while it is still to be generated, and for collections.
    pub name: &'a str,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// The object as it would be stored, or the body of a subresource; the options of a connection; `Null` on delete.
    pub object: &'a mut Value,
    /// The object as it is stored; `None` on create.
    pub old: Option<&'a Value>,
    /// Who writes.
    pub user: &'a User,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// The rest of the cluster.
    pub cluster: &'a dyn Cluster,
    /// Warnings for whoever writes; see [`Attributes::warn`].
    pub(crate) warnings: &'a Mutex<Vec<String>>,
    /// What plugins that run twice know of the first time.
    pub(crate) reinvocation: &'a mut Reinvocation,
    /// The version of the object; empty if it has none.
    pub(crate) version: &'a str,
    /// The version of the object as it is stored; empty if there is none.
    pub(crate) old_version: &'a str,
    /// The owners of the objects' fields; `None` if they are in the objects.
    pub(crate) owners: Option<Owned<'a>>,
    /// The options of the request.
    pub(crate) options: Options<'a>,
}

/// The owners of the fields of a write's objects, which travel beside them.
pub(crate) struct Owned<'a> {
    /// Those of the object as it would be stored.
    pub(crate) new: &'a mut Owners,
    /// Those of the object as it is stored.
    pub(crate) old: Option<&'a Owners>,
}

/// What a link of the chain does: it is not asked to do anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// It changes writes, or refuses them at once: `admit`.
    Admits,
    /// It refuses what would be stored: `validate`.
    Validates,
    /// Both.
    #[default]
    Both,
}

/// A link of the chain. Both methods may be repeated for one write (a patch is retried on conflict).
#[async_trait]
pub trait Admission: Send + Sync {
    /// The name by which it is switched on and off: `NamespaceLifecycle`.
    fn name(&self) -> &'static str;

    /// Which of its methods have anything to say; upstream's `MutationInterface` and `ValidationInterface`.
    fn part(&self) -> Part {
        Part::Both
    }

    /// Whether it has anything to say about such a write: if not, it is not asked. Upstream's `Handles`.
    fn handles(&self, write: &Attributes<'_>) -> bool {
        let _ = write;
        true
    }

    /// Changes or refuses the write. Runs in chain order, before any `validate`, and once more if a policy has changed
    /// what it had seen.
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let _ = write;
        Ok(())
    }

    /// Refuses the write. Runs in chain order, after every `admit` and after the kind's own validation.
    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let _ = write;
        Ok(())
    }
}

impl Attributes<'_> {
    /// Whether this writes an object of a resource itself, not one of its subresources.
    pub fn is(&self, operation: Operation, group: &str, resource: &str) -> bool {
        self.operation == operation
            && self.subresource.is_empty()
            && self.resource.resource == resource
            && self.resource.group == group
    }

    /// Whether this writes objects of a resource, or one of its subresources.
    pub fn is_about(&self, group: &str, resource: &str) -> bool {
        self.resource.resource == resource && self.resource.group == group
    }

    /// Whether this writes namespaces.
    pub(crate) fn is_about_namespaces(&self) -> bool {
        self.resource.group.is_empty() && self.resource.resource == "namespaces"
    }

    /// Whether this writes what configures admission itself.
    pub(crate) fn configures_admission(&self) -> bool {
        self.resource.group == GROUP && EXEMPT.contains(&&*self.resource.resource)
    }

    /// The name of the object as policies and webhooks are told it, as far as it is known.
    pub(crate) fn name_told(&self) -> &str {
        match self.name {
            "" => self.object.at("metadata").text("name"),
            name => name,
        }
    }

    /// The namespace as policies and webhooks are told it: that of a namespace is itself.
    pub(crate) fn namespace_told(&self) -> &str {
        if self.is_about_namespaces() { self.name_told() } else { self.namespace }
    }

    /// Warns whoever writes, once of the same.
    pub fn warn(&self, warning: impl Into<String>) {
        let (warning, mut all) =
            (warning.into(), self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        if !all.contains(&warning) {
            all.push(warning);
        }
    }

    /// The refusal of this write: 403, naming the object as far as its name is known.
    pub fn forbidden(&self, why: impl std::fmt::Display) -> Error {
        let metadata = self.object.at("metadata");
        let names = [self.name, metadata.text("name"), metadata.text("generateName")];
        let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or("Unknown");
        Error::forbidden(&self.resource.group_resource(), name, why)
    }
}

/// The names of the built-in links that come behind those of [`builtin`].
pub(crate) const LATER: [&str; 3] =
    ["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "ResourceQuota"];

/// The built-in link that is off unless it is asked for.
pub(crate) const NODE_RESTRICTION: &str = "NodeRestriction";

/// The built-in links that come before a user's own, in upstream's order; those too that are off by default.
pub fn builtin(env: &Env) -> Vec<Arc<dyn Admission>> {
    vec![
        Arc::new(namespace_lifecycle::NamespaceLifecycle),
        Arc::new(limit_ranger::LimitRanger),
        Arc::new(service_account::ServiceAccount::new(env)),
        Arc::new(node_restriction::NodeRestriction),
        Arc::new(taint_nodes_by_condition::TaintNodesByCondition),
        Arc::new(pod_security::PodSecurity),
        Arc::new(priority::Priority),
        Arc::new(default_toleration_seconds::DefaultTolerationSeconds),
        Arc::new(default_class::STORAGE),
        Arc::new(storage_object_in_use_protection::StorageObjectInUseProtection),
        Arc::new(runtime_class::RuntimeClass),
        Arc::new(certificates::Approval),
        Arc::new(certificates::Signing),
        Arc::new(certificates::SubjectRestriction),
        Arc::new(default_class::INGRESS),
        Arc::new(pod_topology_labels::PodTopologyLabels),
        Arc::new(policy::MutatingAdmissionPolicy::default()),
        Arc::new(policy::ValidatingAdmissionPolicy::default()),
    ]
}

/// The links that ask webhooks, which come behind those of [`builtin`]; given the collections of their configurations.
pub(crate) fn webhooks(
    caller: &Hooks,
    mutating: Arc<Collection>,
    validating: Arc<Collection>,
) -> [Arc<dyn Admission>; 2] {
    let [mutating, validating] =
        [mutating, validating].map(|one| webhook::Configurations::new(caller.clone(), one));
    [
        Arc::new(webhook::MutatingAdmissionWebhook(mutating)),
        Arc::new(webhook::ValidatingAdmissionWebhook(validating)),
    ]
}

/// The built-in link that comes last: what it lets through is counted.
pub fn last() -> Arc<dyn Admission> {
    Arc::new(resource_quota::ResourceQuota)
}
