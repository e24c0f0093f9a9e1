//! Evaluates what goes through the elements of a list or the entries of a map.

use std::sync::Arc;

use super::eval::{Evaluation, Outcome};
use super::expr::{Call, Expr, Fold, Kind};
use super::failure::Failure;
use super::functions;
use super::value::{List, Value};

impl<'a> Evaluation<'a> {
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Outcome<'a> {
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
            Err(failure) if failure.is_final() => return Err(failure),
            Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
            Ok(Value::Bool(_)) => return Ok(self.scopes[accumulator].1.clone()),
            Err(failure) => failure.to_string(),
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
