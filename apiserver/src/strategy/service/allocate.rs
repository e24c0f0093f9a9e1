//! Gives a service its cluster IPs and node ports, and takes them back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use steersman_core::addresses;
use steersman_core::field::{self, Path};
use steersman_core::tree::{Map, Value};

use super::cluster_ips::{self, ClusterIps};
use super::needs;
use super::node_ports::{self, NodePorts};
use super::ranges::ServiceRanges;
use crate::tree::{Fill, Read};

/// The first port that a dry run is given, unless it asks for others, comes after this one.
const BEFORE_DRY_PORTS: i64 = 32_768;

/// Why a service did not get what it asked for.
pub(super) enum Failed {
    /// The service asked for something that it cannot have.
    Field(field::Error),
    /// There is no address left to give.
    Addresses(cluster_ips::Refused),
    /// There is no port to give.
    Ports(String),
    /// An update asks for the same port twice.
    Repeated(String),
}

/// What all services of a server are given from.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) ips: ClusterIps,
    ports: NodePorts,
}

/// What one write has taken; what it would have taken, if it is not to be stored.
#[derive(Debug)]
pub(super) struct Taken {
    pools: Arc<Pools>,
    dry_run: bool,
    ips: Vec<IpAddr>,
    ports: BTreeSet<i64>,
}

impl Pools {
    pub(super) fn new(ranges: &ServiceRanges) -> Arc<Self> {
        Arc::new(Pools { ips: ClusterIps::new(ranges), ports: NodePorts::new(ranges) })
    }

