//! Evaluates an expression, and counts what that costs: past the limit it stops.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expr::{Call, Element, Entry, Expr, Fold, Kind, Literal, Select};
use super::extension::{self, Extensions};
use super::functions;
use super::patterns::Patterns;
use super::value::{Key, List, Map, Text, Value};
use super::{price, spend};

/// No evaluation copies or compares more parts than this. Upstream has only the cost, which counts a list as one where
/// it is copied; whatever gets here would take long, and much memory.
const MAX_TOUCHED: u64 = 20_000_000;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// What the language calls an error: `no such key: x`.
    Error(String),
    /// It cost more than it may.
    TooCostly,
}

impl Failure {
    pub(super) fn no_overload() -> Self {
        Failure::Error("no such overload".to_owned())
    }
}

pub(super) type Outcome<'a> = Result<Value<'a>, Failure>;

/// Evaluates an expression over variables; the second value is what it did cost.
pub(super) fn evaluate<'a>(
    expr: &'a Expr,
    variables: Vec<(&'a str, Value<'a>)>,
    means: &'a Means,
    limit: u64,
) -> (Outcome<'a>, u64) {
    let mut evaluation = Evaluation { scopes: variables, means, cost: 0, touched: 0, limit };
    let outcome = evaluation.eval(expr);
    (outcome, evaluation.cost)
}

/// What was prepared for evaluating one expression.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) patterns: Patterns,
    pub(super) extensions: Extensions,
}

struct Evaluation<'a> {
    /// The variables, innermost last.
    scopes: Vec<(&'a str, Value<'a>)>,
    means: &'a Means,
    cost: u64,
    touched: u64,
    limit: u64,
}

