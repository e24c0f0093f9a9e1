//! Checks the expressions of a definition: that they compile, what they may cost, and where `oldSelf` makes sense.

use steersman_core::field::{Error, ErrorList, ErrorType, Path};
use steersman_core::tree::{Value, json};

use super::budget::Budget;
use super::declare::{MAX_REQUEST, declare, size};
use super::rule::{self, Rule, Wrong, rules_of};
use crate::cel::{Declared, Library, Type};
use crate::json_text::for_pages;

/// Reports what is wrong with the expressions of a schema that is valid in all else.
pub(super) fn check(schema: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if !has_rules(schema) {
        return;
    }
    let mut checker = Checker { library: Library::new(), budget: Budget::default() };
    let around = Around { count: Some(1), uncorrelated: None, is_resource: true };
    checker.walk(schema, None, &around, path, errors);
    checker.budget.settle(path, errors);
}

/// Whether a schema or anything below it has rules.
pub(super) fn has_rules(schema: &Value) -> bool {
    !rules_of(schema).is_empty() || below(schema).any(|(_, _, child)| has_rules(child))
}

/// The schemas of the parts of a value: the keyword, the property, and the schema.
fn below(schema: &Value) -> impl Iterator<Item = (&'static str, Option<&str>, &Value)> {
    let one = ["additionalProperties", "items"].into_iter().filter_map(|key| {
        let child = schema.get(key).filter(|child| child.is_object())?;
        Some((key, None, child))
    });
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut one: Vec<_> = one.collect();
    let items = one.pop_if(|(key, ..)| *key == "items");
    one.into_iter()
        .chain(properties.map(|(name, child)| ("properties", Some(name.as_str()), child)))
        .chain(items)
}

struct Checker {
    library: Library,
    budget: Budget,
}

/// What stands around a schema.
#[derive(Clone)]
struct Around {
    /// How many values of it an object has at most; `None` if nothing bounds that.
    count: Option<u64>,
    /// The schema whose parts cannot be told apart between two versions of an object, if it is within one.
    uncorrelated: Option<String>,
    /// Whether it is that of an object of its own.
    is_resource: bool,
}

impl Checker {
    /// Checks what lies below, then the rules that stand here, as upstream does. `parent` declares what is around.
    fn walk(
        &mut self,
        schema: &Value,
        declared: Option<Declared>,
        around: &Around,
        path: &Path<'_>,
        errors: &mut ErrorList,
    ) {
        let is_needed = declared.is_some() || !rules_of(schema).is_empty();
        let declared =
            declared.or_else(|| is_needed.then(|| declare(schema, around.is_resource, "selfType")).flatten());
        for (key, name, child) in below(schema) {
            let inner = around.below(schema, key, child, path);
            let own = declared.as_ref().and_then(|declared| part(declared, name));
            let at = path.child(key);
            match name {
                Some(name) => self.walk(child, own, &inner, &at.key(name), errors),
                None => self.walk(child, own, &inner, &at, errors),
            }
        }
        if rules_of(schema).is_empty() {
            return;
        }
        let path = path.child("x-kubernetes-validations");
        let Some(declared) = declared else {
            let why = "internal error: failed to construct type information for x-kubernetes-validations rules: unable \
                       to convert structural schema to CEL declarations";
            errors.push(Error::internal(&path, why));
            return;
        };
        for (index, rule) in rules_of(schema).iter().enumerate() {
            self.rule(rule, schema, &declared, around, &path.index(index), errors);
        }
    }

    fn rule(
        &mut self,
        rule: &Value,
        schema: &Value,
        declared: &Declared,
        around: &Around,
        path: &Path<'_>,
        errors: &mut ErrorList,
    ) {
        match rule::compile(&self.library, rule, schema, declared) {
            Err(Wrong { field, why }) => errors.push(Error {
                kind: ErrorType::Invalid,
                field: path.child(field).to_string(),
                value: shown(rule),
                detail: why,
            }),
            Ok(compiled) => {
                self.costs(&compiled, declared, around, path, errors);
                old_value(rule, &compiled, around, path, errors);
            }
        }
    }

    fn costs(
        &mut self,
        rule: &Rule,
        declared: &Declared,
        around: &Around,
        path: &Path<'_>,
        errors: &mut ErrorList,
    ) {
        // A schema that nothing bounds is there as often as its smallest values fit into a request.
        let count = around.count.unwrap_or(MAX_REQUEST / (declared.min_size + 1));
        let cost = rule.program.max_cost.saturating_mul(count);
        self.budget.observe("rule", cost, &path.child("rule"), errors);
        if let Some(message) = &rule.message {
            let path = path.child("messageExpression");
            self.budget.observe("messageExpression", message.max_cost, &path, errors);
        }
    }
}

fn old_value(rule: &Value, compiled: &Rule, around: &Around, path: &Path<'_>, errors: &mut ErrorList) {
    if !compiled.uses_old {
        if !rule["optionalOldSelf"].is_null() {
            let why = "may not be set if oldSelf is not used in rule";
            errors.push(Error::invalid(&path.child("optionalOldSelf"), &rule["optionalOldSelf"], why));
        }
    } else if let Some(within) = &around.uncorrelated {
        let why =
            format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {within}");
        errors.push(Error::invalid(&path.child("rule"), &rule["rule"], why));
    }
}

impl Around {
    fn below(&self, schema: &Value, key: &str, child: &Value, path: &Path<'_>) -> Around {
        let correlates = match key {
            "items" => schema["x-kubernetes-list-type"] == "map",
            "properties" => schema["x-kubernetes-map-type"].as_str().is_none_or(|kind| kind == "granular"),
            _ => true,
        };
        let uncorrelated = self.uncorrelated.clone().or_else(|| (!correlates).then(|| path.to_string()));
        let factor = match schema["type"].as_str() {
            Some("object") if !schema["additionalProperties"].is_null() => size(schema, "maxProperties"),
            Some("array") => size(schema, "maxItems"),
            _ => Some(1),
        };
        let count = self.count.zip(factor).map(|(count, factor)| count.saturating_mul(factor));
        Around { count, uncorrelated, is_resource: child["x-kubernetes-embedded-resource"] == true }
    }
}

/// What a declaration says of a part of its values.
fn part(declared: &Declared, property: Option<&str>) -> Option<Declared> {
    let Some(name) = property else { return declared.element.as_deref().cloned() };
    let Type::Object(object) = &declared.kind else { return None };
    let field = object.fields.get(&super::declare::escape(name)?)?;
    Some(field.declared.as_ref().clone())
}

/// A rule as upstream's internal type prints.
fn shown(rule: &Value) -> String {
    let text = |key: &str| json!(rule[key].as_str().unwrap_or_default());
    let fields = [
        ("Rule", text("rule")),
        ("Message", text("message")),
        ("MessageExpression", text("messageExpression")),
        ("Reason", rule["reason"].clone()),
        ("FieldPath", text("fieldPath")),
        ("OptionalOldSelf", rule["optionalOldSelf"].clone()),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    for_pages(&format!("{{{}}}", fields.join(",")))
}
