//! The links of the chain, as they are asked: those that admit, and those that validate.

use std::sync::Arc;

use super::{Admission, Part};

/// The links in their order, each where it has anything to say.
#[derive(Default)]
pub(crate) struct Chain {
    /// Those whose `admit` is asked.
    pub(crate) admitting: Vec<Arc<dyn Admission>>,
    /// Those whose `validate` is asked.
    pub(crate) validating: Vec<Arc<dyn Admission>>,
}

impl Chain {
    /// The chain of these links.
    pub(crate) fn of(links: Vec<Arc<dyn Admission>>) -> Self {
        let without = |part: Part| links.iter().filter(|link| link.part() != part).cloned().collect();
        Chain { admitting: without(Part::Validates), validating: without(Part::Admits) }
    }
}
