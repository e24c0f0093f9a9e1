//! What the `resourceVersion` of a read means, and which combinations with other options make no sense; upstream's
//! `ValidateListOptions`.

use steersman_core::api::{ListOptions, VersionMatch, WatchOptions};
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::store::Revision;
use steersman_core::{Error, Result};

use crate::fault;

const MATCH: Path<'static> = Path::new("resourceVersionMatch");

const WITH_CONTINUE: &str = "resourceVersionMatch is forbidden when continue is provided";

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

/// The options of a list or a watch of which not all go together, as they are written.
pub(crate) struct Reading<'a> {
    /// `resourceVersion`.
    pub(crate) version: &'a str,
    /// `resourceVersionMatch`.
    pub(crate) version_match: &'a str,
    /// Whether there is a `continue`.
    pub(crate) continues: bool,
    /// Whether there is a `sendInitialEvents`.
    pub(crate) sends_initial_events: bool,
}

impl Reading<'_> {
    /// 422 where the options make no sense in a list.
    pub(crate) fn check_list(&self) -> Result<()> {
        let (given, exact) = (self.version_match, self.version_match == "Exact");
        let is_known = exact || given == "NotOlderThan";
        let rules = [
            (
                self.version.is_empty(),
                forbid("resourceVersionMatch is forbidden unless resourceVersion is provided"),
            ),
            (self.continues, forbid(WITH_CONTINUE)),
            (!is_known, field::Error::not_supported(&MATCH, given, &["Exact", "NotOlderThan", ""])),
            (
                exact && self.version == "0",
                forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""),
            ),
        ];
        let mut errors = if given.is_empty() { ErrorList::new() } else { broken(rules) };
        if self.sends_initial_events {
            let at = Path::new("sendInitialEvents");
            errors.push(field::Error::forbidden(&at, "sendInitialEvents is forbidden for list"));
        }
        refuse(&errors)
    }

    /// 422 where the options make no sense in a watch.
    pub(crate) fn check_watch(&self) -> Result<()> {
        let (given, sends) = (self.version_match, self.sends_initial_events);
        let has_match = !given.is_empty();
        // Such a watch sends what there is, with the match that goes with it.
        let is_completed = !sends && !has_match && matches!(self.version, "" | "0");
        let is_known = given == "NotOlderThan";
        refuse(&broken([
            (
                sends && !is_known,
                forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
            ),
            (
                has_match && !sends,
                forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
            ),
            (has_match && !is_known, field::Error::not_supported(&MATCH, given, &["NotOlderThan"])),
            ((has_match || is_completed) && self.continues, forbid(WITH_CONTINUE)),
        ]))
    }
}

/// Understands the version of a list.
pub(super) fn of_list(options: &ListOptions) -> Result<Wanted> {
    let version = options.resource_version.as_str();
    let reading = Reading {
        version,
        version_match: written(options.version_match),
        continues: !options.continue_token.is_empty(),
        sends_initial_events: false,
    };
    reading.check_list()?;
    if reading.continues {
        // Its version is in the token.
        let why = "specifying resource version is not allowed when using continue";
        return if matches!(version, "" | "0") { Ok(Wanted::Newest) } else { Err(Error::bad_request(why)) };
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
    let reading = Reading {
        version: &options.resource_version,
        version_match: written(options.version_match),
        continues: false,
        sends_initial_events: options.send_initial_events.is_some(),
    };
    reading.check_watch()
}

fn written(version_match: Option<VersionMatch>) -> &'static str {
    match version_match {
        None => "",
        Some(VersionMatch::Exact) => "Exact",
        Some(_) => "NotOlderThan",
    }
}

fn forbid(why: &str) -> field::Error {
    field::Error::forbidden(&MATCH, why)
}

/// The errors of the rules that are broken.
fn broken<const N: usize>(rules: [(bool, field::Error); N]) -> ErrorList {
    rules.into_iter().filter_map(|(is_broken, error)| is_broken.then_some(error)).collect()
}

fn refuse(errors: &[field::Error]) -> Result<()> {
    if errors.is_empty() { Ok(()) } else { Err(invalid_options(errors)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_make_no_sense_together_are_refused_one_by_one() {
        const UNKNOWN: &str = "resourceVersionMatch: Unsupported value:";
        const FORBIDDEN: &str = "resourceVersionMatch: Forbidden:";
        type Case =
            (&'static str, &'static str, bool, bool, &'static [&'static str], &'static [&'static str]);
        let cases: [Case; 8] = [
            ("", "", false, false, &[], &[]),
            ("5", "", true, false, &[], &[]),
            ("", "", true, false, &[], &[FORBIDDEN]),
            ("", "Foo", true, false, &[FORBIDDEN, FORBIDDEN, UNKNOWN], &[FORBIDDEN, UNKNOWN, FORBIDDEN]),
            ("0", "Exact", false, false, &[FORBIDDEN], &[FORBIDDEN, UNKNOWN]),
            ("1", "Exact", false, true, &["sendInitialEvents: Forbidden:"], &[FORBIDDEN, UNKNOWN]),
            ("1", "NotOlderThan", false, false, &[], &[FORBIDDEN]),
            ("1", "NotOlderThan", false, true, &["sendInitialEvents: Forbidden:"], &[]),
        ];
        for (version, version_match, continues, sends_initial_events, in_list, in_watch) in cases {
            let reading = Reading { version, version_match, continues, sends_initial_events };
            for (found, expected) in [(reading.check_list(), in_list), (reading.check_watch(), in_watch)] {
                let causes = found.map_or_else(|error| error.causes().to_vec(), |()| Vec::new());
                let shown = causes.iter().map(|cause| {
                    format!("{}: {}", cause.field.as_deref().unwrap(), cause.message.as_deref().unwrap())
                });
                let shown: Vec<String> = shown.collect();
                assert_eq!(shown.len(), expected.len(), "{version} {version_match}: {shown:?}");
                for (shown, expected) in shown.iter().zip(expected) {
                    assert!(shown.starts_with(expected), "{shown}");
                }
            }
        }
    }
}
