//! Evaluates an expression, and counts what that costs: past the limit it stops.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expr::{Call, Element, Entry, Expr, Kind, Literal, Select};
use super::extension::{self, Extensions};
use super::failure::Failure;
use super::functions;
use super::patterns::Patterns;
use super::value::{Key, Map, Text, Value};
use super::{price, spend};

/// No evaluation copies or compares more parts than this. Upstream has only the cost, which counts a list as one where
/// it is copied; whatever gets here would take long, and much memory.
const MAX_TOUCHED: u64 = 20_000_000;

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

/// An evaluation that is under way.
pub(super) struct Evaluation<'a> {
    /// The variables, innermost last.
    pub(super) scopes: Vec<(&'a str, Value<'a>)>,
    means: &'a Means,
    cost: u64,
    touched: u64,
    limit: u64,
}

impl<'a> Evaluation<'a> {
    pub(super) fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit { Err(Failure::TooCostly) } else { Ok(()) }
    }

    pub(super) fn work(&mut self, parts: u64) -> Result<(), Failure> {
        self.touched = self.touched.saturating_add(parts);
        if self.touched > MAX_TOUCHED { Err(Failure::TooCostly) } else { Ok(()) }
    }

    pub(super) fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
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
            Kind::Struct { name, fields } => {
                let made = self.entries(fields)?;
                self.charge(price::MAP)?;
                Ok(Value::Map(Map::Message(name, Arc::new(made))))
            }
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
        let made = self.entries(entries)?;
        self.charge(price::MAP)?;
        Ok(Value::Map(Map::Made(Arc::new(made))))
    }

    fn entries(&mut self, entries: &'a [Entry]) -> Result<BTreeMap<Key, Value<'a>>, Failure> {
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
        Ok(made)
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
                    Err(failure) if failure.is_final() => return Err(failure),
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
        if let [Value::Authority(authority), rest @ ..] = args
            && call.target.is_some()
        {
            return authority.call(&call.function, rest);
        }
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
                Err(failure) if failure.is_final() => return Err(failure),
                Err(error) => failure = failure.or(Some(error)),
                Ok(_) => failure = failure.or_else(|| Some(Failure::no_overload())),
            }
        }
        failure.map_or(Ok(Value::Bool(!decisive)), Err)
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
        Value::Authority(authority) => authority.field(name),
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
