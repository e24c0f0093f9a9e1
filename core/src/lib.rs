//! The vocabulary and the seams of Steersman.
//!
//! Everything another crate needs in order to talk about a cluster is here: [objects](object), [errors](error),
//! [selectors](selector), [quantities](quantity), and the traits that separate what decides from what acts:
//! [`Api`], [`Store`], [`Runtime`], [`Network`], [`CloudProvider`] and the [`Env`].
//! Nothing here knows HTTP, a storage engine, an async runtime, or how any kind behaves.
#![forbid(unsafe_code)]

pub mod addresses;
pub mod api;
pub mod backoff;
pub mod cache;
pub mod client;
pub mod cloud;
pub mod condition;
pub mod env;
pub mod error;
pub mod events;
pub mod field;
pub mod fingerprint;
pub mod formats;
pub mod int_or_string;
pub mod json_text;
pub mod kubelet;
pub mod labels;
pub mod leader;
pub mod metadata;
pub mod names;
pub mod network;
pub mod object;
pub mod owner;
pub mod quantity;
pub mod queue;
pub mod resource;
pub mod runtime;
pub mod selector;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tree;
pub mod versions;
mod waiters;

#[doc(hidden)]
pub use k8s_openapi;

pub use api::Api;
pub use backoff::Backoff;
pub use cache::{Cache, Caches};
pub use client::Client;
pub use cloud::CloudProvider;
pub use env::Env;
pub use error::{Error, Result};
pub use events::Recorder;
pub use fingerprint::Fingerprint;
pub use kubelet::{Kubelet, Kubelets};
pub use network::Network;
pub use object::Object;
pub use quantity::Quantity;
pub use queue::Queue;
pub use resource::Resource;
pub use runtime::Runtime;
pub use store::Store;
