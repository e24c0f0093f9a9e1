//! Collects what is wrong with a configuration.

use std::fmt;

/// What is wrong with the fields of a configuration, each with its path and in upstream's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Adds what is wrong with a field; what was said before is not said again.
    pub fn push(&mut self, fault: impl fmt::Display) {
        let fault = fault.to_string();
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each fault, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: fmt::Display> Extend<T> for Faults {
    fn extend<I: IntoIterator<Item = T>>(&mut self, faults: I) {
        faults.into_iter().for_each(|fault| self.push(fault));
    }
}

impl<T: fmt::Display> FromIterator<T> for Faults {
    fn from_iter<I: IntoIterator<Item = T>>(faults: I) -> Self {
        let mut collected = Faults::default();
        collected.extend(faults);
        collected
    }
}

/// All as one message, in brackets if there are several; upstream's `Aggregate`.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => f.write_str(only),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}
