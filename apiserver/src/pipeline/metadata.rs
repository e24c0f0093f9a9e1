//! Sets the metadata that is the server's to set, on trees on their way to the store.

use jiff::Timestamp;
use steersman_core::tree::{Map, Text, Value};
use steersman_core::{Env, Error, Result};

use crate::moment::seconds;
use crate::registry::Served;
use crate::tree::{Fill, fields};

/// How many random letters follow the prefix of a generated name.
const SUFFIX: usize = 5;

/// The longest prefix that a generated name keeps.
const PREFIX: usize = 63 - SUFFIX;

/// What only the server sets on a new object.
const SYSTEM: &[&str] =
    &["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];

/// What an update can neither change nor remove.
const KEPT: &[&str] = &["creationTimestamp", "deletionTimestamp"];

/// The metadata of a tree, made if there is none.
pub(super) fn of(tree: &mut Value) -> &mut Map {
    fields(tree).object("metadata")
}

/// A text of the metadata; empty if it is not there.
pub(super) fn text<'a>(tree: &'a Value, field: &str) -> &'a str {
    tree["metadata"][field].as_str().unwrap_or_default()
}

/// Takes the version out of a tree: what it was based on.
pub(super) fn take_version(tree: &mut Value) -> Text {
    match of(tree).remove("resourceVersion") {
        Some(Value::String(version)) => version,
        _ => Text::default(),
    }
}

/// Puts the object into the namespace of the request; 400 if it says it belongs elsewhere.
pub(super) fn place(tree: &mut Value, row: &Served, namespace: &str) -> Result<()> {
    // Most are there already, and stay shared with whoever else has them.
    let own = text(tree, "namespace");
    if !row.is_namespaced() {
        of(tree).remove("namespace");
    } else if own.is_empty() {
        of(tree).insert("namespace", namespace.into());
    } else if own != namespace {
        return Err(Error::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Refuses an object whose name is not the one in the path.
pub(super) fn check_name(tree: &Value, name: &str) -> Result<()> {
    match text(tree, "name") {
        "" => Err(Error::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        own if own != name => Err(Error::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        ))),
        _ => Ok(()),
    }
}

/// Drops what only the server sets.
pub(super) fn wipe(tree: &mut Value) {
    let metadata = of(tree);
    SYSTEM.iter().for_each(|field| drop(metadata.remove(field)));
}

/// Whether the server is to make the name up.
pub(super) fn is_name_wanted(tree: &Value) -> bool {
    text(tree, "name").is_empty() && !text(tree, "generateName").is_empty()
}

/// Gives a new object its identity, and a name if it wants one.
pub(super) fn found(tree: &mut Value, row: &Served, env: &Env, now: Timestamp) {
    let generates = is_name_wanted(tree);
    let metadata = of(tree);
    metadata.insert("uid", env.uuid().into());
    metadata.insert("creationTimestamp", seconds(now).into());
    if row.counts_generation() {
        metadata.insert("generation", 1.into());
    }
    if generates {
        let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default();
        let end = (0..=prefix.len().min(PREFIX)).rev().find(|end| prefix.is_char_boundary(*end)).unwrap_or(0);
        let name = format!("{}{}", &prefix[..end], env.name_suffix(SUFFIX));
        metadata.insert("name", name.into());
    } else if row.strategy.names_nameless() && text(tree, "name").is_empty() {
        of(tree).insert("name", env.uuid().into());
    }
}

/// Shares the metadata of an object that is to replace `old` with that, if it is the same.
pub(super) fn share(tree: &mut Value, old: &Value) {
    if let (Some(own), Some(old)) = (tree.get_mut("metadata"), old.get("metadata"))
        && own == old
    {
        own.clone_from(old);
    }
}

/// Gives an object that replaces `old` the identity that it may not change.
pub(super) fn carry(tree: &mut Value, old: &Value) {
    let metadata = of(tree);
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    let old = &old["metadata"];
    if old.as_object() == Some(metadata) {
        return;
    }
    for field in KEPT {
        match old.get(*field) {
            Some(value) => metadata.insert(*field, value.clone()),
            None => None,
        };
    }
    for field in ["uid", "deletionGracePeriodSeconds"] {
        if let Some(value) = old.get(field)
            && is_blank(metadata.get(field))
        {
            metadata.insert(field, value.clone());
        }
    }
    match old.get("generation") {
        Some(generation) => metadata.insert("generation", generation.clone()),
        None => metadata.remove("generation"),
    };
}

/// Counts a change of the desired state.
pub(super) fn count_generation(tree: &mut Value) {
    let metadata = of(tree);
    let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or(0);
    metadata.insert("generation", (generation + 1).into());
}

fn is_blank(value: Option<&Value>) -> bool {
    matches!(value, None | Some(Value::Null)) || value.and_then(Value::as_str) == Some("")
}

/// Makes one owner of one that stands twice; what the client is told then.
pub(super) fn dedup_owners(tree: &mut Value) -> Option<String> {
    if tree["metadata"]["ownerReferences"].as_array()?.len() < 2 {
        return None;
    }
    let owners = of(tree).get_mut("ownerReferences").and_then(Value::as_array_mut)?;
    let mut seen: Vec<Value> = Vec::with_capacity(owners.len());
    let mut again: Vec<&str> = Vec::new();
    for owner in owners.iter() {
        if seen.contains(owner) {
            again.push(owner["uid"].as_str().unwrap_or_default());
        } else {
            seen.push(owner.clone());
        }
    }
    let told = (!again.is_empty()).then(|| {
        format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may \
             reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            again.join(", ")
        )
    });
    *owners = seen.into();
    told
}
