//! Whether the expressions of webhooks and policies compile, and to what.

use steersman_core::field::{Error, ErrorList, Path};

use crate::cel::{Environment, Program, Type};

/// Compiles an expression that must give one of these types; says what is wrong with it if it does not.
pub(super) fn check(
    environment: &Environment,
    source: &str,
    wanted: &[Type],
    at: &Path<'_>,
    errors: &mut ErrorList,
) -> Option<Program> {
    judge(environment.compile(source), source, wanted, at, errors)
}

/// Says what is wrong with what became of an expression.
pub(super) fn judge(
    compiled: Result<Program, String>,
    source: &str,
    wanted: &[Type],
    at: &Path<'_>,
    errors: &mut ErrorList,
) -> Option<Program> {
    match compiled {
        Err(why) => errors.push(Error::invalid(at, source, format!("compilation failed: {why}"))),
        Ok(program) if wanted.is_empty() || wanted.contains(&program.kind) => match program.unready() {
            Some(why) => errors.push(Error::internal(at, format!("program instantiation failed: {why}"))),
            None => return Some(program),
        },
        Ok(program) => {
            let names: Vec<String> = wanted.iter().map(name).collect();
            let wanted = match names.as_slice() {
                [only] => only.clone(),
                several => format!("one of [{}]", several.join(" ")),
            };
            let why = format!("must evaluate to {wanted} but got {}", name(&program.kind));
            errors.push(Error::invalid(at, source, why));
        }
    }
    None
}

/// A type as Go's implementation of the language calls it.
fn name(kind: &Type) -> String {
    match kind {
        Type::Null => "null_type".to_owned(),
        other => other.to_string(),
    }
}
