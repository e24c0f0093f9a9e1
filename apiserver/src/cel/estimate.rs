//! Estimates the most that an expression can cost, before there is anything to evaluate it upon.
//!
//! Upstream refuses expressions by this estimate, so it follows upstream's model to the unit.

use std::collections::BTreeMap;

use super::check::Facts;
use super::expr::{Call, Entry, Expr, Fold, Kind, Literal};
use super::kind::{Declared, Type};
use super::price::{LIST, MAP, MESSAGE};
use super::range::Range;

/// The cost of an expression over variables that are declared as `root`, from the least to the most.
pub(super) fn estimate(facts: &Facts, root: &Declared, expr: &Expr) -> u64 {
    let mut estimator = Estimator {
        facts,
        root,
        paths: BTreeMap::new(),
        sizes: BTreeMap::new(),
        entries: BTreeMap::new(),
        locals: Vec::new(),
    };
    estimator.cost(expr).max
}

pub(super) struct Estimator<'a> {
    facts: &'a Facts,
    root: &'a Declared,
    /// How a node is reached from a variable.
    paths: BTreeMap<usize, Vec<String>>,
    sizes: BTreeMap<usize, Range>,
    entries: BTreeMap<usize, EntrySize>,
    locals: Vec<Local>,
}

/// How large the keys and the values of a list or map are.
#[derive(Clone, Copy)]
pub(super) struct EntrySize {
    is_list: bool,
    key: Range,
    value: Range,
}

impl EntrySize {
    fn or(self, other: EntrySize) -> Self {
        EntrySize { is_list: self.is_list, key: self.key.or(other.key), value: self.value.or(other.value) }
    }
}

struct Local {
    name: String,
    path: Vec<String>,
    size: Option<Range>,
    entry: Option<EntrySize>,
}

/// What is known of a target or an argument of a call.
pub(super) struct Operand<'e> {
    pub(super) expr: &'e Expr,
    pub(super) kind: Type,
    pub(super) path: Vec<String>,
    pub(super) size: Option<Range>,
}

/// What a call costs besides its arguments, and how large its result is.
pub(super) struct Estimate {
    pub(super) cost: Range,
    pub(super) size: Option<Range>,
}

impl<'a> Estimator<'a> {
    fn cost(&mut self, expr: &Expr) -> Range {
        match &expr.kind {
            Kind::Literal(_) => Range::ZERO,
            Kind::Ident(name) => {
                let path = self.local(name).map_or_else(|| vec![name.clone()], |local| local.path.clone());
                self.paths.insert(expr.id, path);
                Range::ONE
            }
            Kind::Select(select) if select.is_test => self.cost(&select.operand),
            Kind::Select(select) => {
                let cost = self.cost(&select.operand);
                let mut path = self.path(&select.operand);
                path.push(select.field.clone());
                self.paths.insert(expr.id, path);
                match self.kind(&select.operand) {
                    Type::Map(_) | Type::Object(_) | Type::Param(_) => cost.plus(Range::ONE),
                    _ => cost,
                }
            }
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => {
                let mut cost = Range::exactly(LIST);
                let mut value = if elements.is_empty() { Range::ZERO } else { Range::NONE };
                for element in elements {
                    cost = cost.plus(self.cost(&element.value));
                    value = value.or(self.size_or_unknown(&element.value));
                }
                self.entries.insert(expr.id, EntrySize { is_list: true, key: Range::ONE, value });
                cost
            }
            Kind::Map(entries) => self.map(expr.id, entries),
            Kind::Struct { fields, .. } => {
                fields.iter().fold(Range::exactly(MESSAGE), |cost, field| cost.plus(self.cost(&field.value)))
            }
            Kind::Fold(fold) => self.fold(expr.id, fold),
        }
    }