impl<'a> Evaluation<'a> {
    fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit { Err(Failure::TooCostly) } else { Ok(()) }
    }

    fn work(&mut self, parts: u64) -> Result<(), Failure> {
        self.touched = self.touched.saturating_add(parts);
        if self.touched > MAX_TOUCHED { Err(Failure::TooCostly) } else { Ok(()) }
    }

    fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant(literal)),
            Kind::Ident(name) => {
                self.charge(1)?;
                self.variable(name)
            }
            Kind::Select(select) => self.select(expr, select),
            Kind::Call(call) => self.call(call),
            Kind::List(elements) => self.list(elements),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { .. } => Err(Failure::no_overload()),
            Kind::Fold(fold) => self.fold(fold),
        }
    }

    fn variable(&self, name: &'a str) -> Outcome<'a> {
        let found = self.scopes.iter().rev().find(|(own, _)| *own == name);
        match found {
            Some((_, Value::Failed(error))) => Err(Failure::Error(error.to_string())),
            Some((_, value)) => Ok(value.clone()),
            None if is_type_name(name) => Ok(Value::Type(name.to_owned())),
            None => Err(Failure::Error(format!("no such attribute(s): {name}"))),
        }
    }

    fn select(&mut self, expr: &'a Expr, select: &'a Select) -> Outcome<'a> {
        if let Some(name) = dotted(expr).filter(|name| is_type_name(name)) {
            return Ok(Value::Type(name));
        }
        let operand = self.eval(&select.operand)?;
        if select.is_test {
            return has(&operand, &select.field).map(Value::Bool);
        }
        self.charge(1)?;
        match field(&operand, &select.field)? {
            Value::Failed(error) => Err(Failure::Error(error.to_string())),
            value => Ok(value),
        }
    }

    fn list(&mut self, elements: &'a [Element]) -> Outcome<'a> {
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            match (self.eval(&element.value)?, element.is_optional) {
                (Value::Optional(value), true) => items.extend(value.map(|value| value.as_ref().clone())),
                (value, _) => items.push(value),
            }
        }
        self.charge(price::LIST)?;
        Ok(Value::list(items))
    }

    fn map(&mut self, entries: &'a [Entry]) -> Outcome<'a> {
        let mut made = BTreeMap::new();
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let key = key
                .key()
                .ok_or_else(|| Failure::Error(format!("unsupported key type: {}", key.type_name())))?;
            let value = match (self.eval(&entry.value)?, entry.is_optional) {
                (Value::Optional(None), true) => continue,
                (Value::Optional(Some(value)), true) => value.as_ref().clone(),
                (value, _) => value,
            };
            if made.insert(key.clone(), value).is_some() {
                return Err(Failure::Error(format!("insert failed: key {} already exists", show_key(&key))));
            }
        }
        self.charge(price::MAP)?;
        Ok(Value::Map(Map::Made(Arc::new(made))))
    }

    fn call(&mut self, call: &'a Call) -> Outcome<'a> {
        match (call.function.as_str(), call.args.as_slice()) {
            ("_&&_", args) => return self.logical(args, false),
            ("_||_", args) => return self.logical(args, true),
            ("_?_:_", [condition, yes, no]) => {
                return match self.eval(condition)? {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    _ => Err(Failure::no_overload()),
                };
            }
            ("@not_strictly_false", [arg]) => {
                let value = match self.eval(arg) {
                    Err(Failure::TooCostly) => return Err(Failure::TooCostly),
                    Ok(Value::Bool(false)) => false,
                    _ => true,
                };
                self.charge(1)?;
                return Ok(Value::Bool(value));
            }
            _ => {}
        }
        let mut args = Vec::with_capacity(call.args.len() + 1);
        for arg in call.target.as_deref().into_iter().chain(&call.args) {
            args.push(self.eval(arg)?);
        }
        self.charge(spend::cost(&call.function, &args))?;
        self.work(spend::work(&call.function, &args))?;
        self.apply(call, &args)
    }

    fn apply(&self, call: &'a Call, args: &[Value<'a>]) -> Outcome<'a> {
        if let Some(outcome) = functions::call(&call.function, args) {
            return outcome;
        }
        match (call.function.as_str(), args) {
            ("matches", [Value::String(text), Value::String(pattern)]) => {
                self.means.patterns.matches(text.as_str(), pattern.as_str())
            }
            (function, args) if extension::is_foreign(function) => {
                self.means.extensions.call(function, call.target.is_some(), args)
            }
            _ => Err(Failure::no_overload()),
        }
    }

    /// `&&` and `||`: one operand that decides makes the errors of the others not matter.
    fn logical(&mut self, args: &'a [Expr], decisive: bool) -> Outcome<'a> {
        let mut failure = None;
        for arg in args {
            match self.eval(arg) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Err(Failure::TooCostly) => return Err(Failure::TooCostly),
                Err(error) => failure = failure.or(Some(error)),
                Ok(_) => failure = failure.or_else(|| Some(Failure::no_overload())),
            }
        }
        failure.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn fold(&mut self, fold: &'a Fold) -> Outcome<'a> {
        let outer = self.scopes.len();
        let outcome = self.fold_in_scope(fold, outer);
        self.scopes.truncate(outer);
        outcome
    }

    fn fold_in_scope(&mut self, fold: &'a Fold, outer: usize) -> Outcome<'a> {
        let range = self.eval(&fold.range)?;
        let init = self.eval(&fold.init)?;
        self.scopes.push((&fold.accumulator, init));
        for (first, second) in variables(&range, fold.second.is_some())? {
            self.scopes.truncate(outer + 1);
            self.scopes.push((&fold.variable, first));
            if let (Some(name), Some(value)) = (&fold.second, second) {
                self.scopes.push((name, value));
            }
            match self.eval(&fold.condition)? {
                Value::Bool(true) => {}
                _ => break,
            }
            if let Some(next) = self.step(&fold.step, outer)? {
                self.scopes[outer].1 = next;
            }
        }
        self.scopes.truncate(outer + 1);
        self.eval(&fold.result)
    }

    /// One step; `None` if it grew the accumulator where it is. Making a list anew for each element would take the
    /// square of its length.
    fn step(&mut self, step: &'a Expr, accumulator: usize) -> Result<Option<Value<'a>>, Failure> {
        let Kind::Call(call) = &step.kind else { return self.eval(step).map(Some) };
        match (call.function.as_str(), call.args.as_slice()) {
            ("_?_:_", [condition, yes, no]) => match self.eval(condition)? {
                Value::Bool(true) => self.step(yes, accumulator),
                Value::Bool(false) => self.step(no, accumulator),
                _ => Err(Failure::no_overload()),
            },
            ("_+_", [own, more]) if is_result(own) => self.grow(own, more, accumulator),
            ("cel.@mapInsert", [own, more @ ..]) if is_result(own) => self.insert(more, accumulator),
            // What `all` and `exists` come to is kept even if it is an error, until an element decides.
            ("_&&_" | "_||_", [_, _]) => self.quantify(call, accumulator).map(Some),
            _ => self.eval(step).map(Some),
        }
    }

    fn grow(
        &mut self,
        own: &'a Expr,
        more: &'a Expr,
        accumulator: usize,
    ) -> Result<Option<Value<'a>>, Failure> {
        let added = self.eval(more)?;
        self.work(added.size())?;
        if let (Value::List(List::Made(items)), Value::List(added)) =
            (&mut self.scopes[accumulator].1, &added)
        {
            let items = Arc::make_mut(items);
            items.extend(added.iter());
            self.charge(2)?;
            return Ok(None);
        }
        let before = self.eval(own)?;
        let sum = functions::call("_+_", &[before, added]).unwrap_or_else(|| Err(Failure::no_overload()))?;
        self.charge(1)?;
        Ok(Some(sum))
    }

    fn insert(&mut self, more: &'a [Expr], accumulator: usize) -> Result<Option<Value<'a>>, Failure> {
        let mut added = Vec::with_capacity(more.len());
        for part in more {
            added.push(self.eval(part)?);
        }
        self.charge(2)?;
        self.work(added.iter().map(Value::size).sum())?;
        let Value::Map(map) = &mut self.scopes[accumulator].1 else { return Err(Failure::no_overload()) };
        functions::insert(map, added)?;
        Ok(None)
    }

    fn quantify(&mut self, call: &'a Call, accumulator: usize) -> Outcome<'a> {
        let [_, predicate] = call.args.as_slice() else { return Err(Failure::no_overload()) };
        self.charge(1)?;
        let decisive = call.function == "_||_";
        let found = match self.eval(predicate) {
            Err(Failure::TooCostly) => return Err(Failure::TooCostly),
            Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
            Ok(Value::Bool(_)) => return Ok(self.scopes[accumulator].1.clone()),
            Err(Failure::Error(error)) => error,
            Ok(_) => "no such overload".to_owned(),
        };
        match &self.scopes[accumulator].1 {
            Value::Failed(before) => Ok(Value::Failed(before.clone())),
            _ => Ok(Value::Failed(found.into())),
        }
    }
}

fn is_result(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Ident(name) if name == "@result")
}

/// What a fold goes through: elements, keys, or both with their indexes or values.
type Variables<'a> = Vec<(Value<'a>, Option<Value<'a>>)>;

fn variables<'a>(range: &Value<'a>, with_second: bool) -> Result<Variables<'a>, Failure> {
    match range {
        Value::List(list) if with_second => Ok(list
            .iter()
            .enumerate()
            .map(|(index, item)| (Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), Some(item)))
            .collect()),
        Value::List(list) => Ok(list.iter().map(|item| (item, None)).collect()),
        Value::Map(map) => Ok(map.entries().into_iter().map(|(key, value)| (key, Some(value))).collect()),
        other => Err(Failure::Error(format!("got '{}', expected iterable type", other.type_name()))),
    }
}

fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::String(Text::Borrowed(text)),
        Literal::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
    }
}

fn is_type_name(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "bytes"
            | "double"
            | "int"
            | "uint"
            | "string"
            | "null_type"
            | "list"
            | "map"
            | "type"
            | "optional_type"
            | "google.protobuf.Timestamp"
            | "google.protobuf.Duration"
            | "net.IP"
            | "net.CIDR"
            | "kubernetes.URL"
            | "kubernetes.Quantity"
            | "kubernetes.Semver"
    )
}

fn dotted(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) if matches!(name.as_str(), "google" | "net" | "kubernetes") => Some(name.clone()),
        Kind::Select(select) => Some(format!("{}.{}", dotted(&select.operand)?, select.field)),
        _ => None,
    }
}

fn has(operand: &Value<'_>, name: &str) -> Result<bool, Failure> {
    match operand {
        Value::Map(map) => Ok(map.field(name).is_some()),
        Value::Optional(None) => Ok(false),
        Value::Optional(Some(value)) => has(value, name),
        _ => Err(Failure::no_overload()),
    }
}

/// The value of a field.
pub(super) fn field<'a>(operand: &Value<'a>, name: &str) -> Outcome<'a> {
    match operand {
        Value::Map(map) => map.field(name).ok_or_else(|| no_such_key(name)),
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(value)) => Ok(Value::Optional(field(value, name).ok().map(Arc::new))),
        _ => Err(Failure::no_overload()),
    }
}

pub(super) fn no_such_key(name: &str) -> Failure {
    Failure::Error(format!("no such key: {name}"))
}

/// A key as errors show it.
pub(super) fn show_key(key: &Key) -> String {
    match key {
        Key::Bool(value) => value.to_string(),
        Key::Int(value) => value.to_string(),
        Key::String(text) => text.clone(),
    }
}
