//! Which strategy a kind has: one line per kind.

use std::sync::Arc;

use steersman_core::resource::GroupVersionKind;

use super::Strategy;
use super::service::ServiceRanges;

/// The strategies of all built-in kinds, with the allocators that some of them hold. One server has one.
pub struct Strategies {
    rows: Vec<(&'static str, &'static str, Arc<dyn Strategy>)>,
    plain: Arc<dyn Strategy>,
}

/// A kind without rules of its own.
struct Plain;

impl Strategy for Plain {}

impl Strategies {
    /// The strategies of a server that hands out addresses and ports of `ranges`.
    pub fn new(ranges: &ServiceRanges) -> Self {
        let _ = ranges;
        Strategies { rows: Vec::new(), plain: Arc::new(Plain) }
    }

    /// The strategy of a kind; one without rules where there is none. Meant to be looked up once, when a resource is
    /// registered.
    pub fn of(&self, kind: &GroupVersionKind) -> &Arc<dyn Strategy> {
        let row = self.rows.iter().find(|(group, name, _)| *group == kind.group && *name == kind.kind);
        row.map_or(&self.plain, |(_, _, strategy)| strategy)
    }
}
