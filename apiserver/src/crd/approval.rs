//! Decides whether the definition of a resource in a group of the Kubernetes community says that the community knows it.

use steersman_core::field;
use steersman_core::tree::Value;

/// Where a definition says who has approved it.
pub(super) const ANNOTATION: &str = "api-approved.kubernetes.io";

/// The condition that tells it.
pub(super) const CONDITION: &str = "KubernetesAPIApprovalPolicyConformant";

const LINK: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

/// What a definition says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Approval<'a> {
    Missing,
    /// It says that it is not approved, and that this is known.
    Bypassed(&'a str),
    /// It names where it was approved.
    Approved(&'a str),
    Unreadable(&'a str),
}

impl<'a> Approval<'a> {
    /// What a definition says; nothing if its group is nobody's but its own.
    pub(super) fn of(definition: &'a Value) -> Option<Self> {
        let group = definition["spec"]["group"].as_str().unwrap_or_default();
        let is_within = |domain: &str| group == domain || group.ends_with(&format!(".{domain}"));
        if !is_within("k8s.io") && !is_within("kubernetes.io") {
            return None;
        }
        let given = definition["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default();
        Some(match given {
            "" => Approval::Missing,
            _ if given.starts_with("unapproved") => Approval::Bypassed(given),
            _ if is_url(given) => Approval::Approved(given),
            _ => Approval::Unreadable(given),
        })
    }

    /// Whether the condition holds, its reason and its message.
    pub(super) fn condition(&self) -> (bool, &'static str, String) {
        match self {
            Approval::Missing => (false, "MissingAnnotation", needed()),
            Approval::Bypassed(given) => {
                (false, "UnapprovedAnnotation", format!("not approved: {}", field::quote(given)))
            }
            Approval::Approved(given) => (true, "ApprovedAnnotation", format!("approved in {given}")),
            Approval::Unreadable(_) => (false, "InvalidAnnotation", needed_form()),
        }
    }
}

fn is_url(text: &str) -> bool {
    let parts = text.split_once("://");
    parts.is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty() && !rest.starts_with('/'))
}

pub(super) fn needed() -> String {
    format!("protected groups must have approval annotation \"{ANNOTATION}\", {LINK}")
}

pub(super) fn needed_form() -> String {
    format!(
        "protected groups must have approval annotation \"{ANNOTATION}\" with either a URL or a reason starting with \
         \"unapproved\", {LINK}"
    )
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn the_annotation_decides_in_groups_of_the_community_alone() {
        let (needed, form) = (needed(), needed_form());
        let cases = [
            ("example.com", "", None),
            ("k8s.io.example.com", "", None),
            ("a.k8s.io", "", Some((false, "MissingAnnotation", &*needed))),
            ("kubernetes.io", "x", Some((false, "InvalidAnnotation", &*form))),
            ("k8s.io", "https://a/b", Some((true, "ApprovedAnnotation", "approved in https://a/b"))),
            (
                "k8s.io",
                "unapproved, \"x\"",
                Some((false, "UnapprovedAnnotation", r#"not approved: "unapproved, \"x\"""#)),
            ),
        ];
        for (group, given, expected) in cases {
            let definition =
                json!({"metadata": {"annotations": {ANNOTATION: given}}, "spec": {"group": group}});
            let found = Approval::of(&definition).map(|approval| approval.condition());
            let expected = expected.map(|(holds, reason, message)| (holds, reason, message.to_owned()));
            assert_eq!(found, expected, "{group} {given}");
        }
    }
}
