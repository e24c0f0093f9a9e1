//! Decides which names a definition gets, and whether it is served.

use jiff::Timestamp;
use steersman_core::tree::{Value, json};

use super::approval::{self, Approval};
use super::rules::condition;
use crate::conditions;
use crate::moment::seconds;
use crate::tree::fields;

/// The status of `definition`, given all definitions of the server (itself may be among them): accepted names and
/// conditions. `None` if nothing changes. To be asked again for the definitions of a group whenever one of them
/// changes or goes.
pub fn establish<'a>(
    definition: &Value,
    all: impl Iterator<Item = &'a Value>,
    now: Timestamp,
) -> Option<Value> {
    let taken = Taken::by_others(definition, all);
    let spec = &definition["spec"]["names"];
    let mut accepted = definition["status"]["acceptedNames"].clone();
    let mut conflict = None;
    for (key, reason, names) in [
        ("plural", "PluralConflict", &taken.resources),
        ("singular", "SingularConflict", &taken.resources),
        ("shortNames", "ShortNamesConflict", &taken.resources),
        ("kind", "KindConflict", &taken.kinds),
        ("listKind", "ListKindConflict", &taken.kinds),
    ] {
        match used(&spec[key], &accepted[key], names) {
            Some(message) => conflict = Some((reason, message)),
            None => set(&mut accepted, key, &spec[key]),
        }
    }
    set(&mut accepted, "categories", &spec["categories"]);
    let mut status = definition["status"].clone();
    status["acceptedNames"] = accepted;
    let time = seconds(now);
    set_conditions(definition, &mut status, conflict, &time);
    (status != definition["status"]).then_some(status)
}

/// The names that other definitions of the group hold.
#[derive(Default)]
struct Taken<'a> {
    resources: Vec<&'a Value>,
    kinds: Vec<&'a Value>,
}

impl<'a> Taken<'a> {
    fn by_others(definition: &Value, all: impl Iterator<Item = &'a Value>) -> Self {
        let mut taken = Taken::default();
        let is_other = |one: &&Value| {
            one["spec"]["group"] == definition["spec"]["group"]
                && one["metadata"]["name"] != definition["metadata"]["name"]
        };
        for names in all.filter(is_other).map(|one| &one["status"]["acceptedNames"]) {
            taken.resources.extend([&names["plural"], &names["singular"]]);
            taken.resources.extend(names["shortNames"].as_array().into_iter().flatten());
            taken.kinds.extend([&names["kind"], &names["listKind"]]);
        }
        taken
    }
}

/// Says that a name is in use, unless it is held already. A list of names is in use if one of it is.
fn used(wanted: &Value, held: &Value, taken: &[&Value]) -> Option<String> {
    let in_use =
        |name: &Value| (name != held && taken.contains(&name)).then(|| format!("{name} is already in use"));
    match wanted {
        Value::Array(names) => {
            let is_held = |name: &&Value| held.as_array().is_some_and(|held| held.contains(*name));
            let used: Vec<String> = names.iter().filter(|name| !is_held(name)).filter_map(in_use).collect();
            match used.as_slice() {
                [] => None,
                [only] => Some(only.clone()),
                several => Some(format!("[{}]", several.join(", "))),
            }
        }
        name => in_use(name),
    }
}

fn set(names: &mut Value, key: &str, value: &Value) {
    if names.is_null() {
        *names = json!({});
    }
    let Some(names) = names.as_object_mut() else { return };
    if value.is_null() {
        names.remove(key);
    } else {
        names.insert(key.to_owned(), value.clone());
    }
}

fn set_conditions(definition: &Value, status: &mut Value, conflict: Option<(&str, String)>, time: &str) {
    let (is_accepted, reason, message) = match conflict {
        None => (true, "NoConflicts", "no conflicts found".to_owned()),
        Some((reason, message)) => (false, reason, message),
    };
    set_condition(status, "NamesAccepted", is_accepted, reason, &message, time);
    // What is established stays so.
    if condition(definition, "Established").is_none_or(|one| one["status"] != "True") {
        let (reason, message) = if is_accepted {
            ("InitialNamesAccepted", "the initial names have been accepted")
        } else {
            ("NotAccepted", "not all names are accepted")
        };
        set_condition(status, "Established", is_accepted, reason, message, time);
    }
    if let Some(approval) = Approval::of(definition) {
        let (holds, reason, message) = approval.condition();
        set_condition(status, approval::CONDITION, holds, reason, &message, time);
    }
}

/// Says whether something about a definition is so, and why.
pub(super) fn set_condition(
    status: &mut Value,
    name: &str,
    is_true: bool,
    reason: &str,
    message: &str,
    time: &str,
) {
    let value = if is_true { "True" } else { "False" };
    let condition = json!({"type": name, "status": value, "reason": reason, "message": message});
    conditions::set_common(fields(status), condition, time);
}
