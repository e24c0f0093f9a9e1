//! A pod's life on a node over a Runtime: the node agent, the pod machine, the runtimes.
#![forbid(unsafe_code)]

mod addresses;
pub mod environment;
pub mod fake;
pub mod pod;

pub use addresses::Subnet;
pub use fake::Fake;
