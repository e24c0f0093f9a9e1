//! Label and field selectors: parse, match, print.

mod field;
mod label;
mod label_parser;

pub use field::{FieldOperator, FieldRequirement, FieldSelector};
pub use label::{LabelSelector, Operator, Requirement};

use crate::error::Error;

/// A text or a structure that is no selector, with upstream's words for what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(pub(crate) String);

impl From<InvalidSelector> for Error {
    /// 400 with the same words.
    fn from(invalid: InvalidSelector) -> Self {
        Error::bad_request(invalid.0)
    }
}
