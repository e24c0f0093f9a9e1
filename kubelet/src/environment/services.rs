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
    let name = variable_name(service.metadata.name.as_deref().unwrap_or_default());
    let mut variables = vec![
        (format!("{name}_SERVICE_HOST"), ip.to_owned()),
        (format!("{name}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|port_name| !port_name.is_empty()) {
            let port_name = variable_name(port_name);
            variables.push((format!("{name}_SERVICE_PORT_{port_name}"), port.port.to_string()));
        }
    }
    variables.push((format!("{name}_PORT"), url(first, ip)));
    variables.extend(ports.iter().flat_map(|port| of_port(&name, port, ip)));
    variables
}

fn of_port(name: &str, port: &ServicePort, ip: &str) -> [(String, String); 4] {
    let prefix = format!("{name}_PORT_{}_{}", port.port, protocol(port).to_uppercase());
    [
        (prefix.clone(), url(port, ip)),
        (format!("{prefix}_PROTO"), protocol(port)),
        (format!("{prefix}_PORT"), port.port.to_string()),
        (format!("{prefix}_ADDR"), ip.to_owned()),
    ]
}

fn url(port: &ServicePort, ip: &str) -> String {
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    format!("{}://{host}:{}", protocol(port), port.port)
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().unwrap_or("TCP").to_lowercase()
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}
