//! Services compiled into proxy rules, and the back ends that enforce them.
//!
//! [`compile()`] is a pure function from services, endpoint slices and the node to a
//! [`RuleTable`](steersman_core::network::RuleTable). [`Proxy`] calls it whenever one of them changes and gives the
//! table to a [`Network`](steersman_core::Network): to [`Table`], which answers where a packet would go, or to
//! [`Userspace`], which listens at the addresses itself and needs no rights to do so.
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
