//! Checks the ports of a service.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Value, json};
use steersman_core::{formats, labels, names};

use crate::strategy::{checks, internal};
use crate::tree::Read;

/// Checks each port.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let ports = spec.items("ports");
    for (index, port) in ports.iter().enumerate() {
        check(port, &ports[..index], ports.len() > 1, &at.index(index), errors);
    }
}

fn check(port: &Value, before: &[Value], named: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, path) = (port.text("name"), at.child("name"));
    if named && name.is_empty() {
        errors.push(Error::required(&path, ""));
    } else if !name.is_empty() {
        checks::each(names::dns1123_label(name), name, &path, errors);
        if before.iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path, name));
        }
    }
    checks::port(port.int("port").unwrap_or_default(), &at.child("port"), errors);
    checks::required_one_of(port.text("protocol"), &["SCTP", "TCP", "UDP"], &at.child("protocol"), errors);
    let target = at.child("targetPort");
    match port.at("targetPort").as_str() {
        Some(name) => checks::each(formats::port_name(name), name, &target, errors),
        None => checks::port(port.int("targetPort").unwrap_or_default(), &target, errors),
    }
    if port.has("appProtocol") {
        let protocol = port.text("appProtocol");
        checks::each(labels::qualified_name(protocol), protocol, &at.child("appProtocol"), errors);
    }
}

/// No port and no node port is there twice for a protocol.
pub(super) fn check_unique(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let ports = spec.items("ports");
    if spec.text("type") == "ClusterIP" {
        for (index, _) in ports.iter().enumerate().filter(|(_, port)| port.has("nodePort")) {
            let why = "may not be used when `type` is 'ClusterIP'";
            errors.push(Error::forbidden(&at.index(index).child("nodePort"), why));
        }
    }
    let repeated = |index: usize, field: &str| {
        let (port, key) = (&ports[index], ports[index].int(field));
        let same = |one: &Value| one.int(field) == key && one.text("protocol") == port.text("protocol");
        key.filter(|_| ports[..index].iter().any(same))
    };
    for index in 0..ports.len() {
        if let Some(port) = repeated(index, "nodePort") {
            errors.push(Error::duplicate(&at.index(index).child("nodePort"), port));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        if repeated(index, "port").is_some() {
            let key = json!({"protocol": port.text("protocol"), "port": port.at("port")});
            errors.push(Error::duplicate(&at.index(index), internal::service_port(&key)));
        }
    }
}
