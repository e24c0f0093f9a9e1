//! Evaluates the validation rules of a custom resource, which were compiled with its definition.
//!
//! Rules look at the object where it stands, so evaluating costs what they touch. What a rule says of a value that an
//! update left alone is a warning, not an error (KEP-4008).
//!
//! What that costs is measured by creating objects of a definition whose schema has many fields and a few rules: rules are
//! compiled when the definition is served, so a create pays for evaluating them only.

use std::collections::BTreeMap;

use steersman_core::field::{Error, ErrorList, ErrorType, Path};
use steersman_core::tree::Value;

use super::declare::declare;
use super::expressions::has_rules;
use super::rule::{self, Rule, rules_of};
use crate::cel::{Binding, Declared, Failure, Library, Program};
use crate::schema::{Check, Counterparts};

/// The most that all rules may cost for one object; upstream's limit.
const BUDGET: u64 = 10_000_000;

/// No computed message is longer than this many bytes; upstream's limit.
const MAX_MESSAGE: usize = 5 * 1024;

/// The rules of a schema and of what lies below it.
#[derive(Debug)]
pub(crate) struct Validator {
    /// What the rules that stand here see.
    declared: Option<Declared>,
    rules: Vec<Rule>,
    /// The type that the schema states.
    kind: String,
    items: Option<Box<Validator>>,
    values: Option<Box<Validator>>,
    properties: BTreeMap<String, Validator>,
}

/// What the rules found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What is wrong.
    pub(crate) errors: ErrorList,
    /// What is wrong, but was so before.
    pub(crate) warnings: Vec<String>,
}

impl Validator {
    /// Compiles the rules of a schema that was found valid; `None` if it has none.
    pub(crate) fn compile(schema: &Value) -> Option<Self> {
        has_rules(schema).then(|| Validator::node(&Library::new(), schema, true))
    }

    fn node(library: &Library, schema: &Value, is_resource: bool) -> Self {
        let rules = rules_of(schema);
        let declared = if rules.is_empty() { None } else { declare(schema, is_resource, "selfType") };
        // An expression that does not compile was refused with its definition.
        let compile = |rule: &Value| rule::compile(library, rule, schema, declared.as_ref()?).ok();
        let below = |child: &Value| {
            let is_resource = child["x-kubernetes-embedded-resource"] == true;
            has_rules(child).then(|| Validator::node(library, child, is_resource))
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        Validator {
            rules: rules.iter().filter_map(compile).collect(),
            kind: schema["type"].as_str().unwrap_or_default().to_owned(),
            items: below(&schema["items"]).map(Box::new),
            values: below(&schema["additionalProperties"]).map(Box::new),
            properties: properties
                .filter_map(|(name, child)| Some((name.to_string(), below(child)?)))
                .collect(),
            declared,
        }
    }

    /// Evaluates the rules upon an object that replaces `old`, if there was one. `check` is of the same schema.
    pub(crate) fn validate(&self, check: &Check, object: &Value, old: Option<&Value>) -> Findings {
        let mut run = Run { left: Some(BUDGET), findings: Findings::default(), is_update: old.is_some() };
        let place = Place { old, correlated: old, unchanged_around: false };
        run.node(self, Some(check), object, place, &Path::ROOT);
        run.findings
    }
}

/// What a value was before.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The value that `oldSelf` is.
    old: Option<&'a Value>,
    /// The value that it is compared with to tell whether it changed.
    correlated: Option<&'a Value>,
    /// Without one: whether the nearest value around that has one is unchanged.
    unchanged_around: bool,
}

struct Run {
    /// What rules may still cost; `None` once they may not.
    left: Option<u64>,
    findings: Findings,
    is_update: bool,
}

