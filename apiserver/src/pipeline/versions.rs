//! What the `resourceVersion` of a read means, and which combinations with other options make no sense; upstream's
//! `ValidateListOptions`.

use steersman_core::api::{ListOptions, VersionMatch, WatchOptions};
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::store::Revision;
use steersman_core::{Error, Result};

use crate::fault;

const MATCH: Path<'static> = Path::new("resourceVersionMatch");

/// The version of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The newest.
    Newest,
    /// Whatever is at hand.
    Any,
    /// This one or a newer.
    NotOlderThan(Revision),
    /// This one.
    Exactly(Revision),
}

/// 500 with the words of the parser: what upstream answers to an unreadable version where no list is asked for.
pub(super) fn unreadable(version: &str) -> Error {
    fault::bare(parse_error(version))
}

/// The version of a get or a watch; `None` where none is given.
pub(super) fn parse(version: &str) -> Result<Option<Revision>> {
    match version {
        "" => Ok(None),
        given => given.parse().map(|revision| Some(Revision(revision))).map_err(|_| {
            fault::bare(format!("resourceVersion: Invalid value: {given:?}: {}", parse_error(given)))
        }),
    }
}

/// Understands the version of a list.
pub(super) fn of_list(options: &ListOptions) -> Result<Wanted> {
    let version = options.resource_version.as_str();
    let mut errors = ErrorList::new();
    if options.version_match.is_some() {
        if !options.continue_token.is_empty() {
            errors.push(field::Error::forbidden(
                &MATCH,
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
        if version.is_empty() {
            errors.push(field::Error::forbidden(
                &MATCH,
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        if options.version_match == Some(VersionMatch::Exact) && version == "0" {
            errors.push(field::Error::forbidden(
                &MATCH,
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ));
        }
    }
    if !errors.is_empty() {
        return Err(invalid_options(&errors));
    }
    let revision = parse_list(version)?;
    Ok(match (revision, options.version_match) {
        (None, _) => Wanted::Newest,
        (Some(Revision(0)), _) => Wanted::Any,
        (Some(revision), Some(VersionMatch::Exact)) => Wanted::Exactly(revision),
        // Without a match, a limit means the exact version: upstream's older rule.
        (Some(revision), None) if options.limit > 0 => Wanted::Exactly(revision),
        (Some(revision), _) => Wanted::NotOlderThan(revision),
    })
}

/// Refuses combinations of watch options that make no sense.
pub(super) fn check_watch(options: &WatchOptions) -> Result<()> {
    let mut errors = ErrorList::new();
    match (options.send_initial_events, options.version_match) {
        (None, Some(_)) => errors.push(field::Error::forbidden(
            &MATCH,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )),
        (Some(_), given) if given != Some(VersionMatch::NotOlderThan) => {
            errors.push(field::Error::forbidden(
                &MATCH,
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
            if given == Some(VersionMatch::Exact) {
                errors.push(field::Error::not_supported(&MATCH, "Exact", &["NotOlderThan"]));
            }
        }
        _ => {}
    }
    if errors.is_empty() { Ok(()) } else { Err(invalid_options(&errors)) }
}

/// 422 about list options.
pub(crate) fn invalid_options(errors: &[field::Error]) -> Error {
    Error::invalid(&GroupVersionKind::new("meta.k8s.io", "v1", "ListOptions"), "", errors)
}

fn parse_list(version: &str) -> Result<Option<Revision>> {
    parse(version).map_err(|error| Error::bad_request(format!("invalid resource version: {error}")))
}

fn parse_error(version: &str) -> String {
    let is_number = !version.is_empty() && version.bytes().all(|c| c.is_ascii_digit());
    let why = if is_number { "value out of range" } else { "invalid syntax" };
    format!("strconv.ParseUint: parsing {version:?}: {why}")
}