    /// Gives `spec` what it needs and `old` does not hold already. If it fails, nothing stays taken.
    pub(super) fn allocate(
        self: &Arc<Self>,
        spec: &mut Map,
        old: &Value,
        dry_run: bool,
    ) -> Result<Taken, Failed> {
        let mut taken = Taken { pools: self.clone(), dry_run, ips: Vec::new(), ports: BTreeSet::new() };
        match taken.take(spec, old) {
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
        if !self.dry_run {
            self.ips.into_iter().for_each(|ip| self.pools.ips.give_back(ip));
            self.ports.into_iter().for_each(|port| self.pools.ports.give_back(port));
        }
    }

    fn take(&mut self, spec: &mut Map, old: &Value) -> Result<(), Failed> {
        // What has an address keeps it, and what wants none does not get one: a change is refused later.
        if old.is_null() || !needs::cluster_ip(old) {
            self.cluster_ips(spec)?;
        }
        match old.is_null() {
            true => self.first_node_ports(spec)?,
            false => self.next_node_ports(spec, old)?,
        }
        if needs::health_check_port(spec) && !needs::health_check_port(old) {
            self.health_check_port(spec)?;
        }
        Ok(())
    }

    fn cluster_ips(&mut self, spec: &mut Map) -> Result<(), Failed> {
        if !needs::cluster_ip(spec) || needs::headless(spec) {
            return Ok(());
        }
        if spec.items("clusterIPs").is_empty() {
            let ip = self.any_ip().map_err(Failed::Addresses)?;
            spec.put("clusterIP", ip.to_string());
            spec.put("clusterIPs", vec![Value::from(ip.to_string())]);
            return Ok(());
        }
        for ip in spec.texts("clusterIPs") {
            let Some(address) = addresses::parse_ip(ip) else { continue };
            self.ip(address).map_err(|why| {
                let (path, why) = (Path::new("spec"), format!("failed to allocate IP {ip}: {why}"));
                Failed::Field(field::Error::invalid(&path.child("clusterIPs"), spec.at("clusterIPs"), why))
            })?;
        }
        Ok(())
    }

    fn any_ip(&mut self) -> Result<IpAddr, cluster_ips::Refused> {
        if self.dry_run {
            return Ok(self.pools.ips.network());
        }
        let ip = self.pools.ips.take_any()?;
        self.ips.push(ip);
        Ok(ip)
    }

    /// A dry run may ask for an address that another service has; upstream does not look.
    fn ip(&mut self, ip: IpAddr) -> Result<(), cluster_ips::Refused> {
        if self.dry_run {
            return self.pools.ips.check(ip);
        }
        self.pools.ips.take(ip)?;
        self.ips.push(ip);
        Ok(())
    }

    /// The node ports of a new service: ports of equal number (over different protocols) share one.
    fn first_node_ports(&mut self, spec: &mut Map) -> Result<(), Failed> {
        if !needs::node_ports(spec) {
            return Ok(());
        }
        let always = needs::given_node_ports(spec);
        let wanted = wanted(spec);
        let mut given: BTreeMap<i64, i64> = BTreeMap::new();
        for (index, port) in spec.objects_mut("ports").enumerate() {
            let (service_port, own) = (number(port), node_port(port));
            if own == 0 && !always {
                continue;
            }
            let node = match (given.get(&service_port), wanted.get(&service_port)) {
                (Some(shared), _) if own == 0 || own == *shared => *shared,
                (Some(_), _) => self.port(own, index)?,
                (None, Some(wanted)) => self.port(*wanted, index)?,
                (None, None) => self.any_port("a nodePort")?,
            };
            given.entry(service_port).or_insert(node);
            port.put("nodePort", node);
        }
        Ok(())
    }

    /// The node ports of a service that replaces another one, whose ports it may go on using.
    fn next_node_ports(&mut self, spec: &mut Map, old: &Value) -> Result<(), Failed> {
        if !needs::node_ports(spec) {
            return Ok(());
        }
        let always = needs::given_node_ports(spec);
        let mut held: BTreeSet<i64> = old.items("ports").iter().map(node_port).collect();
        let mut given: BTreeSet<(String, i64)> = BTreeSet::new();
        for (index, port) in spec.objects_mut("ports").enumerate() {
            let node = match port.int("nodePort").unwrap_or_default() {
                0 if !always => continue,
                0 => self.any_port("a nodePort")?,
                wanted if held.contains(&wanted) => wanted,
                wanted => self.port(wanted, index)?,
            };
            held.insert(node);
            port.put("nodePort", node);
            let protocol = port.text("protocol").to_owned();
            if !given.insert((protocol.clone(), node)) {
                return Err(Failed::Repeated(format!("duplicate nodePort: {{{protocol} {node}}}")));
            }
        }
        Ok(())
    }

    fn port(&mut self, wanted: i64, index: usize) -> Result<i64, Failed> {
        self.certain_port(wanted).map_err(|why| {
            let spec = Path::new("spec");
            let ports = spec.child("ports");
            let port = ports.index(index);
            Failed::Field(field::Error::invalid(&port.child("nodePort"), wanted, why.to_string()))
        })?;
        Ok(wanted)
    }

    /// A dry run may ask for a port out of the range; upstream does not look.
    fn certain_port(&mut self, port: i64) -> Result<(), node_ports::Refused> {
        match self.dry_run {
            true if self.pools.ports.has(port) || self.ports.contains(&port) => {
                return Err(node_ports::Refused::Taken);
            }
            true => {}
            false => self.pools.ports.take(port)?,
        }
        self.ports.insert(port);
        Ok(())
    }

    fn any_port(&mut self, what: &str) -> Result<i64, Failed> {
        let port = match self.dry_run {
            true => self.ports.last().unwrap_or(&BEFORE_DRY_PORTS) + 1,
            false => {
                let port = self.pools.ports.take_any();
                port.map_err(|why| Failed::Ports(format!("failed to allocate {what}: {why}")))?
            }
        };
        self.ports.insert(port);
        Ok(port)
    }

    fn health_check_port(&mut self, spec: &mut Map) -> Result<(), Failed> {
        match spec.int("healthCheckNodePort").filter(|port| *port != 0) {
            None => {
                let port = self.any_port("a HealthCheck NodePort 0")?;
                spec.put("healthCheckNodePort", port);
                Ok(())
            }
            Some(port) => self.certain_port(port).map_err(|why| {
                let what = "failed to allocate requested HealthCheck NodePort";
                Failed::Ports(format!("{what} {port}: {why}"))
            }),
        }
    }
}

fn number(port: &impl Read) -> i64 {
    port.int("port").unwrap_or_default()
}

fn node_port(port: &impl Read) -> i64 {
    port.int("nodePort").unwrap_or_default()
}

/// By service port, the node port that the first entry asks for which asks for one.
fn wanted(spec: &Map) -> BTreeMap<i64, i64> {
    let ports = spec.items("ports").iter().rev();
    ports.map(|port| (number(port), node_port(port))).filter(|(_, node)| *node != 0).collect()
}

fn held_ips(spec: &Value) -> Vec<IpAddr> {
    if spec.text("type") == "ExternalName" {
        return Vec::new();
    }
    spec.texts("clusterIPs").filter_map(addresses::parse_ip).collect()
}

fn held_ports(spec: &Value) -> Vec<i64> {
    let ports = spec.items("ports").iter().map(node_port);
    ports.chain(spec.int("healthCheckNodePort")).filter(|port| *port != 0).collect()
}
