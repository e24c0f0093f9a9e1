//! Calls the functions of the Kubernetes libraries, which `kube-cel` has.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube_cel::KubeCelExt as _;
use kube_cel::cel::objects::Key as ForeignKey;
use kube_cel::cel::{Context, Program, Value as Foreign};

use super::eval::Failure;
use super::expr::{Expr, Kind};
use super::value::{List, Map, Text, Value};

/// The names that a call's target and arguments have.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The functions that one expression calls, each ready to be called.
pub(super) struct Extensions {
    context: Context<'static>,
    programs: BTreeMap<String, Program>,
}

impl std::fmt::Debug for Extensions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.programs.keys()).finish()
    }
}

impl Extensions {
    /// What the expression needs of the libraries; `None` if it needs nothing.
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        let mut programs = BTreeMap::new();
        expr.walk(&mut |expr| {
            let Kind::Call(call) = &expr.kind else { return };
            if !is_foreign(&call.function) {
                return;
            }
            let source = source(&call.function, call.target.is_some(), call.args.len());
            // What the table of functions lists is well-formed, so a failure to parse cannot come from the expression.
            if let Ok(program) = Program::compile(&source) {
                programs.insert(source, program);
            }
        });
        (!programs.is_empty()).then(|| Extensions { context: Context::default().with_all(), programs })
    }

    /// Calls a function with values, of which the first is the target if it has one.
    pub(super) fn call<'a>(
        &self,
        function: &str,
        has_target: bool,
        args: &[Value<'a>],
    ) -> Result<Value<'a>, Failure> {
        let source = source(function, has_target, args.len() - usize::from(has_target));
        let Some(program) = self.programs.get(&source) else { return Err(Failure::no_overload()) };
        let mut context = self.context.new_inner_scope();
        for (name, arg) in NAMES.iter().zip(args) {
            context.add_variable_from_value(*name, to_foreign(arg));
        }
        let result = program.execute(&context).map_err(|error| Failure::Error(words(&error.to_string())))?;
        Ok(from_foreign(&result))
    }
}

/// Whether a function is one of the libraries.
pub(super) fn is_foreign(function: &str) -> bool {
    matches!(
        function,
        "url" | "isURL" | "getScheme" | "getHost" | "getHostname" | "getPort" | "getEscapedPath" | "getQuery"
            | "ip" | "isIP" | "ip.isCanonical" | "family" | "isUnspecified" | "isLoopback"
            | "isLinkLocalMulticast" | "isLinkLocalUnicast" | "isGlobalUnicast" | "cidr" | "isCIDR"
            | "containsIP" | "containsCIDR" | "prefixLength" | "masked" | "quantity" | "isQuantity" | "sign"
            | "isGreaterThan" | "isLessThan" | "compareTo" | "asApproximateFloat" | "asInteger" | "isInteger"
            | "add" | "sub" | "semver" | "isSemver" | "major" | "minor" | "patch" | "validate" | "find"
            | "findAll" | "format" | "charAt" | "replace" | "split" | "substring" | "trim" | "strings.quote"
            | "flatten" | "string"
    ) || function.starts_with("format.")
}

fn source(function: &str, has_target: bool, args: usize) -> String {
    let names = &NAMES[usize::from(has_target)..];
    let args = names[..args.min(names.len())].join(", ");
    if has_target { format!("a.{function}({args})") } else { format!("{function}({args})") }
}

/// The words of an error without the name of the function that the library puts before them.
fn words(error: &str) -> String {
    match error.strip_prefix("Error executing function '").and_then(|rest| rest.split_once("': ")) {
        Some((_, words)) => words.to_owned(),
        None => error.to_owned(),
    }
}

fn to_foreign(value: &Value<'_>) -> Foreign {
    match value {
        Value::Null | Value::Failed(_) => Foreign::Null,
        // Formatting is all that the libraries do with these.
        Value::Duration(span) => Foreign::String(Arc::new(super::time::show_duration(*span))),
        Value::Timestamp(at) => Foreign::String(Arc::new(at.to_string())),
        Value::Bool(value) => Foreign::Bool(*value),
        Value::Int(value) => Foreign::Int(*value),
        Value::Uint(value) => Foreign::UInt(*value),
        Value::Double(value) => Foreign::Float(*value),
        Value::String(text) => Foreign::String(Arc::new(text.as_str().to_owned())),
        Value::Bytes(bytes) => Foreign::Bytes(Arc::new(bytes.to_vec())),
        Value::List(list) => Foreign::List(Arc::new(list.iter().map(|item| to_foreign(&item)).collect())),
        Value::Map(map) => {
            let entries = map.entries();
            let entries = entries.iter().map(|(key, value)| (to_key(key), to_foreign(value)));
            Foreign::Map(entries.collect::<std::collections::HashMap<ForeignKey, Foreign>>().into())
        }
        Value::Optional(_) => Foreign::Null,
        Value::Type(name) => Foreign::String(Arc::new(name.clone())),
        Value::Opaque(value) => value.clone(),
    }
}

fn to_key(key: &Value<'_>) -> ForeignKey {
    match key {
        Value::Bool(value) => ForeignKey::Bool(*value),
        Value::Int(value) => ForeignKey::Int(*value),
        Value::Uint(value) => ForeignKey::Uint(*value),
        Value::String(text) => ForeignKey::String(Arc::new(text.as_str().to_owned())),
        _ => ForeignKey::Bool(false),
    }
}

fn from_foreign<'a>(value: &Foreign) -> Value<'a> {
    match value {
        Foreign::Bool(value) => Value::Bool(*value),
        Foreign::Int(value) => Value::Int(*value),
        Foreign::UInt(value) => Value::Uint(*value),
        Foreign::Float(value) => Value::Double(*value),
        Foreign::String(text) => Value::String(Text::Shared(text.as_str().into())),
        Foreign::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
        Foreign::List(items) => Value::List(List::Made(Arc::new(items.iter().map(from_foreign).collect()))),
        Foreign::Map(map) => {
            let entries = map.map.iter().filter_map(|(key, value)| {
                Some((from_foreign(&Foreign::from(key)).key()?, from_foreign(value)))
            });
            Value::Map(Map::Made(Arc::new(entries.collect())))
        }
        Foreign::Opaque(opaque) => {
            match opaque.downcast_ref::<kube_cel::cel::objects::OptionalValue>() {
                Some(optional) => Value::Optional(optional.value().map(|value| Arc::new(from_foreign(value)))),
                None => Value::Opaque(value.clone()),
            }
        }
        _ => Value::Null,
    }
}
