//! Deterministic executor with virtual time, fault wrappers and invariants.
#![forbid(unsafe_code)]
