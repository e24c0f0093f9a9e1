//! Expands the macros of the language into folds, as every implementation of it does.

use super::expr::{Call, Element, Expr, Fold, Kind, Literal, Select};
use super::parse::Maker;
use super::token::Wrong;

const RESULT: &str = "@result";

type Made = Result<Expr, Wrong>;

/// A call without a target.
pub(super) fn global(maker: &mut Maker, at: usize, function: &str, mut args: Vec<Expr>) -> Made {
    if function != "has" || args.len() != 1 {
        return maker.call(at, function, args);
    }
    let arg = args.remove(0);
    match arg.kind {
        Kind::Select(select) => maker.node(at, Kind::Select(Select { is_test: true, ..select })),
        _ => Err(Wrong { at: arg.at, why: "invalid argument to has() macro".to_owned() }),
    }
}

/// A call with a target.
pub(super) fn member(maker: &mut Maker, at: usize, function: &str, target: Expr, args: Vec<Expr>) -> Made {
    let mut expander = Expander { maker, at };
    let count = args.len();
    match (function, count) {
        ("all" | "exists" | "exists_one" | "existsOne" | "filter", 2)
        | ("all" | "exists" | "exists_one" | "existsOne", 3)
        | ("map", 2 | 3)
        | ("transformList" | "transformMap" | "transformMapEntry", 3 | 4) => {
            expander.fold(function, target, args)
        }
        ("optMap" | "optFlatMap", 2) => expander.optional(function, target, args),
        ("sortBy", 2) => expander.sort_by(target, args),
        _ => {
            let call = Call { function: function.to_owned(), target: Some(Box::new(target)), args };
            expander.maker.node(at, Kind::Call(call))
        }
    }
}

struct Expander<'a> {
    maker: &'a mut Maker,
    at: usize,
}

