//! CustomResourceDefinitions: their rules, how they are established, and what they make the server serve.
//!
//! Everything here is pure: the server's registry stores what [`establish`] decides and serves what [`compile`] makes.

mod compile;
mod defaults;
mod establish;
mod names;
mod openapi;
mod rules;
mod schemas;
mod strategy;
mod structural;
mod terminate;
mod validations;
mod versions;

pub(crate) use compile::priority;
pub use compile::{Column, ScalePaths, Version, compile};
pub use establish::establish;
pub(crate) use strategy::CustomResourceDefinitions;
pub use terminate::{FINALIZER, set_terminating};

#[cfg(test)]
mod tests;
