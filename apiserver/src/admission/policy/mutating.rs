//! Changes what is written as the mutating admission policies of the cluster say.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/>

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::bound::{Bound, Namespace, Policies};
use super::expression::{Evaluation, Expression, Preamble, Scope};
use super::params::Unfound;
use super::request::Seen;
use crate::admission::shown::Shown;
use crate::admission::{Admission, Attributes, Part, Reinvoked};
use crate::cel::{Answers, Environment, Program};
use crate::patch;
use crate::tree::Read;

pub(in crate::admission) struct MutatingAdmissionPolicy(Policies<Policy>);

/// A policy, compiled.
struct Policy {
    preamble: Preamble,
    mutations: Vec<Mutation>,
    /// Whether it is asked again if others have changed the object since.
    is_reinvocable: bool,
}

enum Mutation {
    /// Merges a configuration into the object.
    Apply(Expression),
    /// Performs operations on it.
    Patch(Expression),
}

impl Default for MutatingAdmissionPolicy {
    fn default() -> Self {
        let (policies, bindings) = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings");
        MutatingAdmissionPolicy(Policies::new(policies, bindings, Policy::compile))
    }
}

#[async_trait]
impl Admission for MutatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "MutatingAdmissionPolicy"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        self.0.may_be_about(write)
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let namespace = Namespace::default();
        let bound = self.0.about(write)?;
        if bound.is_empty() {
            return Ok(());
        }
        let namespace = namespace.of(write)?;
        let (mut answers, mut faults) = (Seen::answers(write), Vec::new());
        write.reinvocation.resume(Reinvoked::Policies, write.object);
        for bound in &bound {
            bound.mutate(write, namespace, &mut answers, &mut faults).await?;
        }
        write.reinvocation.pause(Reinvoked::Policies, write.object);
        if faults.is_empty() { Ok(()) } else { Err(refuse(write, faults)) }
    }
}

impl Policy {
    fn compile(spec: &Value) -> Self {
        let mut environment = Environment::mutation();
        let preamble = Preamble::compile(&mut environment, spec);
        let compile = |mutation: &Value| {
            let of = |field| Expression::compile(&environment, mutation.at(field).text("expression"));
            match mutation.text("patchType") {
                "JSONPatch" => Mutation::Patch(of("jsonPatch")),
                _ => Mutation::Apply(of("applyConfiguration")),
            }
        };
        let mutations = spec.items("mutations").iter().map(compile).collect();
        Policy { preamble, mutations, is_reinvocable: spec.text("reinvocationPolicy") == "IfNeeded" }
    }
}

/// Why a policy could not be followed.
struct Fault {
    message: String,
    reason: &'static str,
}

impl Bound<Policy> {
    /// What refuses a write: the policy, and the binding, unless the policy alone is at fault.
    fn through(&self) -> String {
        match &self.params {
            Err(Unfound::Kind(_)) => format!("policy {:?}", self.name),
            _ => format!("policy '{}' with binding '{}'", self.name, self.binding()),
        }
    }

    /// Lets the policy change the object, once for each of its parameters.
    async fn mutate(
        &self,
        write: &mut Attributes<'_>,
        namespace: &Value,
        answers: &mut Answers,
        faults: &mut Vec<Fault>,
    ) -> Result<()> {
        let mut failed = |why: String, reason| {
            let message = format!("{} denied request: {why}", self.through());
            if self.policy.preamble.fails {
                faults.push(Fault { message, reason });
            }
        };
        let params = match &self.params {
            Ok(params) => params,
            Err(why) => {
                failed(why.told(), "Forbidden");
                return Ok(());
            }
        };
        for params in params {
            let scope = Scope { preamble: &self.policy.preamble, params };
            let (_, seen) = self.show(write, namespace).await?;
            match Evaluation::new(write, &seen, answers).applies(scope).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(why) => {
                    failed(why, "Invalid");
                    continue;
                }
            }
            let metadata = params.at("metadata");
            let key = [&*self.name, self.binding(), metadata.text("namespace"), metadata.text("name")];
            if !write.reinvocation.invokes(Reinvoked::Policies, key) {
                continue;
            }
            let before = write.object.clone();
            for mutation in &self.policy.mutations {
                let (shown, seen) = self.show(write, namespace).await?;
                match mutation.perform(write, shown, &seen, answers, scope).await {
                    Ok(()) => {}
                    Err(why) => failed(why, "Invalid"),
                }
            }
            let is_changed = before != *write.object;
            write.reinvocation.invoked(Reinvoked::Policies, key, self.policy.is_reinvocable, is_changed);
        }
        Ok(())
    }

    /// The write as the policy sees it.
    async fn show(&self, write: &Attributes<'_>, namespace: &Value) -> Result<(Shown, Seen)> {
        let shown = Shown::of(write, self.version.clone()).await?;
        let seen = Seen::of(write, &shown, &self.version.resource, namespace);
        Ok((shown, seen))
    }
}

impl Mutation {
    async fn perform(
        &self,
        write: &mut Attributes<'_>,
        shown: Shown,
        seen: &Seen,
        answers: &mut Answers,
        scope: Scope<'_>,
    ) -> Result<(), String> {
        if shown.object.is_null() {
            return Ok(());
        }
        let (Mutation::Apply(expression) | Mutation::Patch(expression)) = self;
        let mut evaluation = Evaluation::new(write, seen, answers);
        let made = evaluation.evaluate(scope, expression, Program::json_in).await??;
        let next = match self {
            Mutation::Apply(_) => {
                let merged = write.cluster.merge(&shown.version.resource, &shown.object, made);
                merged.map_err(|why| format!("error applying patch: {why}"))?
            }
            Mutation::Patch(_) => match patch::perform(&made, &shown.object) {
                Ok(patched) => patched,
                Err(patch::Misfit::Test(_)) => return Ok(()),
                Err(patch::Misfit::Other(why)) => return Err(format!("JSONPath: {why}")),
            },
        };
        shown.replace(write, next).await.map(drop)
    }
}

/// All that went wrong, under the first of it.
fn refuse(write: &Attributes<'_>, faults: Vec<Fault>) -> Error {
    let mut status = write.forbidden("").status().clone();
    status.message = faults.first().map(|fault| fault.message.clone());
    status.reason = faults.first().map(|fault| fault.reason.to_owned());
    let cause = |fault: Fault| StatusCause { message: Some(fault.message), ..StatusCause::default() };
    status.details.get_or_insert_default().causes = Some(faults.into_iter().map(cause).collect());
    Error::from_status(status)
}
