//! How long an object remains after it was deleted; upstream's `BeforeDelete`.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::object::Metadata;
use steersman_core::tree::Value;

use super::metadata;
use crate::moment;
use crate::strategy::Strategy;

/// What the times of grace come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grace {
    /// The kind has none.
    None,
    /// The object is ending already, and not to end sooner.
    Pending,
    /// It ends after so many seconds.
    Seconds(i64),
}

/// Sets the time of the end, if the kind ends gracefully. A time that is set can only be brought forward.
pub(super) fn apply(
    tree: &mut Value,
    old: &Metadata,
    strategy: &dyn Strategy,
    options: &DeleteOptions,
    now: Timestamp,
) -> Grace {
    let requested = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let Some(seconds) = strategy.grace_seconds(tree, requested) else { return Grace::None };
    match (&old.deletion_timestamp, old.deletion_grace_period_seconds) {
        (Some(_), None | Some(0)) => Grace::None,
        (Some(end), Some(granted)) => match requested {
            Some(sooner) if sooner < granted => {
                let started = end.0.saturating_sub(SignedDuration::from_secs(granted)).unwrap_or(now);
                Grace::Seconds(shorten(tree, started, sooner, now))
            }
            _ => Grace::Pending,
        },
        (None, _) => {
            set_end(tree, now, seconds);
            bump_generation(tree, old);
            Grace::Seconds(seconds)
        }
    }
}

/// Marks an object that ends as soon as its finalizers let it.
pub(super) fn mark(tree: &mut Value, old: &Metadata, now: Timestamp) {
    match &old.deletion_timestamp {
        None => {
            bump_generation(tree, old);
            set_end(tree, now, 0);
        }
        Some(end) if end.0 > now => set_end(tree, now, 0),
        Some(_) => {
            metadata::of(tree).insert("deletionGracePeriodSeconds", 0.into());
        }
    }
}

/// Marks an object that ends when its kind lets it, which has no time of grace.
pub(super) fn end_now(tree: &mut Value, now: Timestamp) {
    metadata::of(tree).insert("deletionTimestamp", moment::seconds(now).into());
}

/// Brings the end forward, but not into the past: who was promised some time still sees the object end.
fn shorten(tree: &mut Value, started: Timestamp, seconds: i64, now: Timestamp) -> i64 {
    let end = started.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let seconds = if end < now { seconds.min(1) } else { seconds };
    put_end(tree, end.max(now), seconds);
    seconds
}

fn set_end(tree: &mut Value, from: Timestamp, seconds: i64) {
    put_end(tree, from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(from), seconds);
}

fn put_end(tree: &mut Value, end: Timestamp, seconds: i64) {
    let metadata = metadata::of(tree);
    metadata.insert("deletionTimestamp", moment::seconds(end).into());
    metadata.insert("deletionGracePeriodSeconds", seconds.into());
}

/// A delete is a change of what is wanted.
fn bump_generation(tree: &mut Value, old: &Metadata) {
    if old.generation > 0 {
        metadata::count_generation(tree);
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn the_end_is_brought_forward_but_never_into_the_past() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let started = at("2020-01-01T00:00:00Z");
        let cases = [
            (10, "2020-01-01T00:00:05Z", 10, "2020-01-01T00:00:10Z"),
            (3, "2020-01-01T00:00:05Z", 1, "2020-01-01T00:00:05Z"),
            (0, "2020-01-01T00:00:05Z", 0, "2020-01-01T00:00:05Z"),
        ];
        for (asked, now, granted, end) in cases {
            let mut pod = json!({"metadata": {}});
            assert_eq!(shorten(&mut pod, started, asked, at(now)), granted);
            assert_eq!(
                pod["metadata"],
                json!({"deletionTimestamp": end, "deletionGracePeriodSeconds": granted})
            );
        }
    }
}
