//! Which policies are about a write, through which bindings, with which parameters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;
use steersman_core::{Object, Result};

use super::matches;
use super::params::{self, Unfound};
use crate::admission::rules::Version;
use crate::admission::{Attributes, GROUP};
use crate::tree::Read;

/// Policies of one kind, each compiled once.
pub(super) struct Policies<P> {
    policies: GroupResource,
    bindings: GroupResource,
    compile: fn(&Value) -> P,
    /// By name, each with the version that it was compiled from.
    compiled: Mutex<BTreeMap<String, (String, Arc<P>)>>,
}

/// A policy through a binding, whose selections are about the write.
pub(super) struct Bound<P> {
    /// The name of the policy.
    pub(super) name: String,
    pub(super) policy: Arc<P>,
    pub(super) binding: Value,
    /// The version in which the policy sees the write.
    pub(super) version: Version,
    /// The parameters that the policy is evaluated with, once each; null for none.
    ///
    /// # Errors
    /// Why they cannot be found.
    pub(super) params: Result<Vec<Value>, Unfound>,
}

impl<P> Bound<P> {
    /// The name of the binding.
    pub(super) fn binding(&self) -> &str {
        self.binding.at("metadata").text("name")
    }
}

impl<P> Policies<P> {
    pub(super) fn new(policies: &'static str, bindings: &'static str, compile: fn(&Value) -> P) -> Self {
        let of = |resource: &'static str| GroupResource::new(GROUP, resource);
        Policies { policies: of(policies), bindings: of(bindings), compile, compiled: Mutex::default() }
    }

    /// Whether there may be policies about a write.
    pub(super) fn may_be_about(&self, write: &Attributes<'_>) -> bool {
        !write.configures_admission() && write.cluster.has_any(&self.bindings)
    }

    /// The policies that are about a write, by their names, where there may be some.
    pub(super) fn about(&self, write: &Attributes<'_>) -> Result<Vec<Bound<P>>> {
        let bindings = write.cluster.list(&self.bindings, "");
        let bindings: Vec<Value> = bindings.iter().map(Object::to_value).collect::<Result<_>>()?;
        let mut bound = Vec::new();
        for object in write.cluster.list(&self.policies, "") {
            let tree = object.to_value()?;
            let spec = tree.at("spec");
            let Some(version) = matches::select(spec.at("matchConstraints"), write)? else { continue };
            let own = bindings.iter().filter(|one| one.at("spec").text("policyName") == object.name());
            for binding in own {
                if !matches::narrows(binding.at("spec").at("matchResources"), write)? {
                    continue;
                }
                bound.push(Bound {
                    name: object.name().to_owned(),
                    policy: self.compiled(&object, spec),
                    binding: binding.clone(),
                    version: version.clone(),
                    params: params::of(spec.at("paramKind"), binding.at("spec").at("paramRef"), write),
                });
            }
        }
        Ok(bound)
    }

    /// A policy that is compiled already, or is now.
    fn compiled(&self, object: &Object, spec: &Value) -> Arc<P> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, version) = (object.name(), object.resource_version());
        if let Some((_, policy)) = compiled.get(name).filter(|(known, _)| known == version) {
            return policy.clone();
        }
        let policy = Arc::new((self.compile)(spec));
        compiled.insert(name.to_owned(), (version.to_owned(), policy.clone()));
        policy
    }
}

/// The namespace of an object, looked up once it matters.
#[derive(Default)]
pub(in crate::admission) struct Namespace(std::sync::OnceLock<Value>);

impl Namespace {
    /// The namespace; null if the object is in none.
    pub(in crate::admission) fn of(&self, write: &Attributes<'_>) -> Result<&Value> {
        if let Some(known) = self.0.get() {
            return Ok(known);
        }
        let found = write.cluster.get(&GroupResource::new("", "namespaces"), "", write.namespace);
        let found = found.map(|namespace| namespace.to_value()).transpose()?.unwrap_or_default();
        Ok(self.0.get_or_init(|| found))
    }
}
