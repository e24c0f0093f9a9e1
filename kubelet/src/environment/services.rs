//! The variables that tell a container where Services are.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};

use super::namespace;

/// The variables of the Services that the pod is linked to: those of its namespace, unless `enableServiceLinks` is
/// false, and `kubernetes` of the namespace `default`, always.
pub(super) fn variables(pod: &Pod, services: &[Arc<Service>]) -> Vec<(String, String)> {
    let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
    let is_linked = |service: &&Arc<Service>| {
        let metadata = &service.metadata;
        let is_master = metadata.name.as_deref() == Some("kubernetes")
            && metadata.namespace.as_deref() == Some("default");
        is_master || links && metadata.namespace.as_deref() == Some(namespace(pod))
    };
    services.iter().filter(is_linked).flat_map(|service| of_service(service)).collect()
}

fn of_service(service: &Service) -> Vec<(String, String)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports = spec.ports.as_deref().unwrap_or_default();
    let (false, Some(first)) = (ip.is_empty() || ip == "None", ports.first()) else { return Vec::new() };
    let name = &*variable_name(service.metadata.name.as_deref().unwrap_or_default());
    let mut variables = Vec::with_capacity(3 + 5 * ports.len());
    variables.push(([name, "_SERVICE_HOST"].concat(), ip.to_owned()));
    variables.push(([name, "_SERVICE_PORT"].concat(), first.port.to_string()));
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|port_name| !port_name.is_empty()) {
            let port_name = variable_name(port_name);
            variables.push(([name, "_SERVICE_PORT_", &port_name].concat(), port.port.to_string()));
        }
    }
    variables.push(([name, "_PORT"].concat(), url(&protocol(first), ip, &first.port.to_string())));
    variables.extend(ports.iter().flat_map(|port| of_port(name, port, ip)));
    variables
}

fn of_port(name: &str, port: &ServicePort, ip: &str) -> [(String, String); 4] {
    let (protocol, number) = (protocol(port), port.port.to_string());
    let prefix = [name, "_PORT_", &number, "_", &protocol.to_uppercase()].concat();
    let named = |part: &str| [&*prefix, part].concat();
    let url = url(&protocol, ip, &number);
    [
        (prefix.clone(), url),
        (named("_PROTO"), protocol),
        (named("_PORT"), number),
        (named("_ADDR"), ip.to_owned()),
    ]
}

fn url(protocol: &str, ip: &str, port: &str) -> String {
    let (open, close) = if ip.contains(':') { ("[", "]") } else { ("", "") };
    [protocol, "://", open, ip, close, ":", port].concat()
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().unwrap_or("TCP").to_lowercase()
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}
