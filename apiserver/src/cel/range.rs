//! Lower and upper bounds of sizes and costs, which stop at the largest number instead of overflowing.

/// From the least to the most that something can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) min: u64,
    pub(super) max: u64,
}

impl Range {
    pub(super) const ZERO: Range = Range::exactly(0);
    pub(super) const ONE: Range = Range::exactly(1);
    /// What nothing is known of.
    pub(super) const UNKNOWN: Range = Range { min: 0, max: u64::MAX };
    /// What no value was added to yet.
    pub(super) const NONE: Range = Range { min: u64::MAX, max: 0 };

    pub(super) const fn exactly(value: u64) -> Self {
        Range { min: value, max: value }
    }

    pub(super) fn plus(self, other: Range) -> Self {
        Range { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    pub(super) fn times(self, other: Range) -> Self {
        Range { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }

    /// Multiplied by a factor, and rounded up.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Range { min: scale(self.min, factor), max: scale(self.max, factor) }
    }

    /// What holds both.
    pub(super) fn or(self, other: Range) -> Self {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// A number times a factor, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "saturates"
)]
pub(super) fn scale(value: u64, factor: f64) -> u64 {
    (value as f64 * factor).ceil() as u64
}
