//! The flags of the recorded kube-controller-manager, and those that a group of scenarios had besides.

use std::time::Duration;

use jiff::SignedDuration;
use steersman::controllers::Defaults;
use steersman::controllers::nodeipam::NodeIpam;
use steersman::controllers::nodelifecycle::NodeLifecycleOptions;
use steersman::controllers::podgc::PodGcOptions;
use steersman::controllers::tokens::Signer;
use steersman::core::tree::{Map, Value};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// How many nodes there are unless a group says otherwise.
const POOL: usize = 12;

/// What the servers ran with.
pub(crate) struct Flags {
    nodes: NodeLifecycleOptions,
    pods: PodGcOptions,
    /// How many nodes there are.
    pub(crate) pool: usize,
}

impl Flags {
    /// Those of all groups, and over them those of a scenario's group; an error names one that is not known here.
    pub(crate) fn with(given: &Map) -> Result<Self, String> {
        let mut flags =
            Flags { nodes: NodeLifecycleOptions::default(), pods: PodGcOptions::default(), pool: POOL };
        flags.nodes.node_monitor_grace_period = Duration::from_secs(8);
        flags.nodes.node_monitor_period = Duration::from_secs(1);
        flags.nodes.node_eviction_rate = 1000.0;
        flags.nodes.secondary_node_eviction_rate = 1000.0;
        for (name, value) in given {
            flags.set(name, value).ok_or_else(|| format!("the flag {name}={value} is not known here"))?;
        }
        Ok(flags)
    }

    fn set(&mut self, name: &str, value: &Value) -> Option<()> {
        let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match name {
            "_pool" => self.pool = text().parse().ok()?,
            "terminated-pod-gc-threshold" => self.pods.terminated_pod_gc_threshold = text().parse().ok()?,
            "node-monitor-period" => self.nodes.node_monitor_period = duration(&text())?,
            "node-monitor-grace-period" => self.nodes.node_monitor_grace_period = duration(&text())?,
            "node-startup-grace-period" => self.nodes.node_startup_grace_period = duration(&text())?,
            "node-eviction-rate" => self.nodes.node_eviction_rate = text().parse().ok()?,
            "secondary-node-eviction-rate" => {
                self.nodes.secondary_node_eviction_rate = text().parse().ok()?;
            }
            "large-cluster-size-threshold" => {
                self.nodes.large_cluster_size_threshold = text().parse().ok()?;
            }
            "unhealthy-zone-threshold" => self.nodes.unhealthy_zone_threshold = text().parse().ok()?,
            // How many work side by side does not show.
            name if name.starts_with("concurrent-") => {}
            _ => return None,
        }
        Some(())
    }

    /// The controllers with these flags.
    pub(crate) fn controllers(&self) -> Defaults {
        let ranges = NodeIpam::new([10, 200, 0, 0].into(), 16, 26).expect("1,024 ranges of 64 addresses");
        Defaults::default()
            .root_ca(CERTIFICATE)
            .token_signer(Signer::new(|_, _| "token".to_owned()))
            .node_cidrs(ranges)
            .node_lifecycle(self.nodes.clone())
            .pod_gc(self.pods.clone())
    }
}

fn duration(text: &str) -> Option<Duration> {
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}
