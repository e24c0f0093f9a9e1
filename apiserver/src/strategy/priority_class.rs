//! PriorityClasses: what values there are, and that they do not change.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The highest priority that a user may give.
const HIGHEST: i64 = 1_000_000_000;

/// The classes that the system has, and their values.
const SYSTEM: &[(&str, i64)] =
    &[("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// The strategy of priority classes.
pub(super) struct PriorityClasses;

impl Strategy for PriorityClasses {
    fn default(&self, object: &mut Value) {
        let class = fields(object);
        class.fill("preemptionPolicy", "PreemptLowerPriority");
    }

    fn counts_change(&self, _object: &Value, _old: &Value) -> Option<bool> {
        Some(false)
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (name, value) = (object.at("metadata").text("name"), object.int("value").unwrap_or_default());
        if name.starts_with("system-") {
            if let Some(why) = unknown_system_class(name, value, object.flag("globalDefault")) {
                let prefix =
                    "priority class names with 'system-' prefix are reserved for system use only. error: ";
                let path = Path::new("metadata");
                errors.push(Error::forbidden(&path.child("name"), format!("{prefix}{why}")));
            }
        } else if value > HIGHEST {
            let why = format!("maximum allowed value of a user defined priority is {HIGHEST}");
            errors.push(Error::forbidden(&Path::new("value"), why));
        }
        let policy = Path::new("preemptionPolicy");
        checks::required_one_of(
            object.text("preemptionPolicy"),
            &["PreemptLowerPriority", "Never"],
            &policy,
            &mut errors,
        );
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        if object.at("value") != old.at("value") {
            errors.push(Error::forbidden(&Path::new("value"), "may not be changed in an update."));
        }
        checks::unchanged(object, old, "preemptionPolicy", &Path::ROOT, &mut errors);
        errors
    }

    fn forbids_deletion(&self, name: &str) -> Option<&'static str> {
        let is_known = SYSTEM.iter().any(|(known, _)| *known == name);
        is_known.then_some("this is a system priority class and cannot be deleted")
    }
}

fn unknown_system_class(name: &str, value: i64, is_default: bool) -> Option<String> {
    match SYSTEM.iter().find(|(known, _)| *known == name) {
        None => Some(format!("{name} is not a known system priority class")),
        Some((_, known)) if *known != value => Some(format!("value of {name} PriorityClass must be {known}")),
        Some(_) if is_default => Some(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_of_the_system_stay() {
        let why = "this is a system priority class and cannot be deleted";
        let cases = [(SYSTEM[0].0, Some(why)), (SYSTEM[1].0, Some(why)), ("system-x", None), ("a", None)];
        for (name, expected) in cases {
            assert_eq!(PriorityClasses.forbids_deletion(name), expected, "{name}");
        }
    }

    #[test]
    fn the_classes_of_the_system_are_as_they_are() {
        let name = SYSTEM[0].0;
        let cases = [
            (name, SYSTEM[0].1, false, None),
            (name, 1, true, Some(format!("value of {name} PriorityClass must be {}", SYSTEM[0].1))),
            (name, SYSTEM[0].1, true, Some(format!("globalDefault of {name} PriorityClass must be false"))),
            ("system-x", 1, false, Some("system-x is not a known system priority class".to_owned())),
        ];
        for (name, value, is_default, why) in cases {
            assert_eq!(unknown_system_class(name, value, is_default), why);
        }
    }
}
