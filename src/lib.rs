//! Kubernetes control plane as an embeddable library.
#![forbid(unsafe_code)]

pub use steersman_core as core;