impl Run {
    fn node<'a>(
        &mut self,
        node: &Validator,
        check: Option<&'a Check>,
        value: &Value,
        place: Place<'a>,
        path: &Path<'_>,
    ) {
        if value.is_null() {
            return;
        }
        if let Some(declared) = &node.declared {
            self.rules(node, declared, check, value, place, path);
        }
        if node.items.is_none() && node.values.is_none() && node.properties.is_empty() {
            return;
        }
        let unchanged_around = self.is_update && is_unchanged(check, value, place);
        let below = |old: Option<&'a Value>, correlated: Option<&'a Value>| Place {
            old,
            correlated,
            unchanged_around,
        };
        match value {
            Value::Array(items) => {
                let Some(rules) = &node.items else { return };
                let check_items = check.and_then(Check::items);
                let olds = check.and_then(|check| check.counterparts(place.old));
                let correlated = check.and_then(|check| check.counterparts(place.correlated));
                for (index, item) in items.iter().enumerate() {
                    let of = |all: &Option<Counterparts<'a>>| all.as_ref().and_then(|all| all.get(item));
                    self.node(
                        rules,
                        check_items,
                        item,
                        below(of(&olds), of(&correlated)),
                        &path.index(index),
                    );
                }
            }
            Value::Object(fields) => {
                let is_root = path.to_string().is_empty();
                for (name, child) in fields {
                    let (rules, at) = match (&node.values, node.properties.get(name.as_str())) {
                        (Some(values), _) => (values.as_ref(), path.key(name)),
                        (None, Some(property)) => (property, path.child(name)),
                        (None, None) => continue,
                    };
                    let field = |of: Option<&'a Value>| of.and_then(|old| old.get(name));
                    // What kind of object it is may be shown in another version than before.
                    let is_kind = is_root && matches!(name.as_str(), "apiVersion" | "kind");
                    let correlated = field(place.correlated).filter(|_| !is_kind);
                    let check = check.and_then(|check| check.property(name));
                    self.node(rules, check, child, below(field(place.old), correlated), &at);
                }
            }
            _ => {}
        }
    }

    fn rules(
        &mut self,
        node: &Validator,
        declared: &Declared,
        check: Option<&Check>,
        value: &Value,
        place: Place<'_>,
        path: &Path<'_>,
    ) {
        let old = place.old.filter(|old| !old.is_null());
        for rule in &node.rules {
            if rule.uses_old && old.is_none() && !rule.optional_old {
                continue;
            }
            match self.left {
                None => return,
                Some(0) => return self.stop(node, path, OUT_OF_BUDGET.to_owned()),
                Some(_) => {}
            }
            let mut variables = vec![("self", Binding::Json(value, declared))];
            if rule.optional_old {
                variables.push(("oldSelf", Binding::Optional(old, declared)));
            } else if let Some(old) = old {
                variables.push(("oldSelf", Binding::Json(old, declared)));
            }
            let (outcome, cost) = rule.program.is_true(&variables);
            if !self.spend(cost) {
                return self.stop(node, path, OUT_OF_BUDGET.to_owned());
            }
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    let is_old_news = self.is_update && !rule.uses_old && is_unchanged(check, value, place);
                    self.broken(node, rule, value, &variables, is_old_news, path);
                }
                Err(Failure::TooCostly) => {
                    let why = format!(
                        "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due \
                         to call cost exceeds limit for rule: {}",
                        rule.text
                    );
                    return self.stop(node, path, why);
                }
                Err(error) => {
                    let why = failed(&error.to_string(), &rule.text);
                    self.findings.errors.push(Error::invalid(path, node.kind.as_str(), why));
                }
            }
        }
    }

    /// Takes a cost off what is left; whether that was enough.
    fn spend(&mut self, cost: u64) -> bool {
        self.left = self.left.and_then(|left| left.checked_sub(cost));
        self.left.is_some()
    }

    fn stop(&mut self, node: &Validator, path: &Path<'_>, why: String) {
        self.left = None;
        self.findings.errors.push(Error::invalid(path, node.kind.as_str(), why));
    }

    fn broken<'a>(
        &mut self,
        node: &Validator,
        rule: &'a Rule,
        value: &Value,
        variables: &[(&'a str, Binding<'a>)],
        is_old_news: bool,
        path: &Path<'_>,
    ) {
        let at = if rule.field_path.is_empty() {
            path.to_string()
        } else {
            path.child(&rule.field_path).to_string()
        };
        let at = if at.is_empty() { "<nil>".to_owned() } else { at };
        let computed = match rule.message.as_ref().map(|message| self.message(message, variables)) {
            Some(Err(why)) => {
                self.left = None;
                let at = Path::new(&at);
                self.report(Error::invalid(&at, node.kind.as_str(), why), is_old_news);
                return;
            }
            Some(Ok(message)) => message,
            None => None,
        };
        let detail = computed.unwrap_or_else(|| rule.default_message.clone());
        let shown = match node.kind.as_str() {
            "object" | "array" => String::new(),
            _ => value.to_string(),
        };
        let error = |kind: ErrorType, value: String, detail: String| Error { kind, field: at, value, detail };
        let error = match rule.reason.as_deref() {
            Some("FieldValueForbidden") => error(ErrorType::Forbidden, String::new(), detail),
            Some("FieldValueRequired") => error(ErrorType::Required, String::new(), detail),
            Some("FieldValueDuplicate") => error(ErrorType::Duplicate, shown, String::new()),
            _ => error(ErrorType::Invalid, shown, detail),
        };
        self.report(error, is_old_news);
    }

    fn report(&mut self, error: Error, is_old_news: bool) {
        if is_old_news {
            self.findings.warnings.push(error.to_string());
        } else {
            self.findings.errors.push(error);
        }
    }

    /// The computed message of a broken rule; `None` if there is none that can be shown.
    fn message<'a>(
        &mut self,
        message: &'a Program,
        variables: &[(&'a str, Binding<'a>)],
    ) -> Result<Option<String>, String> {
        let (outcome, cost) = message.text(variables);
        if !self.spend(cost) {
            let why = "messageExpression evaluation failed due to running out of cost budget, no further validation rules \
                       will be run";
            return Err(why.to_owned());
        }
        match outcome {
            Ok(text) => Ok(text
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n'))),
            Err(Failure::TooCostly) => {
                Err("no further validation rules will be run due to call cost exceeds limit \
                                            for messageExpression"
                    .to_owned())
            }
            Err(Failure::Error(_) | Failure::Unasked(_)) => Ok(None),
        }
    }
}

const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

fn failed(error: &str, rule: &str) -> String {
    if error.starts_with("no such overload") {
        format!(
            "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule}"
        )
    } else {
        format!("{error} evaluating rule: {rule}")
    }
}

/// Whether a value is what it was before, as far as that can be told.
fn is_unchanged(check: Option<&Check>, value: &Value, place: Place<'_>) -> bool {
    match place.correlated {
        Some(old) => check.map_or_else(|| old == value, |check| check.is_unchanged(value, old)),
        None => place.unchanged_around,
    }
}
