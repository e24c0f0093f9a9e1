//! Checks the ports of containers.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;

use crate::strategy::checks;
use crate::tree::Read;

/// Checks the ports of one container.
pub(super) fn validate(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let ports = container.items("ports");
    for (index, port) in ports.iter().enumerate() {
        let (path, name) = (at.index(index), port.text("name"));
        if !name.is_empty() {
            let messages = formats::port_name(name);
            if messages.is_empty() && ports[..index].iter().any(|before| before.text("name") == name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
            checks::each(messages, name, &path.child("name"), errors);
        }
        match port.int("containerPort").unwrap_or_default() {
            0 => errors.push(Error::required(&path.child("containerPort"), "")),
            number => checks::port(number, &path.child("containerPort"), errors),
        }
        if let Some(number) = port.int("hostPort") {
            checks::port(number, &path.child("hostPort"), errors);
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        checks::required_one_of(port.text("protocol"), &protocols, &path.child("protocol"), errors);
    }
}

/// Two containers of a pod cannot have the same port of the host.
pub(super) fn host_conflicts(containers: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let mut taken: Vec<(&str, &str, i64)> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let item = at.index(index);
        let path = item.child("ports");
        for (number, port) in container.items("ports").iter().enumerate() {
            let Some(host_port) = port.int("hostPort").filter(|port| *port != 0) else { continue };
            let place = (port.text("protocol"), port.text("hostIP"), host_port);
            if taken.contains(&place) {
                let place = format!("{}/{}/{}", place.0, place.1, place.2);
                errors.push(Error::duplicate(&path.index(number).child("hostPort"), place));
            } else {
                taken.push(place);
            }
        }
    }
}

/// On the host's network a container's port is the host's. In a template it may be left out.
pub(super) fn on_host_network(containers: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, container) in containers.iter().enumerate() {
        let item = at.index(index);
        let path = item.child("ports");
        for (number, port) in container.items("ports").iter().enumerate() {
            let outside = port.int("hostPort").unwrap_or_default();
            if outside != 0 && port.int("containerPort") != Some(outside) {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.push(Error::invalid(&path.index(number).child("hostPort"), outside, why));
            }
        }
    }
}
