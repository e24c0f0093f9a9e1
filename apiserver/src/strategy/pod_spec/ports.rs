//! Checks the ports of containers.

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::formats;
use steersman_core::tree::Value;

use super::validate::Holder;
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
        if let Some(number) = port.int("hostPort").filter(|number| *number != 0) {
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
pub(super) fn on_host_network(spec: &Value, holder: Holder<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    if !spec.flag("hostNetwork") {
        return;
    }
    for (index, container) in spec.items("containers").iter().enumerate() {
        let item = at.index(index);
        let path = item.child("ports");
        for (number, port) in container.items("ports").iter().enumerate() {
            let outside = port.int("hostPort").unwrap_or_default();
            let is_told = outside != 0 || holder.is_pod();
            if is_told && port.int("containerPort").unwrap_or_default() != outside {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.push(Error::invalid(&path.index(number).child("hostPort"), outside, why));
            }
        }
    }
}

/// Warns of ports that several containers have, or one has twice.
pub(super) fn warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let (mut warnings, mut known) = (Vec::new(), Vec::new());
    for port in every_port(spec) {
        of_port(&port, &known, at, &mut warnings);
        known.push(port);
    }
    warnings
}

/// Warns of names that several ports have: the first is meant.
pub(super) fn name_warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let (mut warnings, mut known): (_, Vec<Port<'_>>) = (Vec::new(), Vec::new());
    for own in every_port(spec).filter(|own| !own.port.text("name").is_empty()) {
        let name = own.port.text("name");
        match known.iter().find(|other| other.port.text("name") == name) {
            None => known.push(own),
            Some(first) => {
                let (place, first, name) = (own.place(at), first.place(at), quote(name));
                warnings.push(format!(
                    "{place}: duplicate port name {name} with {first}, services and probes that select ports by name will use \
                     {first}"
                ));
            }
        }
    }
    warnings
}

/// A port, and where in the spec it stands.
struct Port<'a> {
    list: &'static str,
    container: usize,
    index: usize,
    port: &'a Value,
}

/// The ports of all containers, those that come first in front.
fn every_port(spec: &Value) -> impl Iterator<Item = Port<'_>> {
    let containers = ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(|list| {
        spec.items(list).iter().enumerate().map(move |(container, holder)| (list, container, holder))
    });
    containers.flat_map(|(list, container, holder)| {
        let ports = holder.items("ports").iter().enumerate();
        ports.map(move |(index, port)| Port { list, container, index, port })
    })
}

impl Port<'_> {
    fn place(&self, at: &Path<'_>) -> String {
        at.child(self.list).index(self.container).child("ports").index(self.index).to_string()
    }
}

fn of_port(own: &Port<'_>, known: &[Port<'_>], at: &Path<'_>, warnings: &mut Vec<String>) {
    let port = own.port;
    if !port.text("hostIP").is_empty() && host_port(port) == 0 {
        warnings.push(format!("{}: hostIP set without hostPort: {}", own.place(at), as_go(port)));
    }
    for other in known.iter().filter(|other| is_same(port, other.port)) {
        if let Some(what) = clash(port, other.port) {
            warnings.push(format!("{}: {what} port definition with {}", own.place(at), other.place(at)));
        }
    }
}

fn is_same(port: &Value, other: &Value) -> bool {
    port.int("containerPort") == other.int("containerPort") && port.text("protocol") == other.text("protocol")
}

fn host_port(port: &Value) -> i64 {
    port.int("hostPort").unwrap_or_default()
}

/// What two definitions of one port are to each other, if anything.
fn clash(port: &Value, other: &Value) -> Option<&'static str> {
    let (own, theirs) = (host_port(port), host_port(other));
    let (ip, other) = (port.text("hostIP"), other.text("hostIP"));
    if own == theirs && ip == other {
        Some("duplicate")
    } else if own == 0 || theirs == 0 {
        Some("overlapping")
    } else if own == theirs && (ip.is_empty() != other.is_empty()) {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

/// A port as Go prints the struct.
fn as_go(port: &Value) -> String {
    let number = port.int("containerPort").unwrap_or_default();
    let (name, protocol, ip) = (port.text("name"), port.text("protocol"), port.text("hostIP"));
    format!(
        "{{Name:{name} HostPort:{} ContainerPort:{number} Protocol:{protocol} HostIP:{ip}}}",
        host_port(port)
    )
}
