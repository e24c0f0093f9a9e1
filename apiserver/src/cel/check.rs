//! Checks the types of an expression: which overloads each call may be, and what type each part has.

use std::collections::BTreeMap;

use super::expr::{Call, Entry, Expr, Fold, Kind, Literal, Select};
use super::kind::Type;
use super::library::{Library, Message, Overload};
use super::unify::{Bindings, most_general};

/// What is wrong at a byte of the text.
#[derive(Debug, PartialEq)]
pub(super) struct Issue {
    pub(super) at: usize,
    pub(super) message: String,
}

/// What was found out about an expression; indexed by the ids of its nodes.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) types: Vec<Type>,
    /// The overloads that a call may be, by their ids.
    pub(super) overloads: Vec<Vec<&'static str>>,
}

/// Checks an expression over `variables`, and replaces calls of namespaced functions by calls of their full names.
pub(super) fn check(
    library: &Library,
    variables: &BTreeMap<String, Type>,
    expr: &mut Expr,
    count: usize,
) -> Result<Facts, Vec<Issue>> {
    let mut checker = Checker {
        library,
        variables,
        scopes: Vec::new(),
        bindings: Bindings::default(),
        facts: Facts { types: vec![Type::Dyn; count], overloads: vec![Vec::new(); count] },
        issues: Vec::new(),
    };
    checker.check(expr);
    let Checker { bindings, mut facts, mut issues, .. } = checker;
    if !issues.is_empty() {
        issues.sort_by_key(|issue| issue.at);
        issues.dedup();
        return Err(issues);
    }
    for kind in &mut facts.types {
        *kind = bindings.resolve_fully(kind);
    }
    Ok(facts)
}

struct Checker<'a> {
    library: &'a Library,
    variables: &'a BTreeMap<String, Type>,
    /// Variables of the folds around, innermost last.
    scopes: Vec<(String, Type)>,
    bindings: Bindings,
    facts: Facts,
    issues: Vec<Issue>,
}

