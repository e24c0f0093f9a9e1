//! A policy, compiled, and what it has against a write.

use serde_json::Value;

use super::request::Seen;
use crate::cel::{Environment, Failure, Program, Type};
use crate::tree::Read;

/// The longest message that an expression may give, in bytes; upstream's limit.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// What is wrong with a write.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) reason: String,
}

/// A policy, compiled.
pub(super) struct Policy {
    conditions: Vec<Expression>,
    variables: Vec<(String, Expression)>,
    validations: Vec<Validation>,
    /// Whether what cannot be evaluated is refused.
    fails: bool,
    has_params: bool,
}

/// An expression; policies of before may have some that do not compile.
struct Expression {
    source: String,
    program: Result<Program, String>,
}

struct Validation {
    rule: Expression,
    message: String,
    made: Option<Expression>,
    reason: String,
}

impl Expression {
    fn compile(environment: &Environment, source: &str) -> Self {
        let program = environment.compile(source);
        Expression { source: source.trim().to_owned(), program }
    }
}

impl Policy {
    pub(super) fn compile(spec: &Value) -> Self {
        let has_params = spec.has("paramKind");
        let mut environment = Environment::admission();
        if has_params {
            environment = environment.with("params", Type::Dyn);
        }
        let conditions = spec.items("matchConditions").iter();
        let conditions =
            conditions.map(|one| Expression::compile(&environment, one.text("expression"))).collect();
        let mut variables = Vec::new();
        for variable in spec.items("variables") {
            let (name, value) =
                (variable.text("name"), Expression::compile(&environment, variable.text("expression")));
            if let Ok(program) = &value.program {
                environment.compose(name, program.kind.clone());
            }
            variables.push((name.to_owned(), value));
        }
        let validations = spec.items("validations").iter();
        let validations = validations.map(|one| Validation::compile(&environment, one)).collect();
        let fails = spec.text("failurePolicy") != "Ignore";
        Policy { conditions, variables, validations, fails, has_params }
    }

    /// What the policy has against a write; the first that it finds.
    pub(super) fn judge(&self, seen: &Seen) -> Option<Fault> {
        if self.has_params {
            let why = "failed to configure binding: parameters are not supported".to_owned();
            return self.failed(why);
        }
        let mut values = seen.values();
        for condition in &self.conditions {
            match evaluate(condition, |program| program.is_true_in(&values)) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(why) => return self.failed(format!("denied request: {why}")),
            }
        }
        for (name, variable) in &self.variables {
            if let Ok(program) = &variable.program {
                values.compose(name, program);
            }
        }
        self.validations.iter().find_map(|validation| {
            let rule = &validation.rule;
            match evaluate(rule, |program| program.is_true_in(&values)) {
                Ok(true) => None,
                Ok(false) => {
                    let made = validation
                        .made
                        .as_ref()
                        .and_then(|made| evaluate(made, |program| program.text_in(&values)).ok().flatten());
                    let made = made.map(|text| text.trim().to_owned());
                    let fits = |text: &String| {
                        !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains('\n')
                    };
                    let message = made.filter(fits).unwrap_or_else(|| validation.message.clone());
                    let message = format!("denied request: {message}");
                    Some(Fault { message, reason: validation.reason.clone() })
                }
                Err(why) => self.failed(format!("denied request: {why}")),
            }
        })
    }

    fn failed(&self, message: String) -> Option<Fault> {
        self.fails.then(|| Fault { message, reason: "Invalid".to_owned() })
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
}

/// The outcome of an expression, or why there is none.
fn evaluate<'a, T>(
    expression: &'a Expression,
    run: impl FnOnce(&'a Program) -> Result<T, Failure>,
) -> Result<T, String> {
    let source = &expression.source;
    let program = expression
        .program
        .as_ref()
        .map_err(|why| format!("expression '{source}' resulted in error: compilation error: {why}"))?;
    run(program).map_err(|failure| match failure {
        Failure::Error(why) => format!("expression '{source}' resulted in error: {why}"),
        Failure::TooCostly => {
            format!(
                "expression '{source}' resulted in error: operation cancelled: actual cost limit exceeded"
            )
        }
    })
}
