//! Node selectors, parsed: which nodes are meant, by their labels and their names.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::core::v1::{NodeSelector as ApiSelector, NodeSelectorRequirement, NodeSelectorTerm};
use steersman_core::field::{self, Path};
use steersman_core::selector::{Operator, Requirement};
use steersman_core::tree::Text;

use crate::faults::Faults;
use crate::pod::NO_LABELS;

/// Terms of which one must match.
#[derive(Debug, Default)]
pub(crate) struct NodeSelector(Vec<Term>);

/// Requirements that must all be met.
#[derive(Clone, Debug)]
pub(super) struct Term {
    labels: Vec<Requirement>,
    names: Vec<NameRequirement>,
}

/// A condition on a field. Of all fields, only the name is known.
#[derive(Clone, Debug)]
struct NameRequirement {
    of_name: bool,
    equal: bool,
    value: String,
}

impl NodeSelector {
    /// Reads a selector. Terms that are empty or malformed match nothing, as upstream has it.
    pub(crate) fn lenient(selector: &ApiSelector) -> Self {
        let terms = selector.node_selector_terms.iter().filter(|term| !is_empty(term));
        NodeSelector(terms.filter_map(|term| Term::parse(term, &Path::ROOT).ok()).collect())
    }

    pub(crate) fn matches(&self, node: &Node) -> bool {
        self.0.iter().any(|term| term.matches(node))
    }

    /// Whether a node with the labels of this one is meant, whatever its name: what names a node is not looked at.
    pub(crate) fn matches_labels(&self, node: &Node) -> bool {
        self.0.iter().any(|term| term.matches_labels(node))
    }
}

impl Term {
    /// Reads a term; all that is malformed is told with upstream's words.
    pub(super) fn parse(term: &NodeSelectorTerm, path: &Path<'_>) -> Result<Self, Faults> {
        let (mut labels, mut names, mut faults) = (Vec::new(), Vec::new(), Faults::default());
        let expressions = path.child("matchExpressions");
        for (at, requirement) in term.match_expressions.iter().flatten().enumerate() {
            match label_requirement(requirement, &expressions.index(at)) {
                Ok(requirement) => labels.push(requirement),
                Err(found) => faults.extend(found.iter()),
            }
        }
        let fields = path.child("matchFields");
        for (at, requirement) in term.match_fields.iter().flatten().enumerate() {
            match name_requirement(requirement, &fields.index(at)) {
                Ok(requirement) => names.push(requirement),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Term { labels, names }) } else { Err(faults) }
    }

    pub(super) fn matches(&self, node: &Node) -> bool {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        self.matches_labels(node) && self.names.iter().all(|requirement| requirement.matches(name))
    }

    fn matches_labels(&self, node: &Node) -> bool {
        let labels = node.metadata.labels.as_ref().unwrap_or(NO_LABELS);
        self.labels.iter().all(|requirement| requirement.matches(labels))
    }
}

impl NameRequirement {
    fn matches(&self, name: &str) -> bool {
        let have = if self.of_name { name } else { "" };
        (have == self.value) == self.equal
    }
}

/// Whether a term says nothing, and so matches nothing.
pub(super) fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_expressions.iter().flatten().next().is_none()
        && term.match_fields.iter().flatten().next().is_none()
}

fn label_requirement(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> Result<Requirement, Faults> {
    const SUPPORTED: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
    let operator = match requirement.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        other => {
            return Err(Faults::from_iter([unsupported(&path.child("operator"), other, SUPPORTED)]));
        }
    };
    let values = requirement.values.iter().flatten().map(Text::from);
    Requirement::at(path, &requirement.key, operator, values).map_err(Faults::from_iter)
}

fn name_requirement(
    requirement: &NodeSelectorRequirement,
    path: &Path<'_>,
) -> Result<NameRequirement, String> {
    let equal = match requirement.operator.as_str() {
        "In" => true,
        "NotIn" => false,
        other => return Err(unsupported(&path.child("operator"), other, &["In", "NotIn"])),
    };
    match requirement.values.as_deref().unwrap_or_default() {
        [value] => {
            Ok(NameRequirement { of_name: requirement.key == "metadata.name", equal, value: value.clone() })
        }
        values => {
            let error = field::Error::invalid(
                &path.child("values"),
                steersman_core::tree::Value::from(values.to_vec()),
                "must have one element",
            );
            Err(error.to_string())
        }
    }
}

/// Unlike in most places, the operators stand in the order in which upstream knows them.
fn unsupported(path: &Path<'_>, operator: &str, supported: &[&str]) -> String {
    let supported: Vec<String> = supported.iter().map(|name| field::quote(name)).collect();
    format!(
        "{path}: Unsupported value: {}: supported values: {}",
        field::quote(operator),
        supported.join(", ")
    )
}
