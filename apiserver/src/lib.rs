//! The Kubernetes API server as a library: schemas, registry, request pipeline, watch cache, patches, admission,
//! custom resources.
//!
//! A [`Server`] stands over any [`Store`](steersman_core::Store) and is spoken to in this process: by
//! [clients](Server::client_as) that act as a [`User`], and by whoever has a request of the `http` crate ([`http`]). A
//! [`Builder`] adds kinds of one's own, rules for a kind (a [`Strategy`]), [`admission`] and an [`Authorizer`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use steersman_apiserver::{Server, User};
//! use steersman_core::k8s_openapi::api::core::v1::Namespace;
//! use steersman_core::{Env, Result, Store};
//!
//! async fn serve(env: &Env, store: Arc<dyn Store>) -> Result<()> {
//!     let server = Server::builder(store).start(env).await?;
//!     let client = server.client_as(User::admin(), "example");
//!     let namespace = client.all::<Namespace>().get("default").await?;
//!     assert!(namespace.metadata.uid.is_some());
//!     Ok(())
//! }
//! ```
//!
//! The parts that decide stand alone, without a server: [`Schema`] reads, prunes, defaults and checks objects,
//! [`patch`] applies patches, [`crd`] judges and compiles custom resources.
#![forbid(unsafe_code)]

pub mod admission;
mod amounts;
pub mod authenticate;
pub mod authorize;
mod cel;
mod conditions;
mod convert;
pub mod crd;
mod discovery;
mod encode;
mod fault;
mod fetch;
mod go_regexp;
mod go_url;
mod health;
pub mod http;
mod json_text;
mod known;
#[cfg(feature = "http")]
pub mod listener;
mod metrics;
mod moment;
mod openapi;
mod ownership;
pub mod patch;
mod pipeline;
mod reader;
mod registry;
mod review;
pub mod schema;
mod server;
mod splice;
mod stored;
mod strategy;
pub mod subresource;
mod table;
pub mod tables;
mod tree;
mod user;
mod watch_cache;
pub mod wire;
mod workplace;
mod zpages;

pub use authorize::Authorizer;
#[cfg(feature = "tls")]
pub use fetch::ClientTls;
#[cfg(feature = "http")]
pub use fetch::HttpFetch;
pub use fetch::{Authorities, Fetch, Route, reviewing};
pub use reader::Reader;
pub use schema::Schema;
pub use server::{Builder, Server};
pub use strategy::{Propagation, Reservation, ServiceRanges, Strategies, Strategy, WriteContext};
pub use tables::Tables;
pub use user::User;

#[cfg(test)]
mod tests;
