//! The seam to whoever evaluates the expressions that select devices.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::resource::v1::{Device, DeviceAttribute};

/// How many compiled expressions are remembered; then all are forgotten.
const REMEMBERED: usize = 100;

/// Compiles the CEL expressions of claims and device classes. With the feature `cel`, `kube-cel` does.
pub trait DeviceSelectors: Send + Sync + 'static {
    /// An expression over `device`, ready to be asked. Called once for each expression, as a rule.
    ///
    /// # Errors
    /// What is wrong with the expression.
    fn compile(&self, expression: &str) -> Result<Arc<dyn DeviceSelector>, String>;
}

/// A compiled expression.
pub trait DeviceSelector: Send + Sync {
    /// Whether a device is selected. Pure.
    ///
    /// # Errors
    /// The expression has no value for the device, or none that is true or false.
    fn matches(&self, device: &DeviceView<'_>) -> Result<bool, String>;
}

/// A device, as expressions see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceView<'a> {
    /// The driver that it belongs to.
    pub driver: &'a str,
    /// Attributes by domain and identifier.
    pub attributes: BTreeMap<&'a str, BTreeMap<&'a str, AttributeValue<'a>>>,
    /// Amounts by domain and identifier, as quantities are written.
    pub capacity: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
    /// Whether several claims may have it at once.
    pub allow_multiple_allocations: bool,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributeValue<'a> {
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A text.
    String(&'a str),
    /// A semantic version.
    Version(&'a str),
}

impl<'a> AttributeValue<'a> {
    /// The value of one that has a single one; `None` for lists, which upstream's gate `DRAListTypeAttributes` has off by
    /// default.
    pub(crate) fn of(attribute: &'a DeviceAttribute) -> Option<Self> {
        let text = attribute.string.as_deref().map(AttributeValue::String);
        let version = || attribute.version.as_deref().map(AttributeValue::Version);
        let number = || attribute.int.map(AttributeValue::Int);
        text.or_else(version).or_else(number).or_else(|| attribute.bool.map(AttributeValue::Bool))
    }
}

impl<'a> DeviceView<'a> {
    /// What is wrong with an attribute is an error of every expression that is asked about the device.
    pub(super) fn new(driver: &'a str, device: &'a Device) -> Result<Self, String> {
        // Names without a domain are the driver's own.
        let split = |name: &'a str| name.split_once('/').unwrap_or((driver, name));
        let mut view = DeviceView {
            driver,
            attributes: BTreeMap::new(),
            capacity: BTreeMap::new(),
            allow_multiple_allocations: device.allow_multiple_allocations == Some(true),
        };
        for (name, attribute) in device.attributes.iter().flatten() {
            let (domain, identifier) = split(name);
            let unsupported = || format!("attribute {name}: unsupported attribute value");
            let value = AttributeValue::of(attribute).ok_or_else(unsupported)?;
            view.attributes.entry(domain).or_default().insert(identifier, value);
        }
        for (name, capacity) in device.capacity.iter().flatten() {
            let (domain, identifier) = split(name);
            view.capacity.entry(domain).or_default().insert(identifier, &capacity.value.0);
        }
        Ok(view)
    }
}

/// Compiles expressions, each once.
#[derive(Clone)]
pub(crate) struct Compiler {
    selectors: Arc<dyn DeviceSelectors>,
    known: Arc<Mutex<BTreeMap<String, Compiled>>>,
}

pub(super) type Compiled = Result<Arc<dyn DeviceSelector>, String>;

impl Compiler {
    pub(crate) fn new(selectors: Arc<dyn DeviceSelectors>) -> Self {
        Compiler { selectors, known: Arc::default() }
    }

    pub(super) fn compile(&self, expression: &str) -> Compiled {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(expression) {
            return compiled.clone();
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let compiled = self.selectors.compile(expression);
        known.insert(expression.to_owned(), compiled.clone());
        compiled
    }
}

impl Default for Compiler {
    fn default() -> Self {
        #[cfg(feature = "cel")]
        return Compiler::new(Arc::new(super::selectors_cel::Cel::default()));
        #[cfg(not(feature = "cel"))]
        return Compiler::new(Arc::new(Missing));
    }
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

/// Nobody compiles.
#[cfg(not(feature = "cel"))]
struct Missing;

#[cfg(not(feature = "cel"))]
impl DeviceSelectors for Missing {
    fn compile(&self, _: &str) -> Compiled {
        Err("this scheduler was built without CEL".to_owned())
    }
}

/// An expression, and where it stands, for messages.
pub(super) struct Selector {
    pub(super) place: String,
    pub(super) compiled: Compiled,
}

impl Selector {
    /// Whether a device is selected; what is wrong with the expression is told once it is asked about one.
    pub(super) fn matches(&self, device: &Result<DeviceView<'_>, String>) -> Result<bool, String> {
        let place = &self.place;
        let compiled = self.compiled.as_ref().map_err(|why| format!("{place}: CEL compile error: {why}"))?;
        let selected = device.as_ref().map_err(String::clone).and_then(|device| compiled.matches(device));
        selected.map_err(|why| format!("{place}: CEL runtime error: {why}"))
    }
}
