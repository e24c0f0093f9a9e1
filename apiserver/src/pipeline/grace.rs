//! How long an object remains after it was deleted; upstream's `BeforeDelete`.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use steersman_core::object::Metadata;

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
        (Some(_), None) => Grace::None,
        (Some(end), Some(granted)) => match requested {
            Some(sooner) if sooner < granted => {
                let started = end.0.saturating_sub(SignedDuration::from_secs(granted));
                set_end(tree, started.unwrap_or(now), sooner);
                Grace::Seconds(sooner)
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
            metadata::of(tree).insert("deletionGracePeriodSeconds".to_owned(), 0.into());
        }
    }
}

/// Marks an object that ends when its kind lets it, which has no time of grace.
pub(super) fn end_now(tree: &mut Value, now: Timestamp) {
    metadata::of(tree).insert("deletionTimestamp".to_owned(), moment::seconds(now).into());
}

fn set_end(tree: &mut Value, from: Timestamp, seconds: i64) {
    let end = from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(from);
    let metadata = metadata::of(tree);
    metadata.insert("deletionTimestamp".to_owned(), moment::seconds(end).into());
    metadata.insert("deletionGracePeriodSeconds".to_owned(), seconds.into());
}

/// A delete is a change of what is wanted.
fn bump_generation(tree: &mut Value, old: &Metadata) {
    if old.generation > 0 {
        metadata::count_generation(tree);
    }
}
