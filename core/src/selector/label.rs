//! Which objects are meant, by their labels: `app=web,tier in (a,b),!legacy`.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/labels`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::slice;
use std::str::FromStr;

use crate::tree::{Text, Value};
use k8s_openapi::apimachinery::pkg::apis::meta::v1;

use super::{InvalidSelector, label_parser};
use crate::field::{self, Path, quote};
use crate::labels::{label_value, qualified_name};

/// A label selector: all of its requirements must hold. The default selects everything.
///
/// ```
/// use std::collections::BTreeMap;
/// use steersman_core::selector::LabelSelector;
///
/// let selector: LabelSelector = "tier in (web, api), !legacy".parse()?;
/// assert_eq!(selector.to_string(), "!legacy,tier in (api,web)");
/// assert!(selector.matches(&BTreeMap::from([("tier".into(), "web".into())])));
/// # Ok::<(), steersman_core::selector::InvalidSelector>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelector {
    /// `None` selects nothing.
    requirements: Option<Vec<Requirement>>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: Text,
    operator: Operator,
    values: Values,
}

/// The values of a requirement: where there is one, as there mostly is, it needs no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    One(Text),
    Several(Vec<Text>),
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`: the label has the value.
    Equals,
    /// `==`: the same, printed as it was written.
    DoubleEquals,
    /// `!=`: the label is absent or has another value.
    NotEquals,
    /// `in`: the label has one of the values.
    In,
    /// `notin`: the label is absent or has none of the values.
    NotIn,
    /// The label is there, whatever its value.
    Exists,
    /// `!`: the label is absent.
    DoesNotExist,
    /// `>`: the label is an integer above the value.
    GreaterThan,
    /// `<`: the label is an integer below the value.
    LessThan,
}

impl LabelSelector {
    /// Selects every object.
    pub const fn everything() -> Self {
        LabelSelector { requirements: Some(Vec::new()) }
    }

    /// Selects no object. Prints as the empty string, as upstream's does: a selector that is sent must not be this.
    pub const fn nothing() -> Self {
        LabelSelector { requirements: None }
    }

    /// Selects what meets all requirements.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let mut requirements: Vec<Requirement> = requirements.into_iter().collect();
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        LabelSelector { requirements: Some(requirements) }
    }

    /// Selects what has all these labels, as a Service does; no labels select everything. The labels are taken
    /// as they are, valid or not.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Self {
        Self::new(labels.iter().map(|(key, value)| Requirement {
            key: key.into(),
            operator: Operator::Equals,
            values: Values::One(value.into()),
        }))
    }

    /// Reads the selector of an object: none selects nothing, an empty one everything; an error for a malformed key,
    /// value or operator. Upstream's `LabelSelectorAsSelector`.
    pub fn from_object(selector: Option<&v1::LabelSelector>) -> Result<Self, InvalidSelector> {
        let Some(selector) = selector else { return Ok(Self::nothing()) };
        let labels = selector.match_labels.as_ref();
        let expressions = selector.match_expressions.as_deref().unwrap_or_default();
        let mut requirements = Vec::with_capacity(labels.map_or(0, BTreeMap::len) + expressions.len());
        for (key, value) in labels.into_iter().flatten() {
            requirements.push(Requirement::new(key, Operator::Equals, [value.as_str()])?);
        }
        for expression in expressions {
            requirements.push(expression_requirement(expression)?);
        }
        Ok(Self::new(requirements))
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether no object is selected, whatever its labels.
    pub fn is_nothing(&self) -> bool {
        self.requirements.is_none()
    }

    /// The requirements, ordered by key; `None` if nothing is selected.
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.requirements.as_deref()
    }

    /// The one value that the label must have, if the selector says so: what an index can look up.
    pub fn requires(&self, key: &str) -> Option<&str> {
        let on_key = |requirement: &&Requirement| requirement.key == key;
        self.requirements()?.iter().filter(on_key).find_map(Requirement::exact)
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements().is_some_and(|all| all.iter().all(|requirement| requirement.matches(labels)))
    }
}

impl Default for LabelSelector {
    fn default() -> Self {
        Self::everything()
    }
}

impl FromStr for LabelSelector {
    type Err = InvalidSelector;

    /// Parses `a=b,c in (d,e),!f,g>1`; the empty string selects everything.
    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        label_parser::parse(text).map(Self::new)
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements().unwrap_or_default().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl Requirement {
    /// A condition on the label `key`. An error if key or values are malformed, or their number does not fit the
    /// operator: `in` and `notin` want at least one, the comparisons exactly one, `exists` and `!` none.
    pub fn new<V: Into<Text>>(
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, InvalidSelector> {
        let values = values.into_iter().map(Into::into);
        Self::at(&Path::ROOT, key, operator, values)
            .map_err(|errors| InvalidSelector(field::aggregate(&errors)))
    }

    /// The same for a requirement that stands at a path; tells everything that is wrong with it.
    pub fn at(
        path: &Path<'_>,
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = Text>,
    ) -> Result<Self, field::ErrorList> {
        let values: Values = values.into_iter().collect();
        let mut errors = field::ErrorList::new();
        errors.extend(key_error(key, &path.child("key")));
        let list = path.child("values");
        errors.extend(number_error(operator, &values, &list));
        errors.extend(value_errors(key, operator, &values, &list));
        if errors.is_empty() { Ok(Requirement { key: key.into(), operator, values }) } else { Err(errors) }
    }

    /// The label.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The comparison.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values compared with, in the order given.
    pub fn values(&self) -> &[Text] {
        &self.values
    }

    /// Whether labels meet the requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(self.key.as_str());
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => {
                value.is_some_and(|value| self.has(value))
            }
            Operator::NotEquals | Operator::NotIn => !value.is_some_and(|value| self.has(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => self.compares(value, |value, bound| value > bound),
            Operator::LessThan => self.compares(value, |value, bound| value < bound),
        }
    }

    fn has(&self, value: &String) -> bool {
        self.values().iter().any(|one| one == value)
    }

    fn compares(&self, value: Option<&String>, compare: impl Fn(i64, i64) -> bool) -> bool {
        let integer = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|bound| integer(bound));
        value.and_then(|value| integer(value)).zip(bound).is_some_and(|(value, bound)| compare(value, bound))
    }

    fn exact(&self) -> Option<&str> {
        match (self.operator, &self.values) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, Values::One(only)) => Some(only),
            _ => None,
        }
    }
}

impl Deref for Values {
    type Target = [Text];

    fn deref(&self) -> &[Text] {
        match self {
            Values::One(value) => slice::from_ref(value),
            Values::Several(values) => values,
        }
    }
}

impl FromIterator<Text> for Values {
    fn from_iter<I: IntoIterator<Item = Text>>(values: I) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(one), None) => Values::One(one),
            (first, second) => Values::Several(first.into_iter().chain(second).chain(values).collect()),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let mut values: Vec<&str> = self.values.iter().map(Text::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

fn expression_requirement(expression: &v1::LabelSelectorRequirement) -> Result<Requirement, InvalidSelector> {
    let operator = match expression.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            return Err(InvalidSelector(format!("{} is not a valid label selector operator", quote(other))));
        }
    };
    Requirement::new(&expression.key, operator, expression.values.iter().flatten().map(String::as_str))
}

/// What is wrong with a label key, as one error.
pub(super) fn key_error(key: &str, path: &Path<'_>) -> Option<field::Error> {
    let faults = qualified_name(key);
    (!faults.is_empty()).then(|| field::Error::invalid(path, key, faults.join("; ")))
}

fn number_error(operator: Operator, values: &[Text], path: &Path<'_>) -> Option<field::Error> {
    let (fits, why) = match operator {
        Operator::In | Operator::NotIn => {
            (!values.is_empty(), "for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {
            (values.len() == 1, "exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist => {
            (values.is_empty(), "values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan => {
            (values.len() == 1, "for 'Gt', 'Lt' operators, exactly one value is required")
        }
    };
    let shown = || if values.is_empty() { Value::Null } else { Value::from(values.to_vec()) };
    (!fits).then(|| field::Error::invalid(path, shown(), why))
}

fn value_errors(key: &str, operator: Operator, values: &[Text], path: &Path<'_>) -> field::ErrorList {
    let integers = matches!(operator, Operator::GreaterThan | Operator::LessThan);
    let no_integer = values.iter().enumerate().filter(|(_, value)| integers && value.parse::<i64>().is_err());
    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
    let mut errors: field::ErrorList = no_integer
        .map(|(index, value)| field::Error::invalid(&path.index(index), value.as_str(), why))
        .collect();
    for (index, value) in values.iter().enumerate() {
        let faults = label_value(value);
        if !faults.is_empty() {
            errors.push(field::Error::invalid(
                &path.index(index).key(key),
                value.as_str(),
                faults.join("; "),
            ));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> v1::LabelSelector {
        let values = (!values.is_empty()).then(|| values.iter().map(|value| (*value).to_owned()).collect());
        let requirement = v1::LabelSelectorRequirement { key: key.into(), operator: operator.into(), values };
        v1::LabelSelector { match_expressions: Some(vec![requirement]), ..Default::default() }
    }

    #[test]
    fn matching_follows_every_operator() {
        let web = labels(&[("app", "web"), ("n", "5"), ("empty", "")]);
        let cases = [
            ("", true),
            ("app=web", true),
            ("app=db", false),
            ("app==web,n=5", true),
            ("app!=web", false),
            ("other!=web", true),
            ("app in (db,web)", true),
            ("other in (web)", false),
            ("app notin (db)", true),
            ("other notin (db)", true),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("empty=", true),
            ("other=", false),
            ("n>4", true),
            ("n>5", false),
            ("n<6", true),
            ("app>1", false),
            ("other<1", false),
        ];
        for (selector, matches) in cases {
            let parsed: LabelSelector = selector.parse().unwrap();
            assert_eq!(parsed.matches(&web), matches, "{selector}");
        }
    }

    #[test]
    fn no_selector_selects_nothing_and_an_empty_one_everything() {
        assert!(LabelSelector::from_object(None).unwrap().is_nothing());
        assert!(!LabelSelector::nothing().matches(&labels(&[("a", "b")])));
        let empty = LabelSelector::from_object(Some(&v1::LabelSelector::default())).unwrap();
        assert!(empty.is_everything() && empty.matches(&labels(&[])));
        assert!(LabelSelector::default().is_everything());
    }

    #[test]
    fn the_selector_of_an_object_is_read_and_checked() {
        let read = |selector| LabelSelector::from_object(Some(&selector)).map(|read| read.to_string());
        assert_eq!(read(expression("a", "In", &["y", "x"])).unwrap(), "a in (x,y)");
        assert_eq!(read(expression("a", "DoesNotExist", &[])).unwrap(), "!a");
        let cases = [
            (expression("a", "Gt", &["1"]), "\"Gt\" is not a valid label selector operator"),
            (
                expression("a", "In", &[]),
                "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
            ),
            (
                expression("a", "Exists", &["b"]),
                "values: Invalid value: [\"b\"]: values set must be empty for exists and does not exist",
            ),
        ];
        for (selector, fault) in cases {
            assert_eq!(read(selector).unwrap_err().to_string(), fault);
        }
    }

    #[test]
    fn an_index_can_ask_for_the_exact_value() {
        let selector: LabelSelector = "a=b,c!=d,e in (f),g in (h,i)".parse().unwrap();
        let asked = ["a", "c", "e", "g", "z"].map(|key| selector.requires(key));
        assert_eq!(asked, [Some("b"), None, Some("f"), None, None]);
    }
}