impl Expander<'_> {
    fn result(&mut self) -> Made {
        self.maker.node(self.at, Kind::Ident(RESULT.to_owned()))
    }

    fn call(&mut self, function: &str, args: Vec<Expr>) -> Made {
        self.maker.call(self.at, function, args)
    }

    fn literal(&mut self, literal: Literal) -> Made {
        self.maker.node(self.at, Kind::Literal(literal))
    }

    fn list(&mut self, values: Vec<Expr>) -> Made {
        let elements = values.into_iter().map(|value| Element { value, is_optional: false });
        self.maker.node(self.at, Kind::List(elements.collect()))
    }

    fn fold(&mut self, function: &str, range: Expr, mut args: Vec<Expr>) -> Made {
        let is_transform = function.starts_with("transform");
        let has_two = is_transform || (args.len() == 3 && function != "map");
        let key = args.remove(0);
        let second = if has_two { Some(self.variable(args.remove(0))?) } else { None };
        let body = Body { function, key: self.maker.copy(&key)?, args };
        let variable = self.variable(key)?;
        let [init, condition, step, result] = self.parts(body)?;
        let accumulator = RESULT.to_owned();
        let fold = Fold { range, variable, second, accumulator, init, condition, step, result };
        self.maker.node(self.at, Kind::Fold(Box::new(fold)))
    }

    fn variable(&mut self, expr: Expr) -> Result<String, Wrong> {
        match expr.kind {
            Kind::Ident(name) if name == RESULT => Err(Wrong {
                at: expr.at,
                why: "iteration variable overwrites accumulator variable".to_owned(),
            }),
            Kind::Ident(name) => Ok(name),
            _ => Err(Wrong { at: expr.at, why: "argument must be a simple name".to_owned() }),
        }
    }

    /// The start, the condition to go on, the step and the result of a fold.
    fn parts(&mut self, body: Body<'_>) -> Result<[Expr; 4], Wrong> {
        match body.function {
            "all" => self.quantifier(body, true),
            "exists" => self.quantifier(body, false),
            "exists_one" | "existsOne" => self.exactly_one(body),
            "transformMap" | "transformMapEntry" => self.map_parts(body),
            _ => self.list_parts(body),
        }
    }

    fn quantifier(&mut self, body: Body<'_>, is_all: bool) -> Result<[Expr; 4], Wrong> {
        let init = self.literal(Literal::Bool(is_all))?;
        let mut goes_on = self.result()?;
        if !is_all {
            goes_on = self.call("!_", vec![goes_on])?;
        }
        let condition = self.call("@not_strictly_false", vec![goes_on])?;
        let before = self.result()?;
        let step = self.call(if is_all { "_&&_" } else { "_||_" }, vec![before, body.only()])?;
        Ok([init, condition, step, self.result()?])
    }

    fn exactly_one(&mut self, body: Body<'_>) -> Result<[Expr; 4], Wrong> {
        let init = self.literal(Literal::Int(0))?;
        let condition = self.literal(Literal::Bool(true))?;
        let (before, one) = (self.result()?, self.literal(Literal::Int(1))?);
        let more = self.call("_+_", vec![before, one])?;
        let same = self.result()?;
        let step = self.call("_?_:_", vec![body.only(), more, same])?;
        let (count, one) = (self.result()?, self.literal(Literal::Int(1))?);
        Ok([init, condition, step, self.call("_==_", vec![count, one])?])
    }

    fn list_parts(&mut self, mut body: Body<'_>) -> Result<[Expr; 4], Wrong> {
        let init = self.list(Vec::new())?;
        let condition = self.literal(Literal::Bool(true))?;
        let (filter, value) = match body.function {
            "filter" => (body.args.pop(), body.key),
            _ => {
                let value = body.args.pop();
                (body.args.pop(), value.unwrap_or(body.key))
            }
        };
        let (before, made) = (self.result()?, self.list(vec![value])?);
        let mut step = self.call("_+_", vec![before, made])?;
        if let Some(filter) = filter {
            let same = self.result()?;
            step = self.call("_?_:_", vec![filter, step, same])?;
        }
        Ok([init, condition, step, self.result()?])
    }

    fn map_parts(&mut self, mut body: Body<'_>) -> Result<[Expr; 4], Wrong> {
        let init = self.maker.node(self.at, Kind::Map(Vec::new()))?;
        let condition = self.literal(Literal::Bool(true))?;
        let value = body.args.pop();
        let mut args = vec![self.result()?];
        if body.function == "transformMap" {
            args.push(body.key);
        }
        args.extend(value);
        let mut step = self.call("cel.@mapInsert", args)?;
        if let Some(filter) = body.args.pop() {
            let same = self.result()?;
            step = self.call("_?_:_", vec![filter, step, same])?;
        }
        Ok([init, condition, step, self.result()?])
    }

    /// `target.hasValue() ? … : optional.none()`, with the value bound to the variable.
    fn optional(&mut self, function: &str, target: Expr, mut args: Vec<Expr>) -> Made {
        let name = self.variable(args.remove(0))?;
        let Some(body) = args.pop() else { return Ok(target) };
        let is_there = self.method("hasValue", &target)?;
        let value = self.method("value", &target)?;
        let range = self.list(Vec::new())?;
        let condition = self.literal(Literal::Bool(false))?;
        let step = self.maker.node(self.at, Kind::Ident(name.clone()))?;
        let fold = Fold {
            range,
            variable: "#unused".to_owned(),
            second: None,
            accumulator: name,
            init: value,
            condition,
            step,
            result: body,
        };
        let mut made = self.maker.node(self.at, Kind::Fold(Box::new(fold)))?;
        if function == "optMap" {
            made = self.call("optional.of", vec![made])?;
        }
        let none = self.call("optional.none", Vec::new())?;
        self.call("_?_:_", vec![is_there, made, none])
    }

    fn method(&mut self, function: &str, target: &Expr) -> Made {
        let target = Some(Box::new(self.maker.copy(target)?));
        let call = Call { function: function.to_owned(), target, args: Vec::new() };
        self.maker.node(self.at, Kind::Call(call))
    }

    /// Sorts the list by the keys that the body gives for its elements.
    fn sort_by(&mut self, target: Expr, args: Vec<Expr>) -> Made {
        let keys = self.maker.copy(&target).and_then(|range| self.fold("map", range, args))?;
        let function = "@sortByAssociatedKeys".to_owned();
        let call = Call { function, target: Some(Box::new(target)), args: vec![keys] };
        self.maker.node(self.at, Kind::Call(call))
    }
}

/// What a macro was given besides its range and the second variable.
struct Body<'a> {
    function: &'a str,
    /// The first variable, as an expression.
    key: Expr,
    args: Vec<Expr>,
}

impl Body<'_> {
    /// The last argument, of macros that have only that.
    fn only(mut self) -> Expr {
        self.args.pop().unwrap_or(self.key)
    }
}
