//! The functions that expressions may call: every overload's signature, as Kubernetes 1.36 has them.
//!
//! <https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries>

use std::collections::BTreeMap;

use super::environment::message;
use super::expr::Expr;
use super::extension::{Extensions, Shared};
use super::kind::{Declared, Type};
use super::signatures::{
    AUTHORIZATION, CONVERSIONS, KUBERNETES, LISTS, OPERATORS, OPTIONALS, PATCHES, STANDARD, STRINGS,
};

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Overload {
    /// What cost models know it by; functions whose cost does not depend on the overload share one.
    pub(super) id: &'static str,
    /// Whether it is called upon a target, which is its first parameter then.
    pub(super) is_member: bool,
    pub(super) params: Vec<Type>,
    pub(super) result: Type,
    /// How many type parameters it has.
    pub(super) variables: usize,
}

/// Every function by its name.
#[derive(Debug)]
pub(crate) struct Library {
    functions: BTreeMap<&'static str, Vec<Overload>>,
    shared: Shared,
    /// Whether expressions may make the messages of mutating policies.
    has_messages: bool,
}

/// A message that an expression may make.
pub(super) enum Message {
    /// It has these fields.
    Closed(Type),
    /// It may have any fields.
    Open(Type),
}

impl Library {
    /// The functions of Kubernetes 1.36 for custom resources and admission policies.
    pub(crate) fn new() -> Self {
        let mut functions: BTreeMap<&'static str, Vec<Overload>> = BTreeMap::new();
        for table in [OPERATORS, CONVERSIONS, STANDARD, OPTIONALS, STRINGS, LISTS, KUBERNETES, AUTHORIZATION]
        {
            declare(table, &mut functions);
        }
        Library { functions, shared: Shared::default(), has_messages: false }
    }

    /// From now on expressions may make the messages of mutating policies.
    pub(super) fn allow_messages(&mut self) {
        self.has_messages = true;
        declare(PATCHES, &mut self.functions);
    }

    /// The message of that name: a patch, or the object (`Object.spec.template` is a part of it).
    pub(super) fn message(&self, name: &str) -> Option<Message> {
        if !self.has_messages {
            return None;
        }
        if name == "JSONPatch" {
            let text = || Declared::simple(Type::String, 2);
            let fields = [("op", text()), ("path", text()), ("from", text()), ("value", Declared::any())];
            return Some(Message::Closed(message(name, fields).kind));
        }
        let is_object = name == "Object" || name.starts_with("Object.");
        is_object.then(|| Message::Open(message(name, []).kind))
    }

    /// What an expression needs of the libraries of Kubernetes.
    pub(super) fn extensions(&self, expr: &Expr) -> Extensions {
        self.shared.extensions(expr)
    }

    pub(super) fn overloads(&self, function: &str) -> Option<&[Overload]> {
        self.functions.get(function).map(Vec::as_slice)
    }
}

fn declare(table: &'static str, functions: &mut BTreeMap<&'static str, Vec<Overload>>) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (name, overload) = overload(row);
        functions.entry(name).or_default().push(overload);
    }
}

/// Reads a row: `name id params -> result`, where the name of a method begins with a dot.
fn overload(row: &'static str) -> (&'static str, Overload) {
    let (head, result) = row.split_once(" -> ").unwrap_or((row, "dyn"));
    let mut words = head.splitn(3, ' ');
    let (name, id) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let params: Vec<Type> = split(words.next().unwrap_or_default()).map(kind).collect();
    let result = kind(result);
    let variables = params.iter().chain([&result]).map(count_variables).max().unwrap_or_default();
    let is_member = name.starts_with('.');
    (name.trim_start_matches('.'), Overload { id, is_member, params, result, variables })
}

fn count_variables(kind: &Type) -> usize {
    match kind {
        Type::Param(number) => number + 1,
        other => other.parameters().into_iter().map(count_variables).max().unwrap_or_default(),
    }
}

/// The parts between commas that stand outside of brackets.
fn split(list: &'static str) -> impl Iterator<Item = &'static str> {
    let mut depth = 0;
    list.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn kind(text: &'static str) -> Type {
    if let Some((outer, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let mut parts = split(inner).map(kind);
        let mut next = || parts.next().unwrap_or(Type::Dyn);
        return match outer {
            "list" => Type::list(next()),
            "optional" => Type::optional(next()),
            "type" => Type::Of(std::sync::Arc::new(next())),
            _ => Type::map(next(), next()),
        };
    }
    match text {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "A" => Type::Param(0),
        "B" => Type::Param(1),
        "ip" => Type::Opaque("net.IP"),
        "cidr" => Type::Opaque("net.CIDR"),
        "url" => Type::Opaque("kubernetes.URL"),
        "quantity" => Type::Opaque("kubernetes.Quantity"),
        "semver" => Type::Opaque("kubernetes.Semver"),
        "format" => Type::Opaque("kubernetes.NamedFormat"),
        "authorizer" => message("kubernetes.authorization.Authorizer", []).kind,
        "path-check" => Type::Opaque("kubernetes.authorization.PathCheck"),
        "group-check" => Type::Opaque("kubernetes.authorization.GroupCheck"),
        "resource-check" => Type::Opaque("kubernetes.authorization.ResourceCheck"),
        "decision" => Type::Opaque("kubernetes.authorization.Decision"),
        _ => Type::Dyn,
    }
}
