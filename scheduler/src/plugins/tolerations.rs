//! Whether tolerations tolerate a taint.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::pod::PodInfo;

/// The tolerations of a pod.
pub(super) fn of(pod: &PodInfo) -> &[Toleration] {
    pod.spec().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default()
}

/// The first of the taints that must be tolerated and is not.
pub(super) fn first_untolerated<'a>(tolerations: &[Toleration], taints: &'a [Taint]) -> Option<&'a Taint> {
    let matters = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    taints.iter().filter(matters).find(|taint| !tolerates_any(tolerations, taint))
}

/// Whether one of the tolerations tolerates the taint.
pub(super) fn tolerates_any<'a>(
    tolerations: impl IntoIterator<Item = &'a Toleration>,
    taint: &Taint,
) -> bool {
    tolerations.into_iter().any(|toleration| tolerates(toleration, taint))
}

/// The numeric comparisons of KEP-5471 are off by default in 1.36: such a toleration tolerates nothing.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let agrees = |field: &Option<String>, value: &str| {
        field.as_deref().filter(|text| !text.is_empty()).is_none_or(|text| text == value)
    };
    agrees(&toleration.effect, &taint.effect)
        && agrees(&toleration.key, &taint.key)
        && match toleration.operator.as_deref() {
            None | Some("" | "Equal") => text(&toleration.value) == text(&taint.value),
            Some("Exists") => true,
            Some(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn what_a_toleration_leaves_out_it_tolerates() {
        let taint: Taint =
            steersman_core::tree::from_value(json!({"key": "a", "value": "x", "effect": "NoSchedule"}))
                .unwrap();
        let cases = [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "a", "operator": "Exists"}), true),
            (json!({"key": "b", "operator": "Exists"}), false),
            (json!({"key": "a", "value": "x"}), true),
            (json!({"key": "a", "operator": "Equal"}), false),
            (json!({"key": "a", "value": "x", "effect": "NoExecute"}), false),
            (json!({"key": "a", "value": "0", "operator": "Gt"}), false),
        ];
        for (toleration, expected) in cases {
            let parsed: Toleration = steersman_core::tree::from_value(toleration.clone()).unwrap();
            assert_eq!(tolerates(&parsed, &taint), expected, "{toleration}");
        }
    }
}
