//! Checks literals that only evaluating would find wrong: spans, points in time and regular expressions.

use super::check::Issue;
use super::expr::{Expr, Kind, Literal};
use super::time;

/// What is wrong with the literals of an expression.
pub(super) fn check(expr: &Expr) -> Vec<Issue> {
    let mut issues = Vec::new();
    expr.walk(&mut |expr| {
        let Kind::Call(call) = &expr.kind else { return };
        let Some((arg, Literal::String(text))) =
            call.args.first().and_then(|arg| Some((arg, arg.literal()?)))
        else {
            return;
        };
        let is_valid = match call.function.as_str() {
            "duration" => time::parse_duration(text).is_some(),
            "timestamp" => text.parse::<jiff::Timestamp>().is_ok(),
            "matches" => regex::Regex::new(text).is_ok(),
            _ => true,
        };
        if !is_valid {
            issues.push(Issue { at: arg.at, message: format!("invalid {} argument", call.function) });
        }
    });
    issues
}
