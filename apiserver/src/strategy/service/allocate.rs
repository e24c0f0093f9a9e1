//! Gives a service its cluster IPs and node ports, and takes them back.

use std::net::IpAddr;
use std::sync::Arc;

use steersman_core::field::{self, Path};
use steersman_core::tree::{Map, Value};

use super::cluster_ips::{self, ClusterIps};
use super::needs::{self, HEADLESS};
use super::node_ports::NodePorts;
use super::ranges::ServiceRanges;
use crate::tree::{Fill, Read};

/// Why a service did not get what it asked for.
pub(super) enum Failed {
    /// The service asked for something that it cannot have.
    Field(field::Error),
    /// There is no address left to give.
    Addresses(cluster_ips::Refused),
    /// There is no port to give.
    Ports(String),
}

/// What all services of a server are given from.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) ips: ClusterIps,
    ports: NodePorts,
}

/// What one write has taken.
#[derive(Debug)]
pub(super) struct Taken {
    pools: Arc<Pools>,
    ips: Vec<IpAddr>,
    ports: Vec<i64>,
}

impl Pools {
    pub(super) fn new(ranges: &ServiceRanges) -> Arc<Self> {
        Arc::new(Pools { ips: ClusterIps::new(ranges), ports: NodePorts::new(ranges) })
    }

    /// Gives `spec` what it needs and `old` does not hold already. If it fails, nothing stays taken.
    pub(super) fn allocate(self: &Arc<Self>, spec: &mut Map, old: &Value) -> Result<Taken, Failed> {
        let mut taken = Taken { pools: self.clone(), ips: Vec::new(), ports: Vec::new() };
        let outcome = taken
            .cluster_ips(spec, &held_ips(old))
            .and_then(|()| taken.node_ports(spec, held_ports(old), old.is_null()))
            .and_then(|()| taken.health_check_port(spec, &held_ports(old)));
        match outcome {
            Ok(()) => Ok(taken),
            Err(failed) => {
                taken.give_back();
                Err(failed)
            }
        }
    }

    /// Gives back what `old` holds and `new` does not.
    pub(super) fn release(&self, old: &Value, new: &Value) {
        let (ips, ports) = (held_ips(new), held_ports(new));
        held_ips(old).into_iter().filter(|ip| !ips.contains(ip)).for_each(|ip| self.ips.give_back(ip));
        held_ports(old)
            .into_iter()
            .filter(|port| !ports.contains(port))
            .for_each(|port| self.ports.give_back(port));
    }

    /// Takes what `spec` holds, as far as it can be had.
    pub(super) fn restore(&self, spec: &Value) {
        for ip in held_ips(spec) {
            // A stored service keeps its address even if two have the same, or the range has changed since.
            let _ = self.ips.take(ip);
        }
        for port in held_ports(spec) {
            let _ = self.ports.take(port);
        }
    }
}

impl Taken {
    /// Gives everything back.
    pub(super) fn give_back(self) {
        self.ips.into_iter().for_each(|ip| self.pools.ips.give_back(ip));
        self.ports.into_iter().for_each(|port| self.pools.ports.give_back(port));
    }

    fn cluster_ips(&mut self, spec: &mut Map, held: &[IpAddr]) -> Result<(), Failed> {
        if !needs::cluster_ip(spec) || spec.text("clusterIP") == HEADLESS {
            return Ok(());
        }
        if spec.items("clusterIPs").is_empty() {
            let ip = self.pools.ips.take_any().map_err(Failed::Addresses)?;
            self.ips.push(ip);
            spec.put("clusterIP", ip.to_string());
            spec.put("clusterIPs", vec![Value::from(ip.to_string())]);
            return Ok(());
        }
        let asked: Vec<IpAddr> = spec.texts("clusterIPs").filter_map(|ip| ip.parse().ok()).collect();
        for ip in asked.into_iter().filter(|ip| !held.contains(ip)) {
            self.pools.ips.take(ip).map_err(|why| {
                let why = format!("failed to allocate IP {ip}: {why}");
                Failed::Field(field::Error::invalid(
                    &Path::new("spec").child("clusterIPs"),
                    spec.at("clusterIPs"),
                    why,
                ))
            })?;
            self.ips.push(ip);
        }
        Ok(())
    }