    fn kind(&self, expr: &Expr) -> &'a Type {
        &self.facts.types[expr.id]
    }

    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        if let Kind::Ident(name) = &expr.kind
            && let Some(local) = self.local(name)
        {
            return local.path.clone();
        }
        self.paths.get(&expr.id).cloned().unwrap_or_default()
    }

    fn map(&mut self, id: usize, entries: &[Entry]) -> Range {
        let mut cost = Range::exactly(MAP);
        let start = if entries.is_empty() { Range::ZERO } else { Range::NONE };
        let mut size = EntrySize { is_list: false, key: start, value: start };
        for entry in entries {
            cost = cost.plus(self.cost(&entry.key)).plus(self.cost(&entry.value));
            size.key = size.key.or(self.size_or_unknown(&entry.key));
            size.value = size.value.or(self.size_or_unknown(&entry.value));
        }
        self.entries.insert(id, size);
        cost
    }

    fn call(&mut self, expr: &Expr, call: &Call) -> Range {
        if call.function == "dyn"
            && let [arg] = call.args.as_slice()
        {
            let cost = self.cost(arg).plus(Range::ONE);
            self.copy_sizes(expr.id, arg);
            return cost;
        }
        let costs: Vec<Range> = call.args.iter().map(|arg| self.cost(arg)).collect();
        let args: Vec<Operand<'_>> = call.args.iter().map(|arg| self.operand(arg)).collect();
        let target_cost = call.target.as_deref().map_or(Range::ZERO, |target| self.cost(target));
        let target = call.target.as_deref().map(|target| self.operand(target));
        let mut cost = Range::NONE;
        let mut size: Option<Range> = None;
        for overload in &self.facts.overloads[expr.id] {
            let estimate = self.overload(expr, &call.function, overload, target.as_ref(), &args, &costs);
            cost = cost.or(estimate.cost);
            size = match (size, estimate.size) {
                (Some(a), Some(b)) => Some(a.or(b)),
                (a, b) => a.or(b),
            };
            if let (Some(arg), Some(step)) = (call.args.first(), index_step(overload)) {
                size = self.entry_size(arg).map(|entry| entry.value);
                let mut path = self.path(arg);
                path.push(step.to_owned());
                self.paths.insert(expr.id, path);
            }
            size = size.or_else(|| self.size(expr));
        }
        if let Some(size) = size {
            self.sizes.insert(expr.id, size);
        }
        target_cost.plus(cost)
    }

    fn overload(
        &mut self,
        expr: &Expr,
        function: &str,
        overload: &str,
        target: Option<&Operand<'_>>,
        args: &[Operand<'_>],
        costs: &[Range],
    ) -> Estimate {
        let sum = costs.iter().fold(Range::ZERO, |sum, cost| sum.plus(*cost));
        match (overload, costs, args) {
            ("logical_and" | "logical_or", ..) => return Estimate { cost: sum, size: None },
            ("conditional", [condition, yes, no], [_, a, b]) => {
                let size = sized(a).or(sized(b));
                if let (Some(a), Some(b)) = (self.entry_size(a.expr), self.entry_size(b.expr)) {
                    self.entries.insert(expr.id, a.or(b));
                }
                return Estimate { cost: condition.plus(yes.or(*no)), size: Some(size) };
            }
            ("add_string" | "add_bytes" | "add_list", _, [a, b]) => {
                if let (Some(a), Some(b)) = (self.entry_size(a.expr), self.entry_size(b.expr)) {
                    self.entries.insert(expr.id, a.or(b));
                }
            }
            _ => {}
        }
        let own = super::price::estimate(self, function, overload, target, args);
        Estimate { cost: own.cost.plus(sum), size: own.size }
    }

    fn fold(&mut self, id: usize, fold: &Fold) -> Range {
        let mut cost = self.cost(&fold.range).plus(self.cost(&fold.init));
        let accumulator = Local {
            name: fold.accumulator.clone(),
            path: self.path(&fold.init),
            size: self.size(&fold.init),
            entry: self.entry_size(&fold.init),
        };
        let outer = self.locals.len();
        self.locals.push(accumulator);
        if fold.accumulator != "@result" {
            // A binding: its value is there once, and nothing is repeated.
            cost = cost.plus(self.cost(&fold.result));
            self.locals.truncate(outer);
            self.copy_sizes(id, &fold.result);
            return cost;
        }
        let variables = self.variables(fold);
        let inner = self.locals.len();
        self.locals.extend(variables);
        let step = self.cost(&fold.condition).plus(self.cost(&fold.step));
        self.locals.truncate(inner);
        cost = cost.plus(self.cost(&fold.result));
        self.locals.truncate(outer);
        let count = self.size_or_unknown(&fold.range);
        match fold.init.kind {
            Kind::Literal(_) => {
                if let Some(size) = self.size(&fold.init) {
                    self.sizes.insert(id, size);
                }
            }
            _ => {
                self.sizes.insert(id, count);
                if let Some(entry) = self.entry_size(&fold.step) {
                    self.entries.insert(id, entry);
                }
            }
        }
        cost.plus(count.times(step))
    }

    fn variables(&self, fold: &Fold) -> Vec<Local> {
        let entry = self.entry_size(&fold.range);
        let is_list =
            entry.map_or_else(|| matches!(self.kind(&fold.range), Type::List(_)), |entry| entry.is_list);
        let path = self.path(&fold.range);
        let local = |name: &str, step: &str, size: Option<Range>| {
            let mut path = path.clone();
            path.push(step.to_owned());
            Local { name: name.to_owned(), path, size, entry: None }
        };
        let (key, value) = (entry.map(|entry| entry.key), entry.map(|entry| entry.value));
        let (key_step, value_step) = if is_list { ("@indices", "@items") } else { ("@keys", "@values") };
        match &fold.second {
            Some(second) => {
                vec![local(&fold.variable, key_step, key), local(second, value_step, value)]
            }
            None if is_list => vec![local(&fold.variable, value_step, value)],
            None => vec![local(&fold.variable, key_step, key)],
        }
    }

    fn operand<'e>(&mut self, expr: &'e Expr) -> Operand<'e> {
        let path = self.path(expr);
        let size = self.size(expr);
        Operand { expr, kind: self.kind(expr).clone(), path, size }
    }

    fn copy_sizes(&mut self, id: usize, from: &Expr) {
        if let Some(size) = self.size(from) {
            self.sizes.insert(id, size);
        }
        if let Some(entry) = self.entry_size(from) {
            self.entries.insert(id, entry);
        }
    }

    fn size_or_unknown(&mut self, expr: &Expr) -> Range {
        self.size(expr).unwrap_or(Range::UNKNOWN)
    }

    fn size(&mut self, expr: &Expr) -> Option<Range> {
        if let Some(size) = self.sizes.get(&expr.id) {
            return Some(*size);
        }
        if let Some(size) = literal_size(expr) {
            return Some(Range::exactly(size));
        }
        if let Some(size) = self.declared_size(&self.path(expr)) {
            self.sizes.insert(expr.id, size);
            return Some(size);
        }
        if is_scalar(self.kind(expr)) {
            return Some(Range::ONE);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.size),
            _ => None,
        }
    }

    /// How large the schema lets be what a path leads to; the first step is the variable.
    pub(super) fn declared_size(&self, path: &[String]) -> Option<Range> {
        let (_, steps) = path.split_first()?;
        let mut declared = self.root;
        for step in steps {
            declared = match step.as_str() {
                "@items" | "@values" => declared.element.as_deref()?,
                "@keys" => declared.key.as_deref()?,
                field => match &declared.kind {
                    Type::Object(object) => &object.fields.get(field)?.declared,
                    _ => return None,
                },
            };
        }
        Some(Range { min: 0, max: declared.max_elements })
    }

    fn entry_size(&self, expr: &Expr) -> Option<EntrySize> {
        if let Some(entry) = self.entries.get(&expr.id) {
            return Some(*entry);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.entry),
            _ => None,
        }
    }
}

fn sized(operand: &Operand<'_>) -> Range {
    operand.size.unwrap_or(Range::UNKNOWN)
}

fn index_step(overload: &str) -> Option<&'static str> {
    match overload {
        "index_list" => Some("@items"),
        "index_map" => Some("@values"),
        _ => None,
    }
}

fn literal_size(expr: &Expr) -> Option<u64> {
    let size = match &expr.kind {
        Kind::Literal(Literal::String(text)) => text.chars().count(),
        Kind::Literal(Literal::Bytes(bytes)) => bytes.len(),
        Kind::Literal(_) => 1,
        Kind::List(elements) => elements.len(),
        Kind::Map(entries) => entries.len(),
        _ => return None,
    };
    Some(size as u64)
}

/// Whether values of the type are all of one size.
fn is_scalar(kind: &Type) -> bool {
    match kind {
        Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Duration | Type::Timestamp => true,
        Type::Optional(inner) => is_scalar(inner),
        _ => false,
    }
}
