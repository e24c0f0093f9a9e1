//! Kubernetes' control plane as an embeddable library: a whole cluster in your process.
//!
//! This crate is where the parts meet: each of them stands alone on [`core`], and none knows another.
#![forbid(unsafe_code)]

pub use steersman_apiserver as apiserver;
pub use steersman_controllers as controllers;
pub use steersman_core as core;
pub use steersman_kubelet as kubelet;
pub use steersman_netproxy as netproxy;
pub use steersman_scheduler as scheduler;
#[cfg(feature = "sim")]
pub use steersman_sim as sim;
pub use steersman_store as store;