impl Checker<'_> {
    fn issue(&mut self, at: usize, message: String) {
        self.issues.push(Issue { at, message });
    }

    fn mismatch(&mut self, at: usize, wanted: &Type, found: &Type) {
        let (wanted, found) = (self.bindings.resolve(wanted), self.bindings.resolve(found));
        self.issue(at, format!("expected type '{wanted}' but found '{found}'"));
    }

    fn type_of(&self, expr: &Expr) -> Type {
        self.facts.types[expr.id].clone()
    }

    fn check(&mut self, expr: &mut Expr) {
        if let Kind::Call(call) = &mut expr.kind {
            self.qualify(call);
        }
        let found = match &mut expr.kind {
            Kind::Literal(literal) => literal_type(literal),
            Kind::Ident(name) => self.ident(expr.at, name),
            Kind::Select(_) => self.select(expr),
            Kind::Call(call) => self.call(expr.id, expr.at, call),
            Kind::List(elements) => {
                let mut item = None;
                for element in elements {
                    self.check(&mut element.value);
                    let kind = self.entry_type(&element.value, element.is_optional);
                    item = Some(self.join(element.value.at, item, kind));
                }
                Type::list(item.unwrap_or_else(|| self.bindings.fresh()))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { name, fields } => self.message(expr.at, name, fields),
            Kind::Fold(fold) => self.fold(fold),
        };
        self.facts.types[expr.id] = found;
    }

    /// `a.b.c()` may be the function `a.b.c`.
    fn qualify(&self, call: &mut Call) {
        let Some(prefix) = call.target.as_deref().and_then(qualified) else { return };
        let name = format!("{prefix}.{}", call.function);
        if self.library.overloads(&name).is_some() {
            call.function = name;
            call.target = None;
        }
    }

    fn ident(&mut self, at: usize, name: &str) -> Type {
        match self.lookup(name) {
            Some(kind) => kind,
            None => {
                self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
                Type::Error
            }
        }
    }

    fn lookup(&self, name: &str) -> Option<Type> {
        let local = self.scopes.iter().rev().find(|(own, _)| own == name).map(|(_, kind)| kind.clone());
        local.or_else(|| self.variables.get(name).cloned()).or_else(|| named_type(name))
    }

    fn select(&mut self, expr: &mut Expr) -> Type {
        if let Some(kind) = qualified(expr).and_then(|name| named_type(&name))
            && let Kind::Select(select) = &expr.kind
            && !select.is_test
        {
            return kind;
        }
        let Kind::Select(Select { operand, field, is_test }) = &mut expr.kind else { return Type::Error };
        self.check(operand);
        let found = self.field(expr.at, &self.type_of(operand), field, false);
        if *is_test { Type::Bool } else { found }
    }

    fn field(&mut self, at: usize, operand: &Type, field: &str, is_optional: bool) -> Type {
        let operand = self.bindings.resolve(operand);
        let (target, was_optional) = match &operand {
            Type::Optional(inner) => (inner.as_ref(), true),
            other => (other, false),
        };
        let found = match target {
            Type::Map(parts) => parts.1.clone(),
            Type::Object(object) => match object.fields.get(field) {
                Some(field) => field.declared.kind.clone(),
                None => {
                    self.issue(at, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Param(_) => {
                self.bindings.agree(&Type::Dyn, target);
                Type::Dyn
            }
            Type::Dyn | Type::Error => Type::Dyn,
            other => {
                self.issue(at, format!("type '{other}' does not support field selection"));
                Type::Dyn
            }
        };
        if is_optional || was_optional { Type::optional(found) } else { found }
    }

    fn call(&mut self, id: usize, at: usize, call: &mut Call) -> Type {
        if call.function == "_?._" {
            return self.optional_select(id, at, &mut call.args);
        }
        for arg in &mut call.args {
            self.check(arg);
        }
        if let Some(target) = &mut call.target {
            self.check(target);
        }
        let library = self.library;
        let Some(overloads) = library.overloads(&call.function) else {
            self.issue(at, format!("undeclared reference to '{}' (in container '')", call.function));
            return Type::Error;
        };
        if matches!(call.function.as_str(), "_&&_" | "_||_") {
            return self.logical(id, overloads, &call.args);
        }
        let given: Vec<Type> =
            call.target.as_deref().into_iter().chain(&call.args).map(|arg| self.type_of(arg)).collect();
        self.resolve(id, overloads, call.target.is_some(), &given).unwrap_or_else(|| {
            let given: Vec<String> =
                given.iter().map(|kind| self.bindings.resolve_fully(kind).to_string()).collect();
            let signature = match (call.target.is_some(), given.split_first()) {
                (true, Some((target, args))) => format!("{target}.({})", args.join(", ")),
                _ => format!("({})", given.join(", ")),
            };
            let function = &call.function;
            self.issue(at, format!("found no matching overload for '{function}' applied to '{signature}'"));
            Type::Error
        })
    }

    fn optional_select(&mut self, id: usize, at: usize, args: &mut [Expr]) -> Type {
        let [operand, field] = args else { return Type::Error };
        self.check(operand);
        let Some(Literal::String(field)) = field.literal().cloned() else { return Type::Error };
        self.facts.overloads[id] = vec!["select_optional_field"];
        self.field(at, &self.type_of(operand), &field, true)
    }

    fn logical(&mut self, id: usize, overloads: &[Overload], args: &[Expr]) -> Type {
        self.facts.overloads[id] = overloads.iter().map(|overload| overload.id).collect();
        let mut result = Type::Bool;
        for arg in args {
            let kind = self.type_of(arg);
            if !self.bindings.agree(&kind, &Type::Bool) {
                self.mismatch(arg.at, &Type::Bool, &kind);
                result = Type::Error;
            }
        }
        result
    }

    /// The type that a call has; `None` if no overload takes what is given.
    fn resolve(
        &mut self,
        id: usize,
        overloads: &[Overload],
        is_member: bool,
        given: &[Type],
    ) -> Option<Type> {
        let mut result: Option<Type> = None;
        let mut matching = Vec::new();
        for overload in overloads.iter().filter(|one| one.is_member == is_member) {
            let Some(found) = self.apply(overload, given) else { continue };
            matching.push(overload.id);
            result = Some(match result {
                None => found,
                Some(before) if before == found || before == Type::Dyn => before,
                Some(_) => Type::Dyn,
            });
        }
        self.facts.overloads[id] = matching;
        result
    }

    fn apply(&mut self, overload: &Overload, given: &[Type]) -> Option<Type> {
        if overload.params.len() != given.len() {
            return None;
        }
        let fresh: Vec<Type> = (0..overload.variables).map(|_| self.bindings.fresh()).collect();
        let params: Vec<Type> = overload.params.iter().map(|kind| instantiate(kind, &fresh)).collect();
        let pairs: Vec<(&Type, &Type)> = given.iter().zip(&params).collect();
        let result = instantiate(&overload.result, &fresh);
        self.bindings.agree_all(&pairs).then(|| self.bindings.resolve(&result))
    }

    /// The type of an element; of an optional one, what it may hold.
    fn entry_type(&mut self, value: &Expr, is_optional: bool) -> Type {
        match (self.bindings.resolve(&self.type_of(value)), is_optional) {
            (Type::Optional(inner), true) => inner.as_ref().clone(),
            (Type::Dyn, true) => Type::Dyn,
            (kind, true) => {
                self.mismatch(value.at, &Type::optional(kind.clone()), &kind);
                kind
            }
            (kind, false) => kind,
        }
    }

    fn join(&mut self, at: usize, before: Option<Type>, kind: Type) -> Type {
        let Some(before) = before else { return kind };
        if self.bindings.agree(&before, &kind) {
            return most_general(&before, &kind).clone();
        }
        self.mismatch(at, &before, &kind);
        Type::Error
    }

    fn map(&mut self, entries: &mut [Entry]) -> Type {
        let (mut key, mut value) = (None, None);
        for entry in entries {
            self.check(&mut entry.key);
            let kind = self.type_of(&entry.key);
            key = Some(self.join(entry.key.at, key, kind));
            self.check(&mut entry.value);
            let kind = self.entry_type(&entry.value, entry.is_optional);
            value = Some(self.join(entry.value.at, value, kind));
        }
        let mut or_fresh = |kind: Option<Type>| kind.unwrap_or_else(|| self.bindings.fresh());
        let key = or_fresh(key);
        Type::map(key, or_fresh(value))
    }

    fn message(&mut self, at: usize, name: &str, fields: &mut [Entry]) -> Type {
        for field in fields.iter_mut() {
            self.check(&mut field.value);
        }
        match self.library.message(name) {
            Some(Message::Open(kind)) => kind,
            Some(Message::Closed(kind)) => {
                for field in fields {
                    self.message_field(&kind, field);
                }
                kind
            }
            None => {
                self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
                Type::Error
            }
        }
    }

    fn message_field(&mut self, message: &Type, field: &Entry) {
        let Some(Literal::String(name)) = field.key.literal() else { return };
        let wanted = self.field(field.key.at, message, name, false);
        let found = self.entry_type(&field.value, field.is_optional);
        if !self.bindings.agree(&wanted, &found) {
            let message =
                format!("expected type of field '{name}' is '{wanted}' but provided type is '{found}'");
            self.issue(field.key.at, message);
        }
    }

    fn fold(&mut self, fold: &mut Fold) -> Type {
        self.check(&mut fold.range);
        self.check(&mut fold.init);
        let (first, second) = self.variables_of(fold);
        let accumulator = self.type_of(&fold.init);
        let outer = self.scopes.len();
        self.scopes.push((fold.accumulator.clone(), accumulator.clone()));
        let inner = self.scopes.len();
        self.scopes.push((fold.variable.clone(), first));
        if let Some(name) = &fold.second {
            self.scopes.push((name.clone(), second));
        }
        self.check(&mut fold.condition);
        self.expect(&fold.condition, &Type::Bool);
        self.check(&mut fold.step);
        self.expect(&fold.step, &accumulator);
        self.scopes.truncate(inner);
        self.check(&mut fold.result);
        self.scopes.truncate(outer);
        self.bindings.resolve(&self.type_of(&fold.result))
    }

    /// The types of a fold's variables.
    fn variables_of(&mut self, fold: &Fold) -> (Type, Type) {
        let range = self.bindings.resolve(&self.type_of(&fold.range));
        match &range {
            Type::List(item) if fold.second.is_some() => (Type::Int, item.as_ref().clone()),
            Type::List(item) => (item.as_ref().clone(), Type::Error),
            Type::Map(parts) => (parts.0.clone(), parts.1.clone()),
            Type::Dyn | Type::Error | Type::Param(_) => {
                self.bindings.agree(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.issue(fold.range.at, message);
                (Type::Error, Type::Error)
            }
        }
    }

    fn expect(&mut self, expr: &Expr, wanted: &Type) {
        let found = self.type_of(expr);
        if !self.bindings.agree(wanted, &found) {
            self.mismatch(expr.at, wanted, &found);
        }
    }
}

/// The dotted name that an expression may be.
fn qualified(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.clone()),
        Kind::Select(select) if !select.is_test => {
            Some(format!("{}.{}", qualified(&select.operand)?, select.field))
        }
        _ => None,
    }
}

fn instantiate(kind: &Type, fresh: &[Type]) -> Type {
    match kind {
        Type::Param(number) => fresh[*number].clone(),
        other => other.map_parameters(&mut |part| instantiate(part, fresh)),
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}

/// The type that a name stands for.
fn named_type(name: &str) -> Option<Type> {
    let kind = match name {
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "double" => Type::Double,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "string" => Type::String,
        "null_type" => Type::Null,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "type" => Type::Of(std::sync::Arc::new(Type::Dyn)),
        "optional_type" => Type::optional(Type::Dyn),
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        "net.IP" => Type::Opaque("net.IP"),
        "net.CIDR" => Type::Opaque("net.CIDR"),
        "kubernetes.URL" => Type::Opaque("kubernetes.URL"),
        "kubernetes.Quantity" => Type::Opaque("kubernetes.Quantity"),
        "kubernetes.Semver" => Type::Opaque("kubernetes.Semver"),
        _ => return None,
    };
    Some(Type::Of(std::sync::Arc::new(kind)))
}
