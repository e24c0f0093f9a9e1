//! Holds writes to the validating admission policies of the cluster.
//!
//! Policies that ask for parameters are not evaluated but fail, as do expressions that ask the authorizer; what a failure
//! means, the policy says. Nothing is noted for auditors.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

mod compiled;
mod matches;
mod request;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use serde_json::Value;
use steersman_core::resource::GroupResource;
use steersman_core::{Error, Object, Result};

use super::{Admission, Attributes};
use crate::tree::Read;
use compiled::{Fault, Policy};
use request::Seen;

const GROUP: &str = "admissionregistration.k8s.io";

/// The policies themselves are let through: nobody shall lock himself out.
const EXEMPT: [&str; 4] = [
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
];

/// Compiled policies by name, each with the version that it was compiled from.
type Compiled = BTreeMap<String, (String, Arc<Policy>)>;

#[derive(Default)]
pub(super) struct ValidatingAdmissionPolicy {
    compiled: Mutex<Compiled>,
}

/// What a policy, through a binding, has against a write.
struct Denial {
    message: String,
    reason: String,
    actions: Vec<String>,
}

#[async_trait]
impl Admission for ValidatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    /// Warns; whether it refuses is decided once nothing changes any more.
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let denials = self.denials(write)?;
        let warned = denials.into_iter().filter(|denial| denial.has("Warn"));
        write.warnings.extend(warned.map(|denial| format!("Validation failed for {}", denial.message)));
        Ok(())
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let denial = self.denials(write)?.into_iter().find(|denial| denial.has("Deny"));
        denial.map_or(Ok(()), |denial| Err(denial.refuse(write)))
    }
}

impl ValidatingAdmissionPolicy {
    fn denials(&self, write: &Attributes<'_>) -> Result<Vec<Denial>> {
        let of = |resource: &'static str| GroupResource::new(GROUP, resource);
        let bindings = write.cluster.list(&of("validatingadmissionpolicybindings"), "");
        let is_exempt = write.resource.group == GROUP && EXEMPT.contains(&&*write.resource.resource);
        if bindings.is_empty() || is_exempt {
            return Ok(Vec::new());
        }
        let bindings: Vec<Value> = bindings.iter().map(Object::to_value).collect::<Result<_>>()?;
        let seen = Seen::of(write)?;
        let mut denials = Vec::new();
        for object in write.cluster.list(&of("validatingadmissionpolicies"), "") {
            let tree = object.to_value()?;
            if !matches::selects(tree.at("spec").at("matchConstraints"), write, &seen.namespace) {
                continue;
            }
            let policy = self.compile(&object, tree.at("spec"));
            let bound =
                bindings.iter().filter(|binding| binding.at("spec").text("policyName") == object.name());
            for binding in bound.filter(|binding| is_selected(binding, write, &seen)) {
                denials.extend(policy.judge(&seen).map(|fault| Denial::new(object.name(), binding, fault)));
            }
        }
        Ok(denials)
    }

    /// A policy that is compiled already, or is now.
    fn compile(&self, object: &Object, spec: &Value) -> Arc<Policy> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, version) = (object.name(), object.resource_version());
        if let Some((_, policy)) = compiled.get(name).filter(|(known, _)| known == version) {
            return policy.clone();
        }
        let policy = Arc::new(Policy::compile(spec));
        compiled.insert(name.to_owned(), (version.to_owned(), policy.clone()));
        policy
    }
}

/// A binding that selects nothing takes whatever its policy does.
fn is_selected(binding: &Value, write: &Attributes<'_>, seen: &Seen) -> bool {
    let selection = binding.at("spec").at("matchResources");
    selection.is_null() || matches::narrows(selection, write, &seen.namespace)
}

impl Denial {
    fn new(policy: &str, binding: &Value, Fault { message, reason }: Fault) -> Self {
        let name = binding.at("metadata").text("name");
        Denial {
            message: format!("ValidatingAdmissionPolicy '{policy}' with binding '{name}' {message}"),
            reason,
            actions: binding.at("spec").texts("validationActions").map(str::to_owned).collect(),
        }
    }

    fn has(&self, action: &str) -> bool {
        self.actions.iter().any(|own| own == action)
    }

    fn refuse(self, write: &Attributes<'_>) -> Error {
        let mut status = write.forbidden(&self.message).status().clone();
        let code = match self.reason.as_str() {
            "Forbidden" => 403,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        let cause = StatusCause { message: Some(self.message), ..StatusCause::default() };
        status.details.get_or_insert_default().causes.get_or_insert_default().push(cause);
        status.code = Some(code);
        status.reason = Some(self.reason);
        Error::from_status(status)
    }
}
