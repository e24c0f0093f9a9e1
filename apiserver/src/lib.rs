//! The Kubernetes API server as a library: schemas, registry, request pipeline, watch cache, patches, admission,
//! custom resources.
#![forbid(unsafe_code)]

pub mod admission;
mod authorize;
mod conditions;
mod convert;
pub mod crd;
mod encode;
mod fault;
pub mod http;
mod moment;
mod ownership;
pub mod patch;
mod pipeline;
mod reader;
mod registry;
pub mod schema;
mod server;
mod strategy;
pub mod subresource;
pub mod tables;
mod tree;
mod user;
mod watch_cache;

pub use authorize::{Access, Authorizer};
pub use reader::Reader;
pub use schema::Schema;
pub use server::{Builder, Server};
pub use strategy::{Propagation, Reservation, ServiceRanges, Strategies, Strategy, WriteContext};
pub use tables::Tables;
pub use user::User;

#[cfg(test)]
mod tests;
