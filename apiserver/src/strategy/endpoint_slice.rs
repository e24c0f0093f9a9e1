//! EndpointSlices: addresses of one type, ports, hints.

use std::net::IpAddr;

use serde_json::Value;
use steersman_core::addresses;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::service::Reach;
use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The most of each that a slice may hold.
const MOST_ADDRESSES: usize = 100;
const MOST_ENDPOINTS: usize = 1000;
const MOST_HINTS: usize = 8;
const MOST_PORTS: usize = 20_000;

/// The strategy of endpoint slices, whose addresses must reach this far.
pub(super) struct EndpointSlices {
    pub(super) reach: Reach,
}

impl Strategy for EndpointSlices {
    fn default(&self, object: &mut Value) {
        for port in fields(object).objects_mut("ports") {
            port.fill("name", "");
            port.fill("protocol", "TCP");
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let kind = object.text("addressType");
        checks::required_one_of(kind, &["FQDN", "IPv4", "IPv6"], &Path::new("addressType"), &mut errors);
        let (at, endpoints) = (Path::new("endpoints"), object.items("endpoints"));
        if endpoints.len() > MOST_ENDPOINTS {
            errors.push(Error::too_many(&at, endpoints.len(), MOST_ENDPOINTS));
            return errors;
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            check_endpoint(endpoint, kind, self.reach, &at.index(index), &mut errors);
        }
        check_ports(object.items("ports"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object, old, "addressType", &Path::ROOT, &mut errors);
        errors
    }

    /// Labels count here, beside all that is no metadata.
    fn counts_change(&self, object: &Value, old: &Value) -> Option<bool> {
        let labels = |tree: &Value| tree.at("metadata").at("labels").clone();
        (labels(object) != labels(old)).then_some(true)
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let names = object.text("addressType") == "FQDN";
        names.then(|| "spec.addressType: FQDN endpoints are deprecated".to_owned()).into_iter().collect()
    }
}

fn check_endpoint(endpoint: &Value, kind: &str, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, list) = (at.child("addresses"), endpoint.items("addresses"));
    if list.is_empty() {
        errors.push(Error::required(&path, "must contain at least 1 address"));
    } else if list.len() > MOST_ADDRESSES {
        errors.push(Error::too_many(&path, list.len(), MOST_ADDRESSES));
    }
    if list.len() <= MOST_ADDRESSES {
        for (index, address) in endpoint.texts("addresses").enumerate() {
            check_address(address, kind, reach, &path.index(index), &path, errors);
        }
    }
    let (node, host) = (endpoint.text("nodeName"), endpoint.text("hostname"));
    if endpoint.has("nodeName") {
        checks::each(names::dns1123_subdomain(node), node, &at.child("nodeName"), errors);
    }
    checks::labels(endpoint.at("deprecatedTopology"), &at.child("deprecatedTopology"), errors);
    if endpoint.has("hostname") {
        checks::each(names::dns1123_label(host), host, &at.child("hostname"), errors);
    }
    let hints = at.child("hints");
    check_hints(endpoint.at("hints"), &hints, errors);
}

fn check_address(
    address: &str,
    kind: &str,
    reach: Reach,
    path: &Path<'_>,
    list: &Path<'_>,
    errors: &mut ErrorList,
) {
    if kind == "FQDN" {
        checks::each(names::dns1123_subdomain(address), address, path, errors);
        return;
    }
    if !matches!(kind, "IPv4" | "IPv6") {
        return;
    }
    errors.extend(addresses::validate_ip(address, path));
    match (addresses::parse_ip(address), kind) {
        (Some(IpAddr::V6(_)), "IPv4") => {
            errors.push(Error::invalid(list, address, "must be an IPv4 address"))
        }
        (Some(IpAddr::V4(_)), "IPv6") => {
            errors.push(Error::invalid(list, address, "must be an IPv6 address"))
        }
        (Some(ip), _) => errors.extend(reach.refuses(ip).map(|why| Error::invalid(path, address, why))),
        (None, _) => {}
    }
}

fn check_hints(hints: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, zones) = (at.child("forZones"), hints.items("forZones"));
    if zones.len() > MOST_HINTS {
        errors.push(Error::too_many(&path, zones.len(), MOST_HINTS));
        return;
    }
    for (index, zone) in zones.iter().enumerate() {
        let (item, name) = (path.index(index), zone.text("name"));
        if zones[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item.child("name"), name));
        } else {
            checks::each(steersman_core::labels::label_value(name), name, &item.child("name"), errors);
        }
    }
}

fn check_ports(ports: &[Value], errors: &mut ErrorList) {
    let at = Path::new("ports");
    if ports.len() > MOST_PORTS {
        errors.push(Error::too_many(&at, ports.len(), MOST_PORTS));
        return;
    }
    for (index, port) in ports.iter().enumerate() {
        let (item, name) = (at.index(index), port.text("name"));
        if !name.is_empty() {
            checks::each(names::dns1123_label(name), name, &item.child("name"), errors);
        }
        if ports[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&item.child("name"), name));
        }
        checks::required_one_of(
            port.text("protocol"),
            &["SCTP", "TCP", "UDP"],
            &item.child("protocol"),
            errors,
        );
        if port.has("appProtocol") {
            let (protocol, path) = (port.text("appProtocol"), item.child("appProtocol"));
            checks::each(steersman_core::labels::qualified_name(protocol), protocol, &path, errors);
        }
    }
}
