//! Selects devices by CEL, with the crate `kube-cel`.

use std::fmt;
use std::sync::Arc;

use kube_cel::KubeCelExt as _;
use kube_cel::cel::objects::Key;
use kube_cel::cel::{Context, Program, Value};

use super::selectors::{AttributeValue, DeviceSelector, DeviceSelectors, DeviceView};

/// Longer expressions are refused (bytes); upstream's limit.
const LONGEST: usize = 10 * 1024;

/// Compiles with `kube-cel`. Costs are not limited as upstream limits them.
pub(super) struct Cel {
    context: Arc<Context<'static>>,
}

impl Default for Cel {
    fn default() -> Self {
        Cel { context: Arc::new(Context::default().with_all()) }
    }
}

struct Compiled {
    context: Arc<Context<'static>>,
    program: Program,
    /// The texts in the expression: what it may take for a domain.
    texts: Vec<String>,
}

impl DeviceSelectors for Cel {
    fn compile(&self, expression: &str) -> Result<Arc<dyn DeviceSelector>, String> {
        if expression.len() > LONGEST {
            return Err(format!("expression is longer than {LONGEST} bytes"));
        }
        let program = Program::compile(expression).map_err(|error| error.to_string())?;
        Ok(Arc::new(Compiled { context: self.context.clone(), program, texts: texts(expression) }))
    }
}

impl DeviceSelector for Compiled {
    fn matches(&self, device: &DeviceView<'_>) -> Result<bool, String> {
        let mut scope = self.context.new_inner_scope();
        scope.add_variable_from_value("device", self.value(device)?);
        match self.program.execute(&scope) {
            Ok(Value::Bool(selected)) => Ok(selected),
            Ok(_) => Err("must evaluate to bool".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Compiled {
    fn value(&self, device: &DeviceView<'_>) -> Result<Value, String> {
        let domains = || self.texts.iter().map(|text| (text.as_str(), map([])));
        let mut attributes: Vec<(&str, Value)> = domains().collect();
        for (domain, values) in &device.attributes {
            let values: Result<Vec<_>, String> =
                values.iter().map(|(name, value)| Ok((*name, self.attribute(*value)?))).collect();
            attributes.push((domain, map(values?)));
        }
        let mut capacity: Vec<(&str, Value)> = domains().collect();
        for (domain, values) in &device.capacity {
            let values: Result<Vec<_>, String> =
                values.iter().map(|(name, value)| Ok((*name, self.call("quantity(text)", value)?))).collect();
            capacity.push((domain, map(values?)));
        }
        Ok(map([
            ("driver", Value::from(device.driver)),
            ("attributes", map(attributes)),
            ("capacity", map(capacity)),
            ("allowMultipleAllocations", Value::Bool(device.allow_multiple_allocations)),
        ]))
    }

    fn attribute(&self, value: AttributeValue<'_>) -> Result<Value, String> {
        match value {
            AttributeValue::Bool(value) => Ok(Value::Bool(value)),
            AttributeValue::Int(value) => Ok(Value::Int(value)),
            AttributeValue::String(value) => Ok(Value::from(value)),
            AttributeValue::Version(value) => self.call("semver(text)", value),
        }
    }

    fn call(&self, function: &str, text: &str) -> Result<Value, String> {
        let mut scope = self.context.new_inner_scope();
        scope.add_variable_from_value("text", Value::from(text));
        let program = Program::compile(function).map_err(|error| error.to_string())?;
        program.execute(&scope).map_err(|error| error.to_string())
    }
}

#[expect(clippy::disallowed_types, reason = "the library's maps are made of it, and are only looked up by key")]
fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries = entries.into_iter().map(|(name, value)| (Key::from(name), value));
    Value::from(entries.collect::<std::collections::HashMap<Key, Value>>())
}

/// The texts between quotes. An attribute's domain that a device does not have is an empty map to an expression, not
/// an error; so each text that could be a domain is one.
fn texts(expression: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(quote) else { break };
        texts.push(rest[start + 1..start + 1 + length].to_owned());
        rest = &rest[start + 2 + length..];
    }
    texts
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cel").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn asked(expression: &str) -> Result<bool, String> {
        let gpu = BTreeMap::from([
            ("model", AttributeValue::String("a100")),
            ("slots", AttributeValue::Int(2)),
            ("driverVersion", AttributeValue::Version("1.2.3")),
        ]);
        let view = DeviceView {
            driver: "gpu.example.com",
            attributes: BTreeMap::from([("gpu.example.com", gpu)]),
            capacity: BTreeMap::from([("gpu.example.com", BTreeMap::from([("memory", "40Gi")]))]),
            allow_multiple_allocations: false,
        };
        Cel::default().compile(expression)?.matches(&view)
    }

    #[test]
    fn devices_are_selected_by_driver_attributes_and_capacity() {
        let cases = [
            (r#"device.driver == "gpu.example.com""#, true),
            (r#"device.attributes["gpu.example.com"].model == "a100""#, true),
            (r#"device.attributes["gpu.example.com"].slots > 2"#, false),
            (r#"device.attributes["gpu.example.com"].driverVersion.isGreaterThan(semver("1.2.0"))"#, true),
            (r#"device.capacity["gpu.example.com"].memory.compareTo(quantity("20Gi")) >= 0"#, true),
            (r#""model" in device.attributes["other.example.com"]"#, false),
        ];
        for (expression, selected) in cases {
            assert_eq!(asked(expression), Ok(selected), "{expression}");
        }
    }

    #[test]
    fn what_has_no_answer_is_an_error() {
        assert!(asked(r#"device.attributes["gpu.example.com"].missing == 1"#).is_err());
        assert_eq!(asked("device.driver"), Err("must evaluate to bool".to_owned()));
        assert!(asked("device.").is_err());
    }
}
