//! Regular expressions: those that stand in an expression are compiled with it.

use std::collections::BTreeMap;

use regex::Regex;

use super::eval::Outcome;
use super::expr::{Expr, Kind, Literal};
use super::failure::Failure;
use super::value::Value;
use crate::go_regexp;

/// The regular expressions that stand in one expression.
#[derive(Debug)]
pub(super) struct Patterns(BTreeMap<String, Regex>);

impl Patterns {
    /// Those of an expression.
    pub(super) fn of(expr: &Expr) -> Self {
        let mut patterns = BTreeMap::new();
        expr.walk(&mut |expr| {
            let Kind::Call(call) = &expr.kind else { return };
            if call.function == "matches"
                && let Some(Literal::String(text)) = call.args.last().and_then(Expr::literal)
                && let Ok(pattern) = Regex::new(text)
            {
                patterns.insert(text.clone(), pattern);
            }
        });
        Patterns(patterns)
    }

    /// Why Go refuses a pattern of the calls that find, if one that stands in an expression is malformed.
    pub(super) fn refused(expr: &Expr) -> Option<String> {
        let mut refused = None;
        expr.walk(&mut |expr| {
            let Kind::Call(call) = &expr.kind else { return };
            if matches!(call.function.as_str(), "find" | "findAll")
                && let Some(Literal::String(text)) = call.args.first().and_then(Expr::literal)
                && let Err(why) = Regex::new(text)
            {
                refused.get_or_insert_with(|| go_regexp::refusal(text, &why));
            }
        });
        refused
    }

    /// Whether a text has what the pattern asks for.
    pub(super) fn matches<'a>(&self, text: &str, pattern: &str) -> Outcome<'a> {
        if let Some(pattern) = self.0.get(pattern) {
            return Ok(Value::Bool(pattern.is_match(text)));
        }
        let pattern = Regex::new(pattern).map_err(|why| Failure::Error(go_regexp::refusal(pattern, &why)))?;
        Ok(Value::Bool(pattern.is_match(text)))
    }
}
