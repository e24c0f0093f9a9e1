//! Store implementations for Steersman: ordered keys, one revision, watches.
#![forbid(unsafe_code)]

mod memory;

pub use memory::Memory;
