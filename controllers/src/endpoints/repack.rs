//! Packs addresses into subsets: addresses that have the same ports share one.
//!
//! The counterpart of upstream's `RepackSubsets`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset};

/// Where an address is listed, and whether as ready.
type Listed = BTreeMap<usize, bool>;

/// Subsets that say the same as `subsets`, each address in one of them where that can be. What is ready and unready
/// at the same port is unready.
pub(crate) fn repack(subsets: Vec<EndpointSubset>) -> Vec<EndpointSubset> {
    let mut addresses = Addresses::default();
    // First who has a port, then which ports the same addresses have.
    let mut by_port: BTreeMap<PortKey, (Option<EndpointPort>, Listed)> = BTreeMap::new();
    for EndpointSubset { addresses: ready, not_ready_addresses: unready, ports } in subsets {
        let ready = ready.into_iter().flatten().map(|address| (address, true));
        let unready = unready.into_iter().flatten().map(|address| (address, false));
        let all: Vec<(usize, bool)> =
            ready.chain(unready).map(|(address, ready)| (addresses.place(address), ready)).collect();
        let ports = ports.unwrap_or_default().into_iter().map(Some);
        let mut ports: Vec<Option<EndpointPort>> = ports.collect();
        if ports.is_empty() {
            ports.push(None);
        }
        for port in ports {
            let listed = &mut by_port.entry(key(port.as_ref())).or_insert((port, Listed::new())).1;
            for (address, ready) in &all {
                *listed.entry(*address).or_insert(true) &= ready;
            }
        }
    }
    let mut by_addresses: BTreeMap<Vec<(usize, bool)>, Vec<EndpointPort>> = BTreeMap::new();
    for (port, listed) in by_port.into_values() {
        by_addresses.entry(listed.into_iter().collect()).or_default().extend(port);
    }
    by_addresses.into_iter().map(|(listed, ports)| addresses.subset(&listed, ports)).collect()
}

/// What makes two ports the same; `None` stands for having no ports.
type PortKey = Option<(Option<String>, i32, Option<String>, Option<String>)>;

fn key(port: Option<&EndpointPort>) -> PortKey {
    port.map(|port| (port.name.clone(), port.port, port.protocol.clone(), port.app_protocol.clone()))
}

/// The addresses, each once: by the IP and by the uid of what it belongs to.
#[derive(Default)]
struct Addresses {
    all: Vec<EndpointAddress>,
    places: BTreeMap<(String, Option<String>), usize>,
}

impl Addresses {
    fn place(&mut self, address: EndpointAddress) -> usize {
        let uid = address.target_ref.as_ref().and_then(|reference| reference.uid.clone());
        *self.places.entry((address.ip.clone(), uid)).or_insert_with(|| {
            self.all.push(address);
            self.all.len() - 1
        })
    }

    fn subset(&self, listed: &[(usize, bool)], ports: Vec<EndpointPort>) -> EndpointSubset {
        let of = |wanted: bool| {
            let wanted = listed.iter().filter(|(_, ready)| *ready == wanted);
            wanted.map(|(index, _)| self.all[*index].clone()).collect()
        };
        EndpointSubset { addresses: Some(of(true)), not_ready_addresses: Some(of(false)), ports: Some(ports) }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    #[test]
    fn what_has_the_same_ports_shares_a_subset_and_unready_wins() {
        let cases = [
            (
                json!([
                    {"addresses": [{"ip": "1"}], "ports": [{"port": 80}]},
                    {"addresses": [{"ip": "1"}], "ports": [{"port": 81}]}
                ]),
                "1|:80,81",
            ),
            (
                json!([
                    {"addresses": [{"ip": "1"}], "ports": [{"port": 80}]},
                    {"addresses": [{"ip": "2"}], "notReadyAddresses": [{"ip": "1"}], "ports": [{"port": 80}]}
                ]),
                "2|1:80",
            ),
            (
                json!([
                    {"addresses": [{"ip": "1"}, {"ip": "2"}], "ports": [{"port": 80}]},
                    {"addresses": [{"ip": "1"}], "ports": [{"port": 81}]}
                ]),
                "1|:81 1,2|:80",
            ),
            (
                json!([{"addresses": [{"ip": "1"}]}, {"addresses": [{"ip": "1"}], "ports": [{"port": 81}]}]),
                "1|:81",
            ),
            (json!([{"addresses": [{"ip": "1"}]}]), "1|:"),
        ];
        for (subsets, expected) in cases {
            let subsets = steersman_core::tree::from_value(subsets).unwrap();
            let told: Vec<String> = repack(subsets).iter().map(tell).collect();
            assert_eq!(told.join(" "), expected);
        }
    }

    fn tell(subset: &EndpointSubset) -> String {
        let subset = steersman_core::tree::to_value(subset).unwrap();
        let list = |list: &Value, field: &str| {
            let texts = list.as_array().unwrap().iter().map(|one| one[field].to_string().replace('"', ""));
            texts.collect::<Vec<_>>().join(",")
        };
        format!(
            "{}|{}:{}",
            list(&subset["addresses"], "ip"),
            list(&subset["notReadyAddresses"], "ip"),
            list(&subset["ports"], "port")
        )
    }
}
