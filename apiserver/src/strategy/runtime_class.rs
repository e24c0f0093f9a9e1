//! RuntimeClasses: the handler, which does not change, and what pods of the class need and cost.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Value, json};

use super::{Strategy, checks, internal, pod_spec};
use crate::tree::Read;

/// What tells tolerations apart.
const KEYS: [&str; 4] = ["key", "operator", "value", "effect"];

/// The strategy of runtime classes.
pub(super) struct RuntimeClasses;

impl Strategy for RuntimeClasses {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        if checks::required(object, "handler", &Path::ROOT, &mut errors) {
            let handler = object.text("handler");
            checks::each(names::dns1123_label(handler), handler, &Path::new("handler"), &mut errors);
        }
        if object.has("overhead") {
            let limits = json!({"limits": object.at("overhead").at("podFixed")});
            pod_spec::validate_resources(&limits, &Path::new("overhead"), &mut errors);
        }
        let (scheduling, at) = (object.at("scheduling"), Path::new("scheduling"));
        checks::labels(scheduling.at("nodeSelector"), &at.child("nodeSelector"), &mut errors);
        let path = at.child("tolerations");
        pod_spec::validate_tolerations(scheduling, &path, &mut errors);
        let tolerations = scheduling.items("tolerations");
        for (index, toleration) in tolerations.iter().enumerate() {
            let is_same = |one: &Value| KEYS.iter().all(|key| one.text(key) == toleration.text(key));
            if tolerations[..index].iter().any(is_same) {
                errors.push(Error::duplicate(&path.index(index), internal::toleration(toleration)));
            }
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object, old, "handler", &Path::ROOT, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let labels = object.at("scheduling").entries("nodeSelector");
        let renamed = labels.filter_map(|(label, _)| pod_spec::renamed_node_label(label));
        renamed.map(|why| format!("scheduling.nodeSelector: {why}")).collect()
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_labels_of_nodes_are_warned_of() {
        let class =
            json!({"handler": "h", "scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}});
        let warning = "scheduling.nodeSelector: deprecated since v1.14; use \"kubernetes.io/os\" instead";
        assert_eq!(RuntimeClasses.warnings(&class, None), [warning]);
    }
}
