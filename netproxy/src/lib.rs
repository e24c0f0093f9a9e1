//! Services compiled into proxy rules, and the back ends that enforce them.
//!
//! [`compile()`] is a pure function from services, endpoint slices and the node to a
//! [`RuleTable`](steersman_core::network::RuleTable). [`Proxy`] calls it whenever one of them changes and gives the
//! table to a [`Network`](steersman_core::Network): to [`Table`], which answers where a packet would go, or to
//! [`Userspace`], which listens at the addresses itself and needs no rights to do so.
//!
//! ```
//! use steersman_core::k8s_openapi::api::core::v1::Service;
//! use steersman_core::network::Action;
//! use steersman_netproxy::{NodeTopology, compile};
//!
//! let service: Service = steersman_core::tree::from_value(steersman_core::tree::json!({
//!     "metadata": {"name": "web", "namespace": "default"},
//!     "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80}]},
//! }))?;
//! let table = compile([&service], [], &NodeTopology::named("node-1"));
//! assert_eq!(table.rules[0].from_node, Action::Reject, "there is no endpoint");
//! # Ok::<(), serde_json::Error>(())
//! ```
#![forbid(unsafe_code)]

mod affinity;
pub mod compile;
pub mod proxy;
pub mod table;
#[cfg(feature = "tokio")]
pub mod userspace;

pub use compile::{NodeTopology, compile};
pub use proxy::Proxy;
pub use table::Table;
#[cfg(feature = "tokio")]
pub use userspace::Userspace;
