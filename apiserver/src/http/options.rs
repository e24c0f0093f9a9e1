//! Reads the options of every verb from the parameters.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{
    FieldValidation, GetOptions, ListOptions, VersionMatch, WatchOptions, WriteOptions,
};
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::{Error, Result};

use super::query::{Query, invalid};
use super::show::Include;

/// The longest name of a field manager, in bytes.
const MANAGER: usize = 128;

/// Options of get.
pub(super) fn get(query: &Query) -> Result<GetOptions> {
    if query.has("export") {
        let why = "the export parameter, deprecated since v1.14, is no longer supported";
        return Err(Error::bad_request(why));
    }
    Ok(GetOptions { resource_version: query.text("resourceVersion").to_owned() })
}

/// Options of list.
pub(super) fn list(query: &Query) -> Result<ListOptions> {
    let mut errors = ErrorList::new();
    let version_match = version_match(query, &mut errors);
    if !errors.is_empty() {
        return Err(invalid("ListOptions", &errors));
    }
    if query.has("sendInitialEvents") {
        let at = Path::new("resourceVersionMatch");
        if version_match.is_some() && query.text("resourceVersion").is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(field::Error::forbidden(&at, why));
        }
        let why = "sendInitialEvents is forbidden for list";
        errors.push(field::Error::forbidden(&Path::new("sendInitialEvents"), why));
        return Err(invalid("ListOptions", &errors));
    }
    Ok(ListOptions {
        labels: query.text("labelSelector").parse()?,
        fields: query.text("fieldSelector").parse()?,
        resource_version: query.text("resourceVersion").to_owned(),
        version_match,
        limit: usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0),
        continue_token: query.text("continue").to_owned(),
    })
}

/// Options of watch.
pub(super) fn watch(query: &Query) -> Result<WatchOptions> {
    let timeout = query.number("timeoutSeconds")?;
    let mut errors = ErrorList::new();
    let version_match = version_match(query, &mut errors);
    if !query.text("continue").is_empty() {
        let at = Path::new("resourceVersionMatch");
        let why = "resourceVersionMatch is forbidden when continue is provided";
        errors.push(field::Error::forbidden(&at, why));
    }
    if !errors.is_empty() {
        return Err(invalid("ListOptions", &errors));
    }
    Ok(WatchOptions {
        labels: query.text("labelSelector").parse()?,
        fields: query.text("fieldSelector").parse()?,
        resource_version: query.text("resourceVersion").to_owned(),
        version_match,
        bookmarks: query.flag("allowWatchBookmarks"),
        send_initial_events: query.has("sendInitialEvents").then(|| query.flag("sendInitialEvents")),
        timeout: timeout.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
    })
}

/// Options of create, update and patch; `kind` is upstream's name for them.
pub(super) fn write(query: &Query, kind: &'static str) -> Result<WriteOptions> {
    let mut errors = ErrorList::new();
    let dry_run: Vec<&str> = query.all("dryRun").filter(|value| !value.is_empty()).collect();
    if dry_run.iter().any(|value| *value != "All") {
        let shown = serde_json::Value::from(dry_run.clone());
        errors.push(field::Error::not_supported(&Path::new("dryRun"), shown, &["All"]));
    }
    manager(query.text("fieldManager"), &mut errors);
    let field_validation = match query.text("fieldValidation") {
        "" | "Warn" => FieldValidation::Warn,
        "Ignore" => FieldValidation::Ignore,
        "Strict" => FieldValidation::Strict,
        other => {
            let at = Path::new("fieldValidation");
            errors.push(field::Error::not_supported(&at, other, &["", "Ignore", "Strict", "Warn"]));
            FieldValidation::Warn
        }
    };
    if !errors.is_empty() {
        return Err(invalid(kind, &errors));
    }
    Ok(WriteOptions {
        dry_run: !dry_run.is_empty(),
        field_manager: query.text("fieldManager").to_owned(),
        field_validation,
        force: query.flag("force"),
    })
}

/// Options of delete, where they are not in the body.
pub(super) fn delete(query: &Query) -> Result<DeleteOptions> {
    let some = |name: &str| Some(query.text(name).to_owned()).filter(|text| !text.is_empty());
    let dry_run: Vec<String> =
        query.all("dryRun").filter(|text| !text.is_empty()).map(str::to_owned).collect();
    Ok(DeleteOptions {
        dry_run: (!dry_run.is_empty()).then_some(dry_run),
        grace_period_seconds: query.number("gracePeriodSeconds")?,
        orphan_dependents: query.has("orphanDependents").then(|| query.flag("orphanDependents")),
        propagation_policy: some("propagationPolicy"),
        ..DeleteOptions::default()
    })
}

/// What the rows of a table carry of their objects.
pub(super) fn include(query: &Query) -> Result<Include> {
    match query.text("includeObject") {
        "" | "Metadata" => Ok(Include::Metadata),
        "None" => Ok(Include::None),
        "Object" => Ok(Include::Object),
        other => {
            let why = "must be 'Metadata', 'Object', 'None', or empty";
            let error = field::Error::invalid(&Path::new("includeObject"), other, why);
            Err(invalid("TableOptions", &[error]))
        }
    }
}

fn version_match(query: &Query, errors: &mut ErrorList) -> Option<VersionMatch> {
    match query.text("resourceVersionMatch") {
        "" => None,
        "Exact" => Some(VersionMatch::Exact),
        "NotOlderThan" => Some(VersionMatch::NotOlderThan),
        other => {
            let at = Path::new("resourceVersionMatch");
            errors.push(field::Error::not_supported(&at, other, &["Exact", "NotOlderThan", ""]));
            None
        }
    }
}

fn manager(name: &str, errors: &mut ErrorList) {
    let at = Path::new("fieldManager");
    if name.len() > MANAGER {
        errors.push(field::Error::too_long(&at, MANAGER));
    }
    if let Some((position, bad)) = name.chars().enumerate().find(|(_, c)| c.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {position})", u32::from(bad));
        errors.push(field::Error::invalid(&at, name, why));
    }
}
