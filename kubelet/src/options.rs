//! How a kubelet presents its node, and how often it does what.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Options of a kubelet. The defaults are upstream's where upstream has any.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubeletOptions {
    /// What the node has, all of it for pods. Default: 8 CPUs, 32Gi of memory, 100Gi of ephemeral storage, 110 pods.
    pub capacity: BTreeMap<String, Quantity>,
    /// Labels that the node is registered with, besides those of host name, system and architecture.
    pub labels: BTreeMap<String, String>,
    /// Taints that the node is registered with.
    pub taints: Vec<Taint>,
    /// The node's addresses, the preferred family first. Default: 127.0.0.1.
    pub addresses: Vec<IpAddr>,
    /// The port at which the kubelet itself answers (logs, commands), if it does. Default: none.
    pub port: Option<u16>,
    /// How often the node's status is looked at, and written if it has changed. Default: 10 s.
    pub status_period: Duration,
    /// How often the node's status is written though it has not changed. Default: 5 min.
    pub report_period: Duration,
    /// For how long a renewal of the node's lease counts; it is renewed four times as often. Default: 40 s.
    pub lease_duration: Duration,
    /// How often the runtime is asked for everything it runs, for events that were lost. Default: 5 min.
    pub relist_period: Duration,
    /// The wait before a container that failed a second time is started again. Default: 10 s.
    pub backoff: Duration,
    /// The longest such wait. Default: 5 min.
    pub longest_backoff: Duration,
}

impl Default for KubeletOptions {
    fn default() -> Self {
        let capacity = [("cpu", "8"), ("memory", "32Gi"), ("ephemeral-storage", "100Gi"), ("pods", "110")];
        KubeletOptions {
            capacity: capacity.map(|(name, value)| (name.to_owned(), Quantity(value.to_owned()))).into(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: None,
            status_period: Duration::from_secs(10),
            report_period: Duration::from_secs(300),
            lease_duration: Duration::from_secs(40),
            relist_period: Duration::from_secs(300),
            backoff: Duration::from_secs(10),
            longest_backoff: Duration::from_secs(300),
        }
    }
}

impl KubeletOptions {
    /// The same, with so much of a resource.
    #[must_use]
    pub fn capacity(mut self, resource: &str, quantity: &str) -> Self {
        self.capacity.insert(resource.to_owned(), Quantity(quantity.to_owned()));
        self
    }

    /// The same, with a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same, for a kubelet that answers at that port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The same, with these addresses.
    #[must_use]
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = addresses.into_iter().collect();
        self
    }
}
