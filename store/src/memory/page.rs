//! Cuts one page out of the entries.

use std::ops::Bound;

use steersman_core::store::{Page, Range};

use super::history::View;

pub(super) fn read(range: &Range, view: View) -> Page {
    let revision = view.revision;
    let entries = view.entries();
    let mut matching = entries
        .range::<_, [u8]>((first(range), Bound::Unbounded))
        .map(|(_, entry)| entry)
        .take_while(|entry| entry.key.starts_with(&range.prefix));
    let limit = if range.limit == 0 { usize::MAX } else { range.limit };
    let page = matching.by_ref().take(limit).cloned().collect();
    Page { entries: page, revision, remaining: matching.count() }
}

/// Where the range begins: at its start, but not before its prefix does.
fn first(range: &Range) -> Bound<&[u8]> {
    match &range.start {
        Some(Bound::Included(start)) if *start > range.prefix => Bound::Included(start),
        Some(Bound::Excluded(start)) if *start >= range.prefix => Bound::Excluded(start),
        _ => Bound::Included(&range.prefix),
    }
}
