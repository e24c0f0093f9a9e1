//! The Kubernetes API server as a library: schemas, registry, request pipeline, watch cache, patches, admission,
//! custom resources.
#![forbid(unsafe_code)]

pub mod admission;
mod reader;
mod strategy;
pub mod subresource;
mod user;

pub use reader::Reader;
pub use strategy::{Propagation, Reservation, ServiceRanges, Strategies, Strategy, WriteContext};
pub use user::User;
