//! Endpoints: addresses and ports.

use steersman_core::addresses;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::service::Reach;
use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// Who makes the endpoints of services.
const CONTROLLER: &str = "endpoint-controller";

/// The strategy of endpoints.
pub(super) struct EndpointsObjects {
    pub(super) reach: Reach,
}

impl Strategy for EndpointsObjects {
    fn default(&self, object: &mut Value) {
        for subset in fields(object).objects_mut("subsets") {
            subset.objects_mut("ports").for_each(|port| port.fill("protocol", "TCP"));
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let at = Path::new("subsets");
        for (index, subset) in object.items("subsets").iter().enumerate() {
            check_subset(subset, self.reach, &at.index(index), &mut errors);
        }
        errors
    }

    /// Subsets that do not change stay as they are.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let changes = object.at("subsets") != old.at("subsets");
        if changes { self.validate(object) } else { ErrorList::new() }
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let deprecated =
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned();
        std::iter::once(deprecated).chain(address_warnings(object)).collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }
}

/// The controller of endpoints is known to write addresses in the usual form.
fn address_warnings(object: &Value) -> Vec<String> {
    let manager = object.at("metadata").at("labels").text("endpoints.kubernetes.io/managed-by");
    let (mut warnings, at) = (Vec::new(), Path::new("subsets"));
    for (index, subset) in object.items("subsets").iter().enumerate().filter(|_| manager != CONTROLLER) {
        let subset_at = at.index(index);
        for list in ["addresses", "notReadyAddresses"] {
            let path = subset_at.child(list);
            let indexed = subset.items(list).iter().enumerate();
            warnings.extend(indexed.filter_map(|(index, address)| {
                addresses::warn_of_ip(address.text("ip"), &path.index(index).child("ip"))
            }));
        }
    }
    warnings
}

fn check_subset(subset: &Value, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let lists = ["addresses", "notReadyAddresses"];
    if lists.iter().all(|list| subset.items(list).is_empty()) {
        errors.push(Error::required(at, "must specify `addresses` or `notReadyAddresses`"));
    }
    for list in lists {
        let path = at.child(list);
        for (index, address) in subset.items(list).iter().enumerate() {
            check_address(address, reach, &path.index(index), errors);
        }
    }
    let (path, ports) = (at.child("ports"), subset.items("ports"));
    for (index, port) in ports.iter().enumerate() {
        check_port(port, ports.len() > 1, &path.index(index), errors);
    }
}

fn check_address(address: &Value, reach: Reach, at: &Path<'_>, errors: &mut ErrorList) {
    let (ip, path) = (address.text("ip"), at.child("ip"));
    errors.extend(addresses::validate_ip(ip, &path));
    let (host, node) = (address.text("hostname"), address.text("nodeName"));
    if !host.is_empty() {
        checks::each(names::dns1123_label(host), host, &at.child("hostname"), errors);
    }
    if address.has("nodeName") {
        checks::each(names::dns1123_subdomain(node), node, &at.child("nodeName"), errors);
    }
    match addresses::parse_ip(ip) {
        Some(parsed) => errors.extend(reach.refuses(parsed).map(|why| Error::invalid(&path, ip, why))),
        None => errors.push(Error::invalid(&path, ip, "must be a valid IP address")),
    }
}

fn check_port(port: &Value, must_have_name: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let name = port.text("name");
    if must_have_name && name.is_empty() {
        errors.push(Error::required(&at.child("name"), ""));
    } else if !name.is_empty() {
        checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
    }
    checks::port(port.int("port").unwrap_or_default(), &at.child("port"), errors);
    checks::required_one_of(port.text("protocol"), &["SCTP", "TCP", "UDP"], &at.child("protocol"), errors);
    let protocol = port.text("appProtocol");
    if port.has("appProtocol") {
        checks::each(
            steersman_core::labels::qualified_name(protocol),
            protocol,
            &at.child("appProtocol"),
            errors,
        );
    }
}
