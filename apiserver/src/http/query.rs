//! The parameters of a request.

use std::borrow::Cow;
use std::num::{IntErrorKind, ParseIntError};

use steersman_core::error::Error;
use steersman_core::resource::GroupVersionKind;
use steersman_core::{Result, field};

use super::path;

/// The parameters, in the order of the text; a name may stand more than once.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits the part of a URI behind the question mark. As Go does it, parameters that cannot be decoded, or have a
    /// semicolon in them, are left out.
    pub(super) fn parse(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&');
        let plain = |text: &str| path::decode(&text.replace('+', " ")).map(Cow::into_owned);
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((plain(name)?, plain(value)?))
        };
        Query(pairs.filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(read).collect())
    }

    /// The first value of a parameter; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1.as_str())
    }

    /// Every value of a parameter.
    pub(crate) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// Whether a parameter is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pair| pair.0 == name)
    }

    /// A switch: there, and neither `0` nor `false` in any case, as upstream's conversion has it.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.all(name).next().is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A whole number; 400 in Go's words if it is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.all(name).next() else { return Ok(None) };
        text.parse().map(Some).map_err(|error: ParseIntError| {
            let why = match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Error::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
        })
    }
}

/// 422 about the options of a request.
pub(super) fn invalid(kind: &'static str, errors: &[field::Error]) -> Error {
    Error::invalid(&GroupVersionKind::new("meta.k8s.io", "v1", kind), "", errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_split_as_go_splits_them() {
        let query = Query::parse(Some("a=b+c%21&&d&e=%zz&f=1;g=2&a=x"));
        let all = |name| query.all(name).collect::<Vec<_>>();
        assert_eq!((all("a"), all("d"), all("e"), all("f")), (vec!["b c!", "x"], vec![""], vec![], vec![]));
    }
}
