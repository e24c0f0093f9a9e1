//! One validation rule of a schema, compiled: when it applies, and what it says when it is broken.

use std::collections::BTreeMap;

use steersman_core::tree::{List, Value};

use super::field_path;
use crate::cel::{self, Declared, Library, Program, Type};

/// A rule that was compiled.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) program: Program,
    /// The program of its message, if the message is computed.
    pub(super) message: Option<Program>,
    /// Its own message, or how errors name a rule that has none.
    pub(super) text: String,
    /// What a broken rule says where no message is computed.
    pub(super) default_message: String,
    pub(super) reason: Option<String>,
    /// The field it is about, below what it stands upon.
    pub(super) field_path: String,
    /// Whether it compares with the value before.
    pub(super) uses_old: bool,
    /// Whether it applies where there was no value before, too.
    pub(super) optional_old: bool,
}

/// What is wrong with an expression of a rule.
#[derive(Debug)]
pub(super) struct Wrong {
    /// `rule` or `messageExpression`.
    pub(super) field: &'static str,
    pub(super) why: String,
}

/// Compiles a rule of `schema`, which declares `declared`.
///
/// # Errors
/// What is wrong with its expressions; what could be compiled before that is lost.
pub(super) fn compile(
    library: &Library,
    rule: &Value,
    schema: &Value,
    declared: &Declared,
) -> Result<Rule, Wrong> {
    let text = |key: &str| rule[key].as_str().unwrap_or_default();
    let optional_old = rule["optionalOldSelf"] == true;
    let old = if optional_old { Type::optional(declared.kind.clone()) } else { declared.kind.clone() };
    let variables = BTreeMap::from([("self".to_owned(), declared.kind.clone()), ("oldSelf".to_owned(), old)]);
    let of_rule = |why: String| Wrong { field: "rule", why };
    let program = cel::compile(library, text("rule"), &variables, declared)
        .map_err(|why| of_rule(format!("compilation failed: {why}")))?;
    if program.kind != Type::Bool {
        return Err(of_rule("cel expression must evaluate to a bool".to_owned()));
    }
    if let Some(why) = program.unready() {
        return Err(of_rule(format!("program instantiation failed: {why}")));
    }
    let message = match text("messageExpression") {
        "" => None,
        source => Some(compile_message(library, source, &variables, declared)?),
    };
    let shown = match text("message") {
        "" => text("rule").trim(),
        message => message.trim(),
    };
    let default_message = match text("message") {
        "" => format!("failed rule: {shown}"),
        _ => shown.to_owned(),
    };
    let path = field_path::follow(text("fieldPath"), schema, true);
    Ok(Rule {
        uses_old: program.uses("oldSelf"),
        program,
        message,
        text: shown.to_owned(),
        default_message,
        reason: rule["reason"].as_str().map(str::to_owned),
        field_path: path.map(|found| found.shown).unwrap_or_default(),
        optional_old,
    })
}

fn compile_message(
    library: &Library,
    source: &str,
    variables: &BTreeMap<String, Type>,
    declared: &Declared,
) -> Result<Program, Wrong> {
    let wrong = |why: String| Wrong { field: "messageExpression", why };
    let program = cel::compile(library, source, variables, declared)
        .map_err(|why| wrong(format!("messageExpression compilation failed: {why}")))?;
    if program.kind != Type::String {
        return Err(wrong("messageExpression must evaluate to a string".to_owned()));
    }
    if let Some(why) = program.unready() {
        return Err(wrong(format!("messageExpression instantiation failed: {why}")));
    }
    Ok(program)
}

/// The rules that stand upon a schema.
pub(super) fn rules_of(schema: &Value) -> &[Value] {
    schema["x-kubernetes-validations"].as_array().map_or(&[], List::as_slice)
}
