//! A pod's life on a node over a Runtime: the node agent, the pod machine, the runtimes.
//!
//! [`pod`] decides what happens to a pod, without I/O and without a clock. The agent behind [`Kubelet`] and [`Fleet`]
//! brings its decisions to a [`Runtime`](steersman_core::Runtime) and its status to the API. [`Fake`] runs nothing;
//! with feature `tokio`, `Process` runs child processes, and probes open connections.
#![forbid(unsafe_code)]

mod addresses;
mod agent;
mod connect;
pub mod environment;
pub mod fake;
mod kubelet;
mod node;
mod options;
pub mod pod;
#[cfg(all(feature = "tokio", target_os = "linux"))]
pub mod process;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod upkeep;

pub use addresses::Subnet;
pub use fake::Fake;
pub use kubelet::{Fleet, Kubelet};
pub use options::KubeletOptions;
#[cfg(all(feature = "tokio", target_os = "linux"))]
pub use process::{Process, ProcessOptions};
