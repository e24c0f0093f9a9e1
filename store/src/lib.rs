//! Store implementations for Steersman: ordered keys, one revision, watches.
//!
//! With feature `testing`, `store_contract!` holds any [`Store`](steersman_core::Store) to the promises that the API
//! server builds on.
#![forbid(unsafe_code)]

mod memory;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use memory::Memory;
