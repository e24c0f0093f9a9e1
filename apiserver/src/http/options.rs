//! Reads the options of every verb from the parameters.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman_core::api::{
    Bookmarks, FieldValidation, GetOptions, ListOptions, VersionMatch, WatchOptions, WriteOptions,
};
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::{Error, Result};

use super::query::{Query, invalid};
use super::show::Include;
use crate::pipeline::{Reading, patch_fault};

/// The longest name of a field manager, in bytes.
const MANAGER: usize = 128;

/// Options of get.
pub(super) fn get(query: &Query) -> Result<GetOptions> {
    if query.flag("export") {
        let why = "the export parameter, deprecated since v1.14, is no longer supported";
        return Err(Error::bad_request(why));
    }
    Ok(GetOptions { resource_version: query.text("resourceVersion").to_owned() })
}

/// Options of list.
pub(super) fn list(query: &Query) -> Result<ListOptions> {
    let (_, limit) = numbers(query)?;
    let options = ListOptions {
        labels: query.text("labelSelector").parse()?,
        fields: query.text("fieldSelector").parse()?,
        resource_version: query.text("resourceVersion").to_owned(),
        version_match: version_match(query),
        limit: usize::try_from(limit.unwrap_or(0)).unwrap_or(0),
        continue_token: query.text("continue").to_owned(),
    };
    reading(query).check_list()?;
    Ok(options)
}

/// Options of watch.
pub(super) fn watch(query: &Query) -> Result<WatchOptions> {
    let (timeout, _) = numbers(query)?;
    let bookmarks = query.flag("allowWatchBookmarks");
    let options = WatchOptions {
        labels: query.text("labelSelector").parse()?,
        fields: query.text("fieldSelector").parse()?,
        resource_version: query.text("resourceVersion").to_owned(),
        version_match: version_match(query),
        bookmarks: if bookmarks { Bookmarks::EveryMinute } else { Bookmarks::None },
        send_initial_events: query.has("sendInitialEvents").then(|| query.flag("sendInitialEvents")),
        timeout: timeout.and_then(seconds).map(Duration::from_secs),
    };
    reading(query).check_watch()?;
    Ok(options)
}

/// The seconds that a watch may last; zero stands for no limit of the client's own, and less for none left.
fn seconds(given: i64) -> Option<u64> {
    (given != 0).then(|| u64::try_from(given).unwrap_or(0))
}

/// `timeoutSeconds` and `limit`, which lists and watches read, whether they heed them or not.
fn numbers(query: &Query) -> Result<(Option<i64>, Option<i64>)> {
    Ok((query.number("timeoutSeconds")?, query.number("limit")?))
}

fn reading(query: &Query) -> Reading<'_> {
    Reading {
        version: query.text("resourceVersion"),
        version_match: query.text("resourceVersionMatch"),
        continues: !query.text("continue").is_empty(),
        sends_initial_events: query.has("sendInitialEvents"),
    }
}

/// Options of create and update; `kind` is upstream's name for them.
pub(super) fn write(query: &Query, kind: &'static str) -> Result<WriteOptions> {
    written(query, kind, ErrorList::new())
}

/// Options of a patch.
pub(super) fn patch(query: &Query, applies: bool) -> Result<WriteOptions> {
    let fault = patch_fault(applies, query.text("fieldManager"), query.has("force"));
    written(query, "PatchOptions", fault.into_iter().collect())
}

fn written(query: &Query, kind: &'static str, mut errors: ErrorList) -> Result<WriteOptions> {
    manager(query.text("fieldManager"), &mut errors);
    let dry_run: Vec<&str> = query.all("dryRun").collect();
    if dry_run.iter().any(|value| *value != "All") {
        let shown = steersman_core::tree::Value::from(dry_run.clone());
        errors.push(field::Error::not_supported(&Path::new("dryRun"), shown, &["All"]));
    }
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
    let first = |name: &str| query.all(name).next().map(str::to_owned);
    let [uid, resource_version] =
        ["uid", "resourceVersion"].map(|name| first(name).filter(|text| !text.is_empty()));
    let is_conditional = uid.is_some() || resource_version.is_some();
    let dry_run: Vec<String> = query.all("dryRun").map(str::to_owned).collect();
    Ok(DeleteOptions {
        dry_run: (!dry_run.is_empty()).then_some(dry_run),
        grace_period_seconds: query.number("gracePeriodSeconds")?,
        orphan_dependents: query.has("orphanDependents").then(|| query.flag("orphanDependents")),
        preconditions: is_conditional.then_some(Preconditions { resource_version, uid }),
        propagation_policy: first("propagationPolicy"),
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

/// The match, if it is one.
fn version_match(query: &Query) -> Option<VersionMatch> {
    match query.text("resourceVersionMatch") {
        "Exact" => Some(VersionMatch::Exact),
        "NotOlderThan" => Some(VersionMatch::NotOlderThan),
        _ => None,
    }
}

fn manager(name: &str, errors: &mut ErrorList) {
    let at = Path::new("fieldManager");
    if name.len() > MANAGER {
        errors.push(field::Error::too_long(&at, MANAGER));
    }
    let unprintable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    for (position, bad) in name.char_indices().filter(|(_, c)| unprintable(*c)) {
        let why = format!("invalid character U+{:04X} (at position {position})", u32::from(bad));
        errors.push(field::Error::invalid(&at, name, why));
    }
}
