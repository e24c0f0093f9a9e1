//! The Common Expression Language, as Kubernetes has it: expressions are compiled once, with what they cost at most, and
//! evaluated over trees of JSON.
//!
//! The functions of Kubernetes' own libraries come from the crate `kube-cel`, as do the words for expressions that are
//! not well-formed. That crate neither checks types nor counts costs, and its parser tells no positions; these are here,
//! to upstream's wording and to upstream's numbers.
//!
//! <https://kubernetes.io/docs/reference/using-api/cel/>

mod addresses;
mod authority;
mod check;
mod clauses;
mod complaint;
mod convert;
mod environment;
mod estimate;
mod eval;
mod expr;
mod extension;
mod failure;
mod fold;
mod format_calls;
mod formats;
mod formatting;
mod functions;
mod json;
mod kind;
mod library;
mod lists;
mod literals;
mod macros;
mod maps;
mod parse;
mod patterns;
mod price;
mod quantities;
mod range;
mod report;
mod signatures;
mod spend;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod token;
mod unify;
mod urls;
mod value;
mod values;
mod versions;

use std::collections::BTreeMap;

use steersman_core::tree::Value as Json;

pub(crate) use authority::{Answer, Answers, Question};
pub(crate) use environment::{Environment, namespace as namespace_type, request as request_type};
use eval::Means;
use expr::Expr;
pub(crate) use failure::Failure;
pub(crate) use kind::{Declared, Field, ListKind, ObjectType, Type};
pub(crate) use library::Library;
pub(crate) use parse::is_reserved;
use patterns::Patterns;
use value::Value;
pub(crate) use values::Values;

/// The most that evaluating one expression may cost; upstream's limit.
pub(crate) const CALL_LIMIT: u64 = 1_000_000;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Program {
    expr: Expr,
    means: Means,
    /// The type of its values.
    pub(crate) kind: Type,
    /// The most that evaluating it can cost, by upstream's estimate.
    pub(crate) max_cost: u64,
}

/// Compiles an expression over variables. How large values are is looked up in `root`, wherever they come from.
///
/// # Errors
/// What is wrong with it, in upstream's words.
pub(crate) fn compile(
    library: &Library,
    source: &str,
    variables: &BTreeMap<String, Type>,
    root: &Declared,
) -> Result<Program, String> {
    let (mut expr, count) = parse::parse(source).map_err(|wrong| report::syntax(source, wrong))?;
    let facts = check::check(library, variables, &mut expr, count)
        .map_err(|issues| report::types(source, &issues))?;
    let mut issues = literals::check(&expr);
    format_calls::check(&expr, &facts, &mut issues);
    if !issues.is_empty() {
        return Err(report::types(source, &issues));
    }
    let max_cost = estimate::estimate(&facts, root, &expr);
    let kind = facts.types[expr.id].clone();
    let means = Means { patterns: Patterns::of(&expr), extensions: library.extensions(&expr) };
    Ok(Program { expr, means, kind, max_cost })
}

/// A variable's value while an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding<'a> {
    /// A part of an object.
    Json(&'a Json, &'a Declared),
    /// An optional value that holds a part of an object, or nothing.
    Optional(Option<&'a Json>, &'a Declared),
    /// Who answers whether somebody may.
    Authorizer(&'a Answers),
}

impl<'a> Binding<'a> {
    fn value(self) -> Value<'a> {
        match self {
            Binding::Json(json, declared) => Value::of(json, declared),
            Binding::Optional(json, declared) => {
                Value::Optional(json.map(|json| std::sync::Arc::new(Value::of(json, declared))))
            }
            Binding::Authorizer(answers) => Value::Authority(authority::Authority::of(answers)),
        }
    }
}

impl Program {
    /// Whether it names a variable.
    pub(crate) fn uses(&self, variable: &str) -> bool {
        let mut uses = false;
        self.expr.walk(&mut |expr| uses |= matches!(&expr.kind, expr::Kind::Ident(name) if name == variable));
        uses
    }

    /// Why upstream cannot make it ready to be evaluated, though it is well-formed.
    pub(crate) fn unready(&self) -> Option<String> {
        Patterns::refused(&self.expr)
    }

    /// Whether it is true of the variables; the second value is what that did cost.
    pub(crate) fn is_true<'a>(
        &'a self,
        variables: &[(&'a str, Binding<'a>)],
    ) -> (Result<bool, Failure>, u64) {
        let (outcome, cost) = self.evaluate(variables);
        (outcome.map(|value| matches!(value, Value::Bool(true))), cost)
    }

    /// The text it gives; `None` if it gives anything else. The second value is what that did cost.
    pub(crate) fn text<'a>(
        &'a self,
        variables: &[(&'a str, Binding<'a>)],
    ) -> (Result<Option<String>, Failure>, u64) {
        let (outcome, cost) = self.evaluate(variables);
        let text = outcome.map(|value| match value {
            Value::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        });
        (text, cost)
    }

    fn evaluate<'a>(&'a self, variables: &[(&'a str, Binding<'a>)]) -> (eval::Outcome<'a>, u64) {
        let values: Vec<(&str, Value<'a>)> =
            variables.iter().map(|(name, binding)| (*name, binding.value())).collect();
        eval::evaluate(&self.expr, values, &self.means, CALL_LIMIT)
    }
}
