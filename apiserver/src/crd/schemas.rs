//! What a version, or all of them alike, state: a schema, subresources, printer columns, selectable fields.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::versions::Versions;
use super::{defaults, expressions, field_path, openapi, structural};

/// No version has more selectable fields than this; upstream's limit.
const SELECTABLE_FIELDS: usize = 8;

/// Reports what is wrong with what one version states by itself.
pub(super) fn check_own(versions: &Versions<'_>, version: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let own = |key: &str| if versions.shared(key).is_some() { &Value::Null } else { &version[key] };
    let has_status = version["subresources"]["status"].is_object();
    check_schema(&own("schema")["openAPIV3Schema"], &path.child("schema"), has_status, errors);
    check_subresources(own("subresources"), &path.child("subresources"), errors);
    check_columns(own("additionalPrinterColumns"), &path.child("additionalPrinterColumns"), errors);
    let why = "may only be set when `version.schema.openAPIV3Schema` is not included";
    let fields = path.child("selectableFields");
    check_selectable(own("selectableFields"), &own("schema")["openAPIV3Schema"], why, &fields, errors);
}

/// Reports what is wrong with what all versions state alike.
pub(super) fn check_shared(versions: &Versions<'_>, spec: &Path<'_>, errors: &mut ErrorList) {
    let shared = |key: &str| versions.shared(key).unwrap_or(&Value::Null);
    let schema = &shared("schema")["openAPIV3Schema"];
    check_schema(schema, &spec.child("validation"), versions.has_status(), errors);
    check_subresources(shared("subresources"), &spec.child("subresources"), errors);
    check_columns(shared("additionalPrinterColumns"), &spec.child("additionalPrinterColumns"), errors);
    let why = "may only be set when validations.schema is included";
    check_selectable(shared("selectableFields"), schema, why, &spec.child("selectableFields"), errors);
}

fn check_schema(schema: &Value, path: &Path<'_>, has_status: bool, errors: &mut ErrorList) {
    if !schema.is_object() {
        return;
    }
    let path = path.child("openAPIV3Schema");
    let before = errors.len();
    if has_status {
        openapi::check_root(schema, &path, errors);
    }
    if schema["nullable"] == true {
        errors.push(Error::forbidden(&path.child("nullable"), "nullable cannot be true at the root"));
    }
    if !structural::has_unsupported(schema) {
        let mut wrong = structural::check(schema, &path);
        if wrong.is_empty() {
            wrong = defaults::check(schema, &path);
        }
        errors.extend(wrong);
    }
    openapi::check(schema, &path, errors);
    if errors.len() == before {
        expressions::check(schema, &path, errors);
    }
}

fn check_subresources(subresources: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let scale = &subresources["scale"];
    if !scale.is_object() {
        return;
    }
    let text = |key: &str| scale[key].as_str().unwrap_or_default();
    for (key, parent) in [("specReplicasPath", "spec"), ("statusReplicasPath", "status")] {
        let field = format!("scale.{key}");
        let path = path.child(&field);
        if text(key).is_empty() {
            errors.push(Error::required(&path, ""));
        } else if check_json_path(text(key), &path, errors) && !text(key).starts_with(&format!(".{parent}."))
        {
            errors.push(Error::invalid(&path, text(key), format!("should be a json path under .{parent}")));
        }
    }
    let (selector, path) = (text("labelSelectorPath"), path.child("scale.labelSelectorPath"));
    let is_known = selector.starts_with(".spec.") || selector.starts_with(".status.");
    if !selector.is_empty() && check_json_path(selector, &path, errors) && !is_known {
        errors.push(Error::invalid(&path, selector, "should be a json path under either .spec or .status"));
    }
}

/// Reports a path that is not simple; whether it is.
fn check_json_path(text: &str, path: &Path<'_>, errors: &mut ErrorList) -> bool {
    let is_simple = text.starts_with('.');
    if !is_simple {
        errors.push(Error::invalid(path, text, "must be a simple json path starting with ."));
    }
    is_simple
}

fn check_columns(columns: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
    for (index, column) in columns.as_array().into_iter().flatten().enumerate() {
        let path = path.index(index);
        let text = |key: &str| column[key].as_str().unwrap_or_default();
        if text("name").is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        }
        let must = format!("must be one of {}", TYPES.join(","));
        if text("type").is_empty() {
            errors.push(Error::required(&path.child("type"), must));
        } else if !TYPES.contains(&text("type")) {
            errors.push(Error::invalid(&path.child("type"), text("type"), must));
        }
        if !text("format").is_empty() && !FORMATS.contains(&text("format")) {
            let must = format!("must be one of {}", FORMATS.join(","));
            errors.push(Error::invalid(&path.child("format"), text("format"), must));
        }
        if text("jsonPath").is_empty() {
            errors.push(Error::required(&path.child("JSONPath"), ""));
        } else {
            check_json_path(text("jsonPath"), &path.child("JSONPath"), errors);
        }
    }
}

/// Fields are of a schema that stands beside them; `alone` says that there is none.
fn check_selectable(fields: &Value, schema: &Value, alone: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if !schema.is_object() && fields.as_array().is_some_and(|fields| !fields.is_empty()) {
        errors.push(Error::invalid(path, "", alone));
        return;
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, field) in fields.as_array().into_iter().flatten().enumerate() {
        let at = path.index(index);
        let at = at.child("jsonPath");
        let text = field["jsonPath"].as_str().unwrap_or_default();
        if text.is_empty() {
            errors.push(Error::required(&at, ""));
            continue;
        }
        let found = match field_path::follow(text, schema, false) {
            Ok(found) => found,
            Err(why) => {
                errors.push(Error::invalid(&at, text, format!("is an invalid path: {why}")));
                continue;
            }
        };
        if found.shown.split('.').next() == Some("metadata") {
            errors.push(Error::invalid(&at, text, "must not point to fields in metadata"));
        }
        if !matches!(found.schema["type"].as_str(), Some("string" | "boolean" | "integer")) {
            let must = "must point to a field of type string, boolean or integer. Enum string fields and strings \
                        with formats are allowed.";
            errors.push(Error::invalid(&at, text, must));
        }
        if seen.contains(&text) {
            errors.push(Error::duplicate(&at, text));
        } else {
            seen.push(text);
        }
    }
    if seen.len() > SELECTABLE_FIELDS {
        errors.push(Error::too_many(path, seen.len(), SELECTABLE_FIELDS));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn fields_are_selected_of_the_schema_beside_them() {
        let version = |name: &str, format: &str| {
            let field = json!({"type": "string", "format": format});
            let schema = json!({"type": "object", "properties": {"a": field}});
            json!({"name": name, "schema": {"openAPIV3Schema": schema}, "selectableFields": [{"jsonPath": ".a"}]})
        };
        let faults = |versions: Value| {
            let (spec, mut errors) = (json!({"versions": versions}), ErrorList::new());
            check_shared(&Versions::of(&spec), &Path::new("spec"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(faults(json!([version("v1", "byte"), version("v2", "byte")])), Vec::<String>::new());
        let why =
            "spec.selectableFields: Invalid value: \"\": may only be set when validations.schema is included";
        assert_eq!(faults(json!([version("v1", "byte"), version("v2", "date")])), [why]);
    }
}
