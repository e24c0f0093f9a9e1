//! Expressions of policies, and their evaluation.

use steersman_core::selector::FieldSelector;
use steersman_core::tree::Value;

use super::request::Seen;
use crate::admission::Attributes;
use crate::authorize::{Asked, Decision, ResourceAccess};
use crate::cel::{Answer, Answers, Environment, Failure, Program, Question, Type, Values};
use crate::tree::Read;
use crate::user::User;

/// The most different questions that one write may make policies ask the authoriser.
const MOST_QUESTIONS: usize = 100;

/// An expression; policies of before may have some that do not compile.
pub(super) struct Expression {
    pub(super) source: String,
    program: Result<Program, String>,
}

impl Expression {
    pub(super) fn compile(environment: &Environment, source: &str) -> Self {
        let program = environment.compile(source);
        Expression { source: source.trim().to_owned(), program }
    }
}

/// What every policy has, compiled: the conditions under which it is asked, and variables.
pub(in crate::admission) struct Preamble {
    conditions: Vec<Expression>,
    variables: Vec<(String, Expression)>,
    /// Whether what cannot be evaluated is refused.
    pub(in crate::admission) fails: bool,
}

impl Preamble {
    /// Compiles it; the environment has the variables then.
    pub(in crate::admission) fn compile(environment: &mut Environment, spec: &Value) -> Self {
        if spec.has("paramKind") {
            environment.add("params", Type::Dyn);
        }
        let conditions = spec.items("matchConditions").iter();
        let conditions =
            conditions.map(|one| Expression::compile(environment, one.text("expression"))).collect();
        environment.declare_variables();
        let mut variables = Vec::new();
        for variable in spec.items("variables") {
            let value = Expression::compile(environment, variable.text("expression"));
            if let Ok(program) = &value.program {
                environment.compose(variable.text("name"), program.kind.clone());
            }
            variables.push((variable.text("name").to_owned(), value));
        }
        Preamble { conditions, variables, fails: spec.text("failurePolicy") != "Ignore" }
    }

    /// Whether there are no conditions.
    pub(in crate::admission) fn is_unconditional(&self) -> bool {
        self.conditions.is_empty()
    }
}

/// The evaluation of policies for one write.
pub(in crate::admission) struct Evaluation<'a> {
    write: &'a Attributes<'a>,
    seen: &'a Seen,
    /// What the authoriser has said so far.
    answers: &'a mut Answers,
}

/// A policy that is evaluated, and its parameters, if it is given any.
#[derive(Clone, Copy)]
pub(in crate::admission) struct Scope<'a> {
    pub(in crate::admission) preamble: &'a Preamble,
    pub(in crate::admission) params: &'a Value,
}

impl<'a> Evaluation<'a> {
    pub(in crate::admission) fn new(
        write: &'a Attributes<'a>,
        seen: &'a Seen,
        answers: &'a mut Answers,
    ) -> Self {
        Evaluation { write, seen, answers }
    }

    /// Whether a policy is about the write by its conditions, of which a false one decides.
    ///
    /// # Errors
    /// What could not be evaluated.
    pub(in crate::admission) async fn applies(&mut self, scope: Scope<'_>) -> Result<bool, String> {
        let mut faults = Vec::new();
        for condition in &scope.preamble.conditions {
            match self.evaluate(scope, condition, Program::is_true_in).await {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => faults.push(why),
            }
        }
        match faults.as_slice() {
            [] => Ok(true),
            [only] => Err(only.clone()),
            several => Err(format!("[{}]", several.join(", "))),
        }
    }

    /// What an expression comes to.
    ///
    /// # Errors
    /// Why it comes to nothing.
    pub(super) async fn evaluate<T>(
        &mut self,
        scope: Scope<'_>,
        expression: &Expression,
        read: impl for<'v> Fn(&'v Program, &Values<'v>) -> Result<T, Failure>,
    ) -> Result<T, String> {
        let source = &expression.source;
        let failed = |why: &str| format!("expression '{source}' resulted in error: {why}");
        let program = expression.program.as_ref();
        let program = program.map_err(|why| failed(&format!("compilation error: {why}")))?;
        loop {
            let outcome = self.values(scope).and_then(|values| read(program, &values));
            match outcome {
                Ok(value) => return Ok(value),
                Err(Failure::Unasked(question)) if self.answers.known.len() < MOST_QUESTIONS => {
                    let answer = self.ask(&question).await;
                    self.answers.known.insert(*question, answer);
                }
                Err(failure) => return Err(failed(&failure.to_string())),
            }
        }
    }

    fn values<'v>(&'v self, scope: Scope<'v>) -> Result<Values<'v>, Failure> {
        let mut values = self.seen.values(scope.params, self.answers);
        for (name, variable) in &scope.preamble.variables {
            if let Ok(program) = &variable.program {
                values.compose(name, program)?;
            }
        }
        Ok(values)
    }

    async fn ask(&self, question: &Question) -> Answer {
        let account =
            question.account.as_ref().map(|(namespace, name)| User::service_account(namespace, name));
        let user = account.as_ref().unwrap_or(self.write.user);
        let fields = question.fields.parse::<FieldSelector>().ok();
        let asked = match question.path.as_str() {
            "" => Asked::Resource(ResourceAccess {
                group: &question.group,
                version: "*",
                resource: &question.resource,
                subresource: &question.subresource,
                namespace: &question.namespace,
                name: &question.name,
                fields: fields.as_ref().filter(|_| !question.fields.is_empty()),
            }),
            path => Asked::Path(path),
        };
        match self.write.cluster.decide(user, &question.verb, asked).await {
            Decision::Allow { reason } => Answer { allowed: true, reason },
            Decision::Deny { reason } | Decision::NoOpinion { reason } => Answer { allowed: false, reason },
        }
    }
}
