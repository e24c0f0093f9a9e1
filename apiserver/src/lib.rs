//! The Kubernetes API server as a library: schemas, registry, request pipeline, watch cache, patches, admission,
//! custom resources.
#![forbid(unsafe_code)]

pub mod admission;
pub mod patch;
mod reader;
pub mod schema;
mod strategy;
pub mod subresource;
pub mod tables;
mod tree;
mod user;

pub use reader::Reader;
pub use schema::Schema;
pub use strategy::{Propagation, Reservation, ServiceRanges, Strategies, Strategy, WriteContext};
pub use tables::Tables;
pub use user::User;
