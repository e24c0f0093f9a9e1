//! Holds writes to the validating admission policies of the cluster.
//!
//! Nothing is noted for auditors, so that the annotations of a policy matter only if they cannot be evaluated.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::bound::{Bound, Namespace, Policies};
use super::expression::{Evaluation, Expression, Preamble, Scope};
use super::params::Unfound;
use super::request::Seen;
use crate::admission::rules::Version;
use crate::admission::shown::Shown;
use crate::admission::{Admission, Attributes, Part};
use crate::cel::{Answers, Environment, Program};
use crate::tree::Read;

/// The longest message that an expression may give, in bytes; upstream's limit.
const LONGEST_MESSAGE: usize = 5 * 1024;

pub(in crate::admission) struct ValidatingAdmissionPolicy(Policies<Policy>);

/// A policy, compiled.
struct Policy {
    preamble: Preamble,
    validations: Vec<Validation>,
    annotations: Vec<Expression>,
}

struct Validation {
    rule: Expression,
    message: String,
    made: Option<Expression>,
    reason: String,
}

/// What is wrong with a write.
struct Fault {
    message: String,
    reason: String,
    /// Whether it refuses the write, whatever the binding says.
    is_final: bool,
}

impl Default for ValidatingAdmissionPolicy {
    fn default() -> Self {
        let (policies, bindings) = ("validatingadmissionpolicies", "validatingadmissionpolicybindings");
        ValidatingAdmissionPolicy(Policies::new(policies, bindings, Policy::compile))
    }
}

#[async_trait]
impl Admission for ValidatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        self.0.may_be_about(write)
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let (namespace, mut answers) = (Namespace::default(), Seen::answers(write));
        let (mut refusal, mut shown) = (None, None);
        for bound in &self.0.about(write)? {
            let seen = bound.show(write, &namespace, &mut shown).await?;
            let through = bound.through();
            for fault in bound.judge(write, seen, &mut answers).await {
                let acts = |action: &str| {
                    bound.binding.at("spec").texts("validationActions").any(|own| own == action)
                };
                if acts("Warn") && !fault.is_final {
                    write.warn(format!("Validation failed for {through}: {}", fault.message));
                }
                if acts("Deny") || fault.is_final {
                    refusal.get_or_insert_with(|| fault.refuse(write, &through));
                }
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

impl Policy {
    fn compile(spec: &Value) -> Self {
        let mut environment = Environment::admission();
        let preamble = Preamble::compile(&mut environment, spec);
        let validations = spec.items("validations").iter();
        let annotations = spec.items("auditAnnotations").iter();
        Policy {
            preamble,
            validations: validations.map(|one| Validation::compile(&environment, one)).collect(),
            annotations: annotations
                .map(|one| Expression::compile(&environment, one.text("valueExpression")))
                .collect(),
        }
    }
}

impl Validation {
    fn compile(environment: &Environment, validation: &Value) -> Self {
        let rule = Expression::compile(environment, validation.text("expression"));
        let message = match validation.text("message").trim() {
            "" => format!("failed expression: {}", rule.source),
            message => message.to_owned(),
        };
        let reason = match validation.text("reason") {
            "" => "Invalid",
            reason => reason,
        };
        let made = validation.text("messageExpression");
        Validation {
            rule,
            message,
            made: (!made.is_empty()).then(|| Expression::compile(environment, made)),
            reason: reason.to_owned(),
        }
    }

    /// What is told of a write that it finds false.
    async fn fault(&self, evaluation: &mut Evaluation<'_>, scope: Scope<'_>) -> Fault {
        let made = match &self.made {
            Some(made) => evaluation.evaluate(scope, made, Program::text_in).await.ok().flatten(),
            None => None,
        };
        let fits = |text: &String| !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains('\n');
        let made = made.map(|text| text.trim().to_owned()).filter(fits);
        let message = made.unwrap_or_else(|| self.message.clone());
        Fault { message, reason: self.reason.clone(), is_final: false }
    }
}

impl Bound<Policy> {
    /// What refuses a write: the policy, and the binding, unless the policy alone is at fault.
    fn through(&self) -> String {
        match &self.params {
            Err(Unfound::Kind(_)) => format!("ValidatingAdmissionPolicy '{}'", self.name),
            _ => format!("ValidatingAdmissionPolicy '{}' with binding '{}'", self.name, self.binding()),
        }
    }

    /// The write as the policy sees it: as the one before did, where that asked for the same version.
    async fn show<'s>(
        &self,
        write: &Attributes<'_>,
        namespace: &Namespace,
        shown: &'s mut Option<(Version, Seen)>,
    ) -> Result<&'s Seen> {
        let known = shown.take().filter(|(version, _)| *version == self.version);
        let known = match known {
            Some(known) => known,
            None => {
                let whole = Shown::of(write, self.version.clone()).await?;
                let seen = Seen::of(write, &whole, &self.version.resource, namespace.of(write)?);
                (whole.version, seen)
            }
        };
        Ok(&shown.insert(known).1)
    }

    /// All that the policy has against a write.
    async fn judge(&self, write: &Attributes<'_>, seen: &Seen, answers: &mut Answers) -> Vec<Fault> {
        let (mut faults, preamble) = (Vec::new(), &self.policy.preamble);
        match &self.params {
            Err(why) if preamble.fails => {
                faults.push(Fault { is_final: true, ..Fault::of(why.told()) });
            }
            Err(_) => {}
            Ok(params) => {
                let mut evaluation = Evaluation::new(write, seen, answers);
                for params in params {
                    self.policy.judge(&mut evaluation, Scope { preamble, params }, &mut faults).await;
                }
            }
        }
        faults
    }
}

impl Policy {
    async fn judge(&self, evaluation: &mut Evaluation<'_>, scope: Scope<'_>, faults: &mut Vec<Fault>) {
        let failed = |why: String| Some(Fault::of(why)).filter(|_| self.preamble.fails);
        match evaluation.applies(scope).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => return faults.extend(failed(why)),
        }
        for validation in &self.validations {
            match evaluation.evaluate(scope, &validation.rule, Program::is_true_in).await {
                Ok(true) => {}
                Ok(false) => faults.push(validation.fault(evaluation, scope).await),
                Err(why) => faults.extend(failed(why)),
            }
        }
        for annotation in &self.annotations {
            if let Err(why) = evaluation.evaluate(scope, annotation, Program::text_in).await {
                faults.extend(failed(why).map(|fault| Fault { is_final: true, ..fault }));
            }
        }
    }
}

impl Fault {
    /// What could not be evaluated.
    fn of(message: String) -> Self {
        Fault { message, reason: "Invalid".to_owned(), is_final: false }
    }

    fn refuse(&self, write: &Attributes<'_>, through: &str) -> Error {
        let message = format!("{through} denied request: {}", self.message);
        let mut status = write.forbidden(&message).status().clone();
        let code = match self.reason.as_str() {
            "Forbidden" => 403,
            "Unauthorized" => 401,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        let cause = StatusCause { message: Some(message), ..StatusCause::default() };
        status.details.get_or_insert_default().causes.get_or_insert_default().push(cause);
        status.code = Some(code);
        status.reason = Some(self.reason.clone());
        Error::from_status(status)
    }
}
