//! Kubernetes' control plane as an embeddable library: a whole cluster in your process.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use steersman::prelude::*;
//! use steersman::sim::Sim;
//!
//! # fn main() -> Result<()> {
//! let sim = Sim::new(4711);
//! sim.block_on(async {
//!     let cluster = Cluster::builder().nodes(3).start(&sim.env()).await?;
//!     cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}").await?;
//!     let map = cluster.api::<ConfigMap>().namespace("default").get("a").await?;
//!     assert_eq!(map.data.as_ref().unwrap()["k"], "v");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! This crate is where the parts meet: each of them stands alone on [`core`], and none knows another. Use
//! [`Cluster::builder`] for a whole cluster, with your own store, runtime, network, controllers and scheduler plugins
//! plugged in, or take one part.
#![forbid(unsafe_code)]

mod builder;
mod cluster;
mod identity;
#[cfg(feature = "kube")]
mod kube;
#[cfg(feature = "tls")]
mod listen;
mod manifest;
mod node;
mod reachable;
#[cfg(feature = "kube")]
mod remote;
mod rollback;
mod settle;
mod start;

/// The names that almost every program needs.
pub mod prelude {
    pub use steersman_core::api::{ListOptions, Patch, WatchEvent, WatchOptions, WriteOptions};
    pub use steersman_core::tree::json;
    pub use steersman_core::{Client, Env, Error, Object, Resource, Result};

    pub use crate::{Builder, Cluster};
}

pub use builder::Builder;
pub use cluster::Cluster;
#[cfg(feature = "kube")]
pub use remote::Remote;
pub use steersman_apiserver as apiserver;
pub use steersman_controllers as controllers;
pub use steersman_core as core;
pub use steersman_kubelet as kubelet;
pub use steersman_netproxy as netproxy;
pub use steersman_scheduler as scheduler;
#[cfg(feature = "sim")]
pub use steersman_sim as sim;
pub use steersman_store as store;

/// Runs the example of the README.
#[cfg(all(doctest, feature = "sim"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
