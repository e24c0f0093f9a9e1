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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn label_selectors_survive_printing(text in "[ab=!,()<>0-9 ]{0,12}|!?[a-c]{1,3}( in | notin |=|==|!=)[(]?[a-c,]{0,5}[)]?") {
            if let Ok(parsed) = text.parse::<LabelSelector>() {
                prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
            }
        }

        #[test]
        fn field_selectors_survive_printing(field in "[a-z.]{1,8}", operator in "=|==|!=", value in "[a-z,=\\\\]{0,8}") {
            let escaped = value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            let parsed: FieldSelector = format!("{field}{operator}{escaped}").parse().unwrap();
            prop_assert_eq!(&parsed.requirements()[0].value, &value);
            prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }
}
