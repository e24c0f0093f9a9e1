//! Services, the addresses behind them, and what guards them.

use std::collections::BTreeSet;

use steersman_core::tree::Value;

use super::Subject;
use crate::table::words::{NONE, UNSET, first, labels, or, selector};
use crate::tree::Read;

pub(super) fn service(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    let ports: Vec<String> = spec.items("ports").iter().map(port).collect();
    vec![
        one.name(),
        spec.text("type").into(),
        spec.texts("clusterIPs").next().unwrap_or(NONE).into(),
        external(spec, one.status()).into(),
        or(ports.join(","), NONE).into(),
        one.age(),
        labels(spec.at("selector")).into(),
    ]
}

fn port(port: &Value) -> String {
    let (number, protocol) = (port.int("port").unwrap_or_default(), port.text("protocol"));
    match port.int("nodePort") {
        Some(node @ 1..) => format!("{number}:{node}/{protocol}"),
        _ => format!("{number}/{protocol}"),
    }
}

fn external(spec: &Value, status: &Value) -> String {
    let own: Vec<&str> = spec.texts("externalIPs").collect();
    match spec.text("type") {
        "ClusterIP" | "NodePort" => or(own.join(","), NONE),
        "LoadBalancer" => {
            let balancer = balancer(status);
            let all: Vec<&str> = balancer.iter().map(String::as_str).chain(own).collect();
            or(all.join(","), "<pending>")
        }
        "ExternalName" => spec.text("externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// The addresses of a load balancer, each once and in order.
fn balancer(status: &Value) -> BTreeSet<String> {
    let points = status.at("loadBalancer").items("ingress").iter();
    let address = |point: &Value| or(point.text("ip"), point.text("hostname"));
    points.map(address).filter(|address| !address.is_empty()).collect()
}

pub(super) fn ingress(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    let addresses: Vec<String> = balancer(one.status()).into_iter().collect();
    let ports = if spec.items("tls").is_empty() { "80" } else { "80, 443" };
    vec![
        one.name(),
        spec.at("ingressClassName").as_str().unwrap_or(NONE).into(),
        hosts(spec.items("rules")).into(),
        addresses.join(",").into(),
        ports.into(),
        one.age(),
    ]
}

/// The first three hosts; once there are three, every further rule is counted, whether it has a host or not.
fn hosts(rules: &[Value]) -> String {
    const SHOWN: usize = 3;
    let named = rules.iter().enumerate().filter(|(_, rule)| !rule.text("host").is_empty());
    let shown: Vec<(usize, &str)> = named.map(|(at, rule)| (at, rule.text("host"))).take(SHOWN).collect();
    let text: Vec<&str> = shown.iter().map(|(_, host)| *host).collect();
    match shown.as_slice() {
        [.., (last, _)] if shown.len() == SHOWN && *last + 1 < rules.len() => {
            format!("{} + {} more...", text.join(","), rules.len() - SHOWN)
        }
        _ => or(text.join(","), "*"),
    }
}

pub(super) fn ingress_class(one: &Subject<'_>) -> Vec<Value> {
    let parameters = one.spec().at("parameters");
    let group = parameters.at("apiGroup").as_str().map_or_else(String::new, |group| format!(".{group}"));
    let parameters = match parameters {
        Value::Null => NONE.to_owned(),
        some => format!("{}{group}/{}", some.text("kind"), some.text("name")),
    };
    let name = one.name_of_class(&["ingressclass.kubernetes.io/is-default-class"]);
    vec![name, one.spec().text("controller").into(), parameters.into(), one.age()]
}

pub(super) fn endpoints(one: &Subject<'_>) -> Vec<Value> {
    let subsets = one.object.items("subsets");
    let addresses: Vec<String> = subsets.iter().flat_map(subset).collect();
    let shown = if subsets.is_empty() { NONE.to_owned() } else { first(&addresses) };
    vec![one.name(), shown.into(), one.age()]
}

/// Every address with every port, or alone if there are no ports.
fn subset(subset: &Value) -> Vec<String> {
    let ports = subset.items("ports");
    let addresses = || subset.items("addresses").iter().map(|address| address.text("ip"));
    if ports.is_empty() {
        return addresses().map(str::to_owned).collect();
    }
    let with = |port: i64| {
        move |ip: &str| if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    };
    ports.iter().flat_map(|port| addresses().map(with(port.int("port").unwrap_or_default()))).collect()
}

pub(super) fn endpoint_slice(one: &Subject<'_>) -> Vec<Value> {
    let port = |port: &Value| match (port.int("port"), port.at("name").as_str()) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".to_owned(),
    };
    let ports: Vec<String> = one.object.items("ports").iter().map(port).collect();
    let endpoints = one.object.items("endpoints").iter();
    let addresses: Vec<String> =
        endpoints.flat_map(|endpoint| endpoint.texts("addresses")).map(str::to_owned).collect();
    vec![
        one.name(),
        one.object.text("addressType").into(),
        or(first(&ports), UNSET).into(),
        or(first(&addresses), UNSET).into(),
        one.age(),
    ]
}

pub(super) fn policy(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), selector(one.spec().at("podSelector")).into(), one.age()]
}

pub(super) fn service_cidr(one: &Subject<'_>) -> Vec<Value> {
    let cidrs: Vec<&str> = one.spec().texts("cidrs").collect();
    vec![one.name(), cidrs.join(",").into(), one.age()]
}

pub(super) fn ip_address(one: &Subject<'_>) -> Vec<Value> {
    let parent = match one.spec().at("parentRef") {
        Value::Null => NONE.to_owned(),
        parent => {
            let group = or(parent.text("group"), "");
            let dot = if group.is_empty() { "" } else { "." };
            let resource = format!("{}{dot}{group}", parent.text("resource")).to_lowercase();
            let steps = [resource.as_str(), parent.text("namespace"), parent.text("name")];
            let steps: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
            steps.join("/")
        }
    };
    vec![one.name(), parent.into(), one.age()]
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn hosts_beyond_the_third_are_counted() {
        let rule = |host: &str| json!({ "host": host });
        assert_eq!(hosts(&[rule("a"), rule("b"), rule("c"), rule("d")]), "a,b,c + 1 more...");
        assert_eq!(hosts(&[rule("a"), rule("b"), rule("c")]), "a,b,c");
        assert_eq!(hosts(&[rule("")]), "*");
    }

    #[test]
    fn the_external_addresses_of_a_service_depend_on_its_type() {
        let status = json!({"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}]}});
        let shown =
            |kind: &str, status: &Value| external(&json!({"type": kind, "externalName": "n"}), status);
        assert_eq!(shown("ClusterIP", &status), "<none>");
        assert_eq!(shown("LoadBalancer", &status), "2.2.2.2,h");
        assert_eq!(shown("LoadBalancer", &Value::Null), "<pending>");
        assert_eq!(shown("ExternalName", &status), "n");
    }

    #[test]
    fn every_address_stands_with_every_port() {
        let given = json!({"addresses": [{"ip": "1.1.1.1"}, {"ip": "::1"}], "ports": [{"port": 80}]});
        assert_eq!(subset(&given), ["1.1.1.1:80", "[::1]:80"]);
    }
}
