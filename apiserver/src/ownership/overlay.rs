//! Merges what a policy wants into an object: as an apply does, but nobody owns what it sets.

use steersman_core::tree::Value;

use super::{merge, typed};
use crate::schema::{Cursor, ListKind, Schema, Shape};

/// What an object becomes when `config`, of the same kind, is merged into it.
///
/// # Errors
/// `config` does not have the types of the schema, or would replace a list or an object that is owned as a whole; in
/// upstream's words.
pub(crate) fn overlay(schema: &Schema, object: &Value, config: &Value) -> Result<Value, String> {
    typed::check(schema, config)
        .map_err(|why| format!("failed to convert patch object to typed object: {why}"))?;
    let mut wholes = Vec::new();
    find_wholes(Some(schema.cursor()), config, "", &mut wholes);
    if !wholes.is_empty() {
        let wholes = wholes.join(", ");
        return Err(format!(
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {wholes}"
        ));
    }
    Ok(merge::merge(schema, object, config))
}

/// The places at which a configuration has what is owned as a whole.
fn find_wholes(place: Option<Cursor<'_>>, config: &Value, path: &str, wholes: &mut Vec<String>) {
    let Some(place) = place else { return };
    match (place.shape(), config) {
        (Shape::Object(_) | Shape::Map(_), Value::Object(entries)) => {
            if place.is_atomic() {
                wholes.push(path.to_owned());
            }
            for (name, value) in entries.iter().filter(|(name, _)| place.field(name).is_some()) {
                find_wholes(place.child(name), value, &format!("{path}.{name}"), wholes);
            }
        }
        (Shape::List(_, kind), Value::Array(items)) => {
            if *kind == ListKind::Atomic {
                wholes.push(path.to_owned());
            }
            for (index, item) in items.iter().enumerate() {
                find_wholes(Some(place.items()), item, &format!("{path}[{index}]"), wholes);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;
    use crate::ownership::testing::schema;

    #[test]
    fn what_is_owned_as_a_whole_is_not_replaced() {
        let schema = schema("apps/v1", "Deployment");
        let object = json!({"spec": {"replicas": 1}});
        let next = overlay(&schema, &object, &json!({"spec": {"replicas": 2}}));
        assert_eq!(next, Ok(json!({"spec": {"replicas": 2}})));
        let selector = json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}});
        assert_eq!(
            overlay(&schema, &object, &selector).unwrap_err(),
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector"
        );
        let unknown = overlay(&schema, &object, &json!({"spec": {"nope": 2}})).unwrap_err();
        assert_eq!(
            unknown,
            "failed to convert patch object to typed object: .spec.nope: field not declared in schema"
        );
    }
}
