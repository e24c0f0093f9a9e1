//! Services: dependent defaults, rules, and the addresses and ports that they are given.

mod ranges;

pub use ranges::ServiceRanges;
