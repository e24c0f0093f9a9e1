//! Why an expression has no value.

use std::fmt;

use super::authority::Question;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// What the language calls an error: `no such key: x`.
    Error(String),
    /// It cost more than it may.
    TooCostly,
    /// It asks the authoriser what nobody has asked yet.
    Unasked(Box<Question>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(why) => f.write_str(why),
            Failure::TooCostly => f.write_str("operation cancelled: actual cost limit exceeded"),
            Failure::Unasked(_) => f.write_str("the authorizer is asked too much"),
        }
    }
}

impl Failure {
    pub(super) fn no_overload() -> Self {
        Failure::Error("no such overload".to_owned())
    }

    /// Whether it ends the evaluation, whatever else there is.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Failure::Error(_))
    }
}
