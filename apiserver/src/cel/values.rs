//! What expressions that are evaluated together see: what is given, and variables that are worked out on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::tree::Value as Json;

use super::eval::{self, Outcome};
use super::failure::Failure;
use super::value::{Key, Map, Value};
use super::{Binding, CALL_LIMIT, Program, json};

/// The variables of expressions.
#[derive(Clone, Debug)]
pub(crate) struct Values<'a> {
    given: Vec<(&'a str, Value<'a>)>,
    composed: BTreeMap<Key, Value<'a>>,
}

impl<'a> Values<'a> {
    /// What is given.
    pub(crate) fn new(bindings: &[(&'a str, Binding<'a>)]) -> Self {
        let given = bindings.iter().map(|(name, binding)| (*name, binding.value())).collect();
        Values { given, composed: BTreeMap::new() }
    }

    /// Works out a variable, which is found below `variables` from now on. That it cannot be worked out matters only to
    /// an expression that asks for it.
    ///
    /// # Errors
    /// It asks the authoriser what nobody has asked yet.
    pub(crate) fn compose(&mut self, name: &str, program: &'a Program) -> Result<(), Failure> {
        let value = match program.evaluate_in(self) {
            Ok(value) => value,
            Err(Failure::Unasked(question)) => return Err(Failure::Unasked(question)),
            Err(why) => {
                Value::Failed(format!("composited variable {name:?} fails to evaluate: {why}").into())
            }
        };
        self.composed.insert(Key::String(name.to_owned()), value);
        Ok(())
    }

    fn all(&self) -> Vec<(&'a str, Value<'a>)> {
        let composed = Value::Map(Map::Made(Arc::new(self.composed.clone())));
        self.given.iter().cloned().chain([("variables", composed)]).collect()
    }
}

impl Program {
    fn evaluate_in<'a>(&'a self, values: &Values<'a>) -> Outcome<'a> {
        eval::evaluate(&self.expr, values.all(), &self.means, CALL_LIMIT).0
    }

    /// Whether it is true of the values.
    pub(crate) fn is_true_in<'a>(&'a self, values: &Values<'a>) -> Result<bool, Failure> {
        self.evaluate_in(values).map(|value| matches!(value, Value::Bool(true)))
    }

    /// What it makes of the values, as JSON, or why that is none.
    pub(crate) fn json_in<'a>(&'a self, values: &Values<'a>) -> Result<Result<Json, String>, Failure> {
        self.evaluate_in(values).map(|value| json::of(&value))
    }

    /// The text that it makes of the values; `None` if it makes anything else.
    pub(crate) fn text_in<'a>(&'a self, values: &Values<'a>) -> Result<Option<String>, Failure> {
        self.evaluate_in(values).map(|value| match value {
            Value::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        })
    }
}
