//! Which objects are meant, by a few of their fields: `spec.nodeName=node-1,status.phase!=Running`.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/fields`. Which fields a resource can be selected by is not
//! known here: a server asks for [`FieldSelector::requirements`] and refuses names it does not know.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::InvalidSelector;

/// A field selector: all of its requirements must hold. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    /// The field: `metadata.name`.
    pub field: String,
    /// How it is compared.
    pub operator: FieldOperator,
    /// The value; a field that an object does not have counts as empty.
    pub value: String,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOperator {
    /// `=` or `==`: the field has the value.
    Equals,
    /// `!=`: the field has another value.
    NotEquals,
}

impl FieldSelector {
    /// Selects every object.
    pub const fn everything() -> Self {
        FieldSelector { requirements: Vec::new() }
    }

    /// Selects what meets all requirements.
    pub fn new(requirements: impl IntoIterator<Item = FieldRequirement>) -> Self {
        FieldSelector { requirements: requirements.into_iter().collect() }
    }

    /// Selects objects whose field has a value.
    pub fn equals(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new([FieldRequirement {
            field: field.into(),
            operator: FieldOperator::Equals,
            value: value.into(),
        }])
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The requirements, in the order of their text.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// The value that the field must have, if the selector says so: what an index can look up.
    pub fn requires(&self, field: &str) -> Option<&str> {
        let exact = |one: &&FieldRequirement| one.operator == FieldOperator::Equals && one.field == field;
        self.requirements.iter().find(exact).map(|requirement| requirement.value.as_str())
    }

    /// Whether an object is selected whose fields `get` tells.
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = get(&requirement.field).unwrap_or_default();
            (*value == requirement.value) == (requirement.operator == FieldOperator::Equals)
        })
    }
}

impl FromStr for FieldSelector {
    type Err = InvalidSelector;

    /// Parses `a=b,c==d,e!=f`, where `\` takes their meaning from `,`, `=` and `\` in values; the empty string selects
    /// everything.
    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let terms = terms.into_iter().filter(|term| !term.is_empty());
        let requirements: Result<_, _> = terms.map(|term| requirement(text, term)).collect();
        Ok(FieldSelector { requirements: requirements? })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let FieldRequirement { field, operator, value } = requirement;
            write!(f, "{field}{operator}{}", escape(value))?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldOperator::Equals => "=",
            FieldOperator::NotEquals => "!=",
        })
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let splits = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
    .collect()
}

fn requirement(text: &str, term: &str) -> Result<FieldRequirement, InvalidSelector> {
    let not_understood = || InvalidSelector(format!("invalid selector: '{text}'; can't understand '{term}'"));
    let (field, operator, value) = split_term(term).ok_or_else(not_understood)?;
    let operator = if operator == "!=" { FieldOperator::NotEquals } else { FieldOperator::Equals };
    Ok(FieldRequirement { field: field.to_owned(), operator, value: unescape(value)? })
}

fn split_term(term: &str) -> Option<(&str, &str, &str)> {
    term.char_indices().find_map(|(at, _)| {
        let (field, rest) = term.split_at(at);
        let operator = ["!=", "==", "="].into_iter().find(|operator| rest.starts_with(operator))?;
        Some((field, operator, &rest[operator.len()..]))
    })
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

fn unescape(value: &str) -> Result<String, InvalidSelector> {
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some(special @ ('\\' | ',' | '='))) => plain.push(special),
            ('\\', other) => return Err(invalid_escape(other)),
            // Upstream prints the character's number here.
            (',' | '=', _) => return Err(unescaped(c)),
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

fn invalid_escape(after: Option<char>) -> InvalidSelector {
    let after = after.map(String::from).unwrap_or_default();
    InvalidSelector(format!("invalid field selector: invalid escape sequence: \\{after}"))
}

fn unescaped(c: char) -> InvalidSelector {
    InvalidSelector(format!("invalid field selector: unescaped character in value: {}", u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<FieldSelector>().map(|parsed| parsed.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_read_as_upstream_reads_them() {
        let cases = [
            ("", ""),
            (",,", ""),
            ("b=1,a=2", "a=2,b=1"),
            ("a==b", "a=b"),
            ("a!=b", "a!=b"),
            ("a=", "a="),
            (r"a=b\,c\=d\\", r"a=b\,c\=d\\"),
            ("metadata.name=x y", "metadata.name=x y"),
        ];
        for (text, printed) in cases {
            assert_eq!(parse(text).as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        let cases = [
            (
                "metadata.name in (c1)",
                "invalid selector: 'metadata.name in (c1)'; can't understand 'metadata.name in (c1)'",
            ),
            ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
            (r"a=b\x", r"invalid field selector: invalid escape sequence: \x"),
            (r"a=b\", r"invalid field selector: invalid escape sequence: \"),
            ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        ];
        for (text, fault) in cases {
            assert_eq!(parse(text), Err(fault.to_owned()), "{text}");
        }
    }

    #[test]
    fn matching_counts_an_absent_field_as_empty() {
        let get = |field: &str| (field == "spec.nodeName").then_some(Cow::Borrowed("n1"));
        let cases = [
            ("", true),
            ("spec.nodeName=n1", true),
            ("spec.nodeName!=n1", false),
            ("spec.nodeName=n2", false),
            ("other=", true),
            ("other!=", false),
        ];
        for (text, matches) in cases {
            assert_eq!(text.parse::<FieldSelector>().unwrap().matches(get), matches, "{text}");
        }
    }

    #[test]
    fn an_index_can_ask_for_the_exact_value() {
        let selector: FieldSelector = "spec.nodeName=n1,status.phase!=Failed".parse().unwrap();
        assert_eq!(selector.requires("spec.nodeName"), Some("n1"));
        assert_eq!(selector.requires("status.phase"), None);
    }
}
