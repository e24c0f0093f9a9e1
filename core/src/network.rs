//! The seam under the service proxy: a table of rules that says where packets to services go.
//!
//! The table is the whole truth: whoever enforces it needs no history, and may be given the same table again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::addresses::Cidr;

/// Enforces service rules on one node: in the kernel, with sockets of its own, or as an answer to questions.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Puts `table` in force, in place of the one before.
    ///
    /// May be repeated, also with the same table; calls do not overlap. Connections that were made under an earlier
    /// table live on, whatever this one says. After an error every rule that the error does not name is in force, and
    /// what [`NetworkError::is_retryable`] says of it is worth another try with the same table.
    async fn apply(&self, table: &RuleTable) -> Result<(), NetworkError>;
}

/// Where packets to services go, as seen from one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTable {
    /// The rules, ordered by [`Rule::frontend`], each of which is there once.
    pub rules: Vec<Rule>,
}

/// What happens to packets to one address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The packets that are meant.
    pub frontend: Frontend,
    /// The port of the service that the rule was made for.
    pub service: ServicePortName,
    /// What happens to packets that come from this node, or from pods on it.
    pub from_node: Action,
    /// What happens to packets that come from elsewhere.
    pub from_elsewhere: Action,
    /// How long packets of one client go to the same backend, counted from the last one; `None` if they need not.
    pub affinity: Option<Duration>,
    /// The addresses that may send at all, where not all may; packets of others are dropped.
    pub sources: Option<Vec<Cidr>>,
}

/// An address that a service is reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    /// The address.
    pub address: Address,
    /// The port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// The address part of a [`Frontend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// The cluster IP of a service.
    Cluster(IpAddr),
    /// An address that the service names and somebody routes to the nodes.
    External(IpAddr),
    /// An address of a load balancer that delivers packets unchanged.
    LoadBalancer(IpAddr),
    /// Every address of the node in this family: a node port.
    Node(IpFamily),
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The protocol of a service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// The port of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePortName {
    /// The namespace of the service.
    pub namespace: String,
    /// The name of the service.
    pub name: String,
    /// The name of the port; empty for the only port of a service.
    pub port: String,
}

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It goes to one of these, each as likely as the others; never empty. Rules for the same endpoints share them.
    Forward(Arc<[Backend]>),
    /// Its sender is told that nobody is there.
    Reject,
    /// It disappears.
    Drop,
}

/// Somebody who answers for a service: most often a port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backend {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Whether it is on this node.
    pub local: bool,
}

/// What a network can fail with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Some rules are not in force; all others are.
    #[error("{} rules are not in force; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Incomplete(Vec<Refusal>),
    /// The table is not in force, and the one before may or may not be.
    #[error("the rules could not be applied: {0}")]
    Failed(String),
}

/// A rule that is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{frontend:?} of {}/{}: {why}", service.namespace, service.name)]
pub struct Refusal {
    /// The rule's frontend.
    pub frontend: Frontend,
    /// The rule's service.
    pub service: ServicePortName,
    /// Why it is not in force.
    pub why: String,
    /// Whether that may be otherwise another time; not so for what is never supported.
    pub retryable: bool,
}

impl NetworkError {
    /// Whether another try with the same table may do better.
    pub fn is_retryable(&self) -> bool {
        match self {
            NetworkError::Incomplete(refusals) => refusals.iter().any(|refusal| refusal.retryable),
            NetworkError::Failed(_) => true,
        }
    }
}

impl IpFamily {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => IpFamily::V4,
            IpAddr::V6(_) => IpFamily::V6,
        }
    }
}

impl Protocol {
    /// The protocol as objects spell it; TCP is what no protocol means.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("" | "TCP") => Some(Protocol::Tcp),
            Some("UDP") => Some(Protocol::Udp),
            Some("SCTP") => Some(Protocol::Sctp),
            Some(_) => None,
        }
    }
}
