//! Calls the functions of the Kubernetes libraries, which `kube-cel` has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kube_cel::KubeCelExt as _;
use kube_cel::cel::objects::Key as ForeignKey;
use kube_cel::cel::{Context, Program, Value as Foreign};

use super::complaint;
use super::expr::{Expr, Kind};
use super::failure::Failure;
use super::value::{List, Map, Text, Value};

/// The names that a call's target and arguments have.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The functions of the libraries, which all expressions that are compiled together share.
#[derive(Default)]
pub(super) struct Shared {
    context: OnceLock<Arc<Context<'static>>>,
    programs: Mutex<BTreeMap<String, Arc<Program>>>,
}

/// The functions that one expression calls, each ready to be called.
pub(super) struct Extensions {
    /// `None` if it calls none.
    context: Option<Arc<Context<'static>>>,
    programs: BTreeMap<String, Arc<Program>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Extensions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.programs.keys()).finish()
    }
}

impl Shared {
    /// What an expression needs of the libraries.
    pub(super) fn extensions(&self, expr: &Expr) -> Extensions {
        let mut wanted = BTreeSet::new();
        expr.walk(&mut |expr| {
            if let Kind::Call(call) = &expr.kind
                && is_foreign(&call.function)
            {
                wanted.insert(source(&call.function, call.target.is_some(), call.args.len()));
            }
        });
        if wanted.is_empty() {
            return Extensions { context: None, programs: BTreeMap::new() };
        }
        let mut known = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut programs = BTreeMap::new();
        for source in wanted {
            // What the table of functions lists is well-formed, so a failure to parse cannot come from the expression.
            let Some(program) =
                known.get(&source).cloned().or_else(|| Program::compile(&source).ok().map(Arc::new))
            else {
                continue;
            };
            known.insert(source.clone(), program.clone());
            programs.insert(source, program);
        }
        let context = self.context.get_or_init(|| Arc::new(Context::default().with_all()));
        Extensions { context: Some(context.clone()), programs }
    }
}

impl Extensions {
    /// Calls a function with values, of which the first is the target if it has one.
    pub(super) fn call<'a>(
        &self,
        function: &str,
        has_target: bool,
        args: &[Value<'a>],
    ) -> Result<Value<'a>, Failure> {
        let source = source(function, has_target, args.len() - usize::from(has_target));
        let (Some(program), Some(context)) = (self.programs.get(&source), &self.context) else {
            return Err(Failure::no_overload());
        };
        let mut context = context.new_inner_scope();
        for (name, arg) in NAMES.iter().zip(args) {
            context.add_variable_from_value(*name, to_foreign(arg));
        }
        let result = program.execute(&context).map_err(|error| {
            let told = complaint::about(function, args);
            Failure::Error(told.unwrap_or_else(|| words(&error.to_string())))
        })?;
        Ok(from_foreign(&result))
    }
}

/// Whether a function is one of the libraries.
pub(super) fn is_foreign(function: &str) -> bool {
    matches!(
        function,
        "ip" | "isIP"
            | "ip.isCanonical"
            | "family"
            | "isUnspecified"
            | "isLoopback"
            | "isLinkLocalMulticast"
            | "isLinkLocalUnicast"
            | "isGlobalUnicast"
            | "cidr"
            | "isCIDR"
            | "containsIP"
            | "containsCIDR"
            | "prefixLength"
            | "masked"
            | "find"
            | "findAll"
            | "strings.quote"
            | "flatten"
            | "string"
    )
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
        Value::Null | Value::Failed(_) | Value::Authority(_) | Value::Version(_) => Foreign::Null,
        // None of the libraries does anything with these.
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
            Foreign::Map(entries.collect::<Entries>().into())
        }
        Value::Optional(_) => Foreign::Null,
        Value::Type(name) => Foreign::String(Arc::new(name.clone())),
        Value::Quantity(quantity) => Foreign::String(Arc::new(quantity.to_string())),
        Value::Url(text) => Foreign::String(Arc::new(text.as_ref().to_owned())),
        Value::NamedFormat(name) => Foreign::String(Arc::new((*name).to_owned())),
        Value::Opaque(value) => value.clone(),
    }
}

/// The map that the libraries take.
#[expect(clippy::disallowed_types, reason = "its order is not looked at: it is the libraries' own type")]
type Entries = std::collections::HashMap<ForeignKey, Foreign>;

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
        Foreign::Opaque(opaque) => match opaque.downcast_ref::<kube_cel::cel::objects::OptionalValue>() {
            Some(optional) => Value::Optional(optional.value().map(|value| Arc::new(from_foreign(value)))),
            None => Value::Opaque(value.clone()),
        },
        _ => Value::Null,
    }
}
