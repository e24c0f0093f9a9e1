//! The versions of a definition: their names, which one is stored, and what they share.

use steersman_core::field::{Error, ErrorList, ErrorType, Path};
use steersman_core::tree::{List, Value};

use super::names::check_label;
use super::schemas;

/// The versions of a definition.
pub(super) struct Versions<'a>(&'a [Value]);

impl<'a> Versions<'a> {
    /// The versions of a `spec`.
    pub(super) fn of(spec: &'a Value) -> Self {
        Versions(spec["versions"].as_array().map_or(&[], List::as_slice))
    }

    /// What every version states alike under `key`: upstream checks and reports that once, at the top.
    pub(super) fn shared(&self, key: &str) -> Option<&'a Value> {
        let first = self.0.first()?.get(key).filter(|value| !value.is_null())?;
        self.0.iter().all(|version| version.get(key) == Some(first)).then_some(first)
    }

    /// Whether any version has a status subresource.
    pub(super) fn has_status(&self) -> bool {
        self.0.iter().any(|version| version["subresources"]["status"].is_object())
    }
}

/// Reports what is wrong with the versions of a `spec` that stands at `spec`.
pub(super) fn check(versions: &Versions<'_>, spec: &Path<'_>, errors: &mut ErrorList) {
    let path = spec.child("versions");
    let has_shared_schema =
        versions.shared("schema").is_some_and(|schema| schema["openAPIV3Schema"].is_object());
    for (index, version) in versions.0.iter().enumerate() {
        if !has_shared_schema && !version["schema"]["openAPIV3Schema"].is_object() {
            let at = path.index(index);
            errors.push(Error::required(&at.child("schema").child("openAPIV3Schema"), ""));
        }
    }
    for (index, version) in versions.0.iter().enumerate() {
        let at = path.index(index);
        check_label_or_empty(version, &at.child("name"), errors);
        check_deprecation(version, &at.child("deprecationWarning"), errors);
        schemas::check_own(versions, version, &at, errors);
    }
    check_set(versions, &path, errors);
    if let Some(first) = versions.0.first() {
        check_label(name_of(first), &spec.child("version"), errors);
    }
}

fn name_of(version: &Value) -> &str {
    version["name"].as_str().unwrap_or_default()
}

fn check_label_or_empty(version: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let name = name_of(version);
    let wrong = steersman_core::names::dns1035_label(name);
    if !wrong.is_empty() {
        errors.push(Error::invalid(path, name, wrong.join(",")));
    }
}

fn check_deprecation(version: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let Some(warning) = version["deprecationWarning"].as_str() else { return };
    let mut refuse = |why: String| errors.push(Error::invalid(path, warning, why));
    if version["deprecated"] != true {
        refuse("can only be set for deprecated versions".to_owned());
        return;
    }
    if warning.len() > 256 {
        refuse("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        refuse("must not be an empty string".to_owned());
    }
    if let Some((index, _)) = warning.char_indices().find(|(_, c)| c.is_control()) {
        refuse(format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {index}"
        ));
    }
}

/// Names are unique, and one version is stored.
fn check_set(versions: &Versions<'_>, path: &Path<'_>, errors: &mut ErrorList) {
    let mut refuse = |detail: &str| {
        errors.push(Error {
            kind: ErrorType::Invalid,
            field: path.to_string(),
            value: shown(versions),
            detail: detail.to_owned(),
        });
    };
    let names: Vec<&str> = versions.0.iter().map(name_of).collect();
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        refuse("must contain unique version names");
    }
    if versions.0.iter().filter(|version| version["storage"] == true).count() != 1 {
        refuse("must have exactly one version marked as storage version");
    }
}

/// The versions as upstream's internal type prints them, without what they share.
fn shown(versions: &Versions<'_>) -> String {
    let own = |version: &Value, key: &str| match versions.shared(key) {
        Some(_) => "null".to_owned(),
        None => version.get(key).unwrap_or(&Value::Null).to_string(),
    };
    let flag = |version: &Value, key: &str| version[key] == true;
    let rows: Vec<String> = versions
        .0
        .iter()
        .map(|version| {
            format!(
                "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\
                 \"Schema\":{},\"Subresources\":{},\"AdditionalPrinterColumns\":{},\"SelectableFields\":{}}}",
                version["name"],
                flag(version, "served"),
                flag(version, "storage"),
                flag(version, "deprecated"),
                version["deprecationWarning"],
                own(version, "schema"),
                own(version, "subresources"),
                own(version, "additionalPrinterColumns"),
                own(version, "selectableFields"),
            )
        })
        .collect();
    format!("[{}]", rows.join(","))
}
