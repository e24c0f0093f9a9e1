//! What a client can send, and what every answer keeps: whatever the input, nothing panics and the promise holds.
//!
//! The tests try a bounded number of inputs, the same in every run; `fuzz/` tries as many as one has time for.

mod apply;
mod definitions;
mod fields_v1;
#[cfg(test)]
mod grafted;
mod house;
mod json;
#[cfg(test)]
mod mutated;
mod patches;
mod quantities;
mod rules;
mod selectors;

pub use apply::apply;
pub use definitions::definitions;
pub use fields_v1::fields_v1;
pub use json::json;
pub use patches::patches;
pub use quantities::quantities;
pub use rules::rules;
pub use selectors::selectors;