    /// Ports of equal number (over different protocols) share a node port in a service that is `new`.
    fn node_ports(&mut self, spec: &mut Map, mut held: Vec<i64>, new: bool) -> Result<(), Failed> {
        if !needs::node_ports(spec) {
            return Ok(());
        }
        let always = needs::given_node_ports(spec);
        let asked: Vec<(i64, i64)> =
            spec.items("ports").iter().map(|port| (number(port), node_port(port))).collect();
        let mut given: Vec<(i64, i64)> = Vec::new();
        for (index, port) in spec.objects_mut("ports").enumerate() {
            let (service_port, asked_port) = asked[index];
            let same = given.iter().find(|(port, _)| *port == service_port).map(|(_, node)| *node);
            let shared = same.or_else(|| requested(&asked[index..], service_port)).filter(|_| new);
            let node = match Some(asked_port).filter(|port| *port != 0).or(shared) {
                _ if asked_port == 0 && !always => continue,
                None => self.any_port("a nodePort")?,
                Some(wanted) if held.contains(&wanted) => wanted,
                Some(wanted) => self.port(wanted, index)?,
            };
            held.push(node);
            given.push((service_port, node));
            port.put("nodePort", node);
        }
        Ok(())
    }

    fn port(&mut self, wanted: i64, index: usize) -> Result<i64, Failed> {
        self.pools.ports.take(wanted).map_err(|why| {
            let spec = Path::new("spec");
            let ports = spec.child("ports");
            let port = ports.index(index);
            Failed::Field(field::Error::invalid(&port.child("nodePort"), wanted, why.to_string()))
        })?;
        self.ports.push(wanted);
        Ok(wanted)
    }

    fn any_port(&mut self, what: &str) -> Result<i64, Failed> {
        let port = self.pools.ports.take_any();
        let port = port.map_err(|why| Failed::Ports(format!("failed to allocate {what}: {why}")))?;
        self.ports.push(port);
        Ok(port)
    }

    fn health_check_port(&mut self, spec: &mut Map, held: &[i64]) -> Result<(), Failed> {
        if !needs::health_check_port(spec) {
            return Ok(());
        }
        match spec.int("healthCheckNodePort") {
            None => {
                let port = self.any_port("a HealthCheck NodePort")?;
                spec.put("healthCheckNodePort", port);
            }
            Some(port) if held.contains(&port) => {}
            Some(port) => {
                self.pools.ports.take(port).map_err(|why| {
                    let what = "failed to allocate requested HealthCheck NodePort";
                    Failed::Ports(format!("{what} {port}: {why}"))
                })?;
                self.ports.push(port);
            }
        }
        Ok(())
    }
}

fn number(port: &Value) -> i64 {
    port.int("port").unwrap_or_default()
}

fn node_port(port: &Value) -> i64 {
    port.int("nodePort").unwrap_or_default()
}

/// The node port that a later entry for the same port asks for.
fn requested(ports: &[(i64, i64)], service_port: i64) -> Option<i64> {
    ports.iter().find(|(port, node)| *port == service_port && *node != 0).map(|(_, node)| *node)
}

fn held_ips(spec: &Value) -> Vec<IpAddr> {
    if spec.text("type") == "ExternalName" {
        return Vec::new();
    }
    spec.texts("clusterIPs").filter_map(|ip| ip.parse().ok()).collect()
}

fn held_ports(spec: &Value) -> Vec<i64> {
    let ports = spec.items("ports").iter().map(node_port);
    ports.chain(spec.int("healthCheckNodePort")).filter(|port| *port != 0).collect()
}
