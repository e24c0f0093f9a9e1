//! A pod's life on a node over a Runtime: the node agent, the pod machine, the runtimes.
//!
//! [`pod`] decides what happens to a pod, without I/O and without a clock. The agent behind [`Kubelet`] and [`Fleet`]
//! brings its decisions to a [`Runtime`](steersman_core::Runtime) and its status to the API. [`Fake`] runs nothing;
//! with feature `tokio`, `Process` runs child processes, and probes open connections.
//!
//! ```
//! use std::sync::Arc;
//!
//! use steersman_core::k8s_openapi::api::core::v1::Pod;
//! use steersman_kubelet::pod::{Command, Input, PodMachine, PodSettings};
//!
//! let pod: Pod = steersman_core::tree::from_value(steersman_core::tree::json!({
//!     "metadata": {"name": "web", "namespace": "default", "uid": "1"},
//!     "spec": {"containers": [{"name": "web", "image": "web:1"}]},
//! }))?;
//! let now = "2026-01-01T00:00:00Z".parse()?;
//! let mut machine = PodMachine::new(Arc::new(pod), Arc::new(PodSettings::default()), now);
//!
//! // The runtime has nothing of this pod, and the pod has no volumes to wait for.
//! machine.handle(Input::Vanished, now);
//! assert_eq!(machine.next_command(), Some(Command::StartSandbox { attempt: 0 }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod addresses;
mod agent;
mod connect;
mod endpoint;
pub mod environment;
pub mod fake;
mod kubelet;
mod log;
mod node;
mod options;
pub mod pod;
mod privileges;
#[cfg(all(feature = "tokio", target_os = "linux"))]
pub mod process;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod upkeep;

pub use addresses::Subnet;
pub use endpoint::Endpoint;
pub use fake::Fake;
pub use kubelet::{Fleet, Kubelet};
pub use options::KubeletOptions;
#[cfg(all(feature = "tokio", target_os = "linux"))]
pub use process::{Process, ProcessOptions};
