//! CustomResourceDefinitions: their rules, how they are established, and what they make the server serve.
//!
//! Everything here is pure: the server's registry stores what [`establish`] decides and serves what [`compile`] makes.

mod approval;
mod budget;
mod bundle;
mod compile;
mod converter;
mod declare;
mod defaults;
mod establish;
mod expressions;
mod field_path;
mod names;
mod openapi;
mod rule;
mod rules;
mod scale;
mod schemas;
mod strategy;
mod structural;
mod terminate;
mod validations;
mod validator;
mod versions;
mod webhook;

pub(crate) use compile::priority;
pub use compile::{Column, Version, compile};
pub use converter::Converter;
pub(crate) use converter::{Conversion, Convert};
pub use establish::establish;
pub use scale::ScalePaths;
pub(crate) use strategy::CustomResourceDefinitions;
pub use terminate::{FINALIZER, set_terminating};
pub(crate) use validator::{Findings, Validator};
pub(crate) use webhook::ConversionWebhook;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod validator_tests;
