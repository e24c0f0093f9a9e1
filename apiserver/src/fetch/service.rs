//! Where a service of the cluster answers: at one of its endpoints; upstream's `ResolveEndpoint`.

use std::sync::Arc;

use steersman_core::tree::Value;
use steersman_core::{Env, Object};

use crate::tree::Read;
use crate::watch_cache::{Collection, Selection};

/// Which service a slice of endpoints is about.
const SERVICE: &str = "kubernetes.io/service-name";

/// The services of the cluster, and what is behind them.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) services: Arc<Collection>,
    pub(crate) slices: Arc<Collection>,
}

impl Services {
    /// The address behind a port of a service, as `host:port`; one of them at random.
    ///
    /// # Errors
    /// Why there is none, in upstream's words.
    pub(super) fn route(&self, env: &Env, namespace: &str, name: &str, port: i64) -> Result<String, String> {
        let service = self.services.get(&format!("{namespace}/{name}"));
        let service = service.ok_or_else(|| format!("service {name:?} not found"))?;
        let port = port_name(&service, port)?;
        let slices = self.slices.list(&Selection::in_namespace(namespace), None, 0).objects;
        let own = slices.iter().filter(|slice| is_of(slice, name)).filter_map(|slice| slice.to_value().ok());
        let mut ready: Vec<String> = own.flat_map(|slice| addresses(&slice, &port)).collect();
        if ready.is_empty() {
            return Err(format!("no endpoints available for service {name:?}"));
        }
        let chosen = env.random_below(ready.len() as u64);
        Ok(ready.swap_remove(usize::try_from(chosen).unwrap_or_default()))
    }
}

/// The name of a port of a service, by which its endpoints know it.
fn port_name(service: &Object, port: i64) -> Result<String, String> {
    let name = service.name();
    let service = service.to_value().map_err(|why| why.to_string())?;
    let spec = service.at("spec");
    if !matches!(spec.text("type"), "ClusterIP" | "LoadBalancer" | "NodePort") {
        return Err(format!("unsupported service type {:?}", spec.text("type")));
    }
    let wanted = spec.items("ports").iter().find(|one| one.int("port") == Some(port));
    let wanted = wanted.ok_or_else(|| format!("no service port {port} found for service {name:?}"))?;
    Ok(wanted.text("name").to_owned())
}

fn is_of(slice: &Object, service: &str) -> bool {
    slice.metadata().labels.get(SERVICE).is_some_and(|name| name == service)
}

/// Where the ready endpoints of a slice answer at the port of that name.
fn addresses(slice: &Value, port: &str) -> Vec<String> {
    let number = slice.items("ports").iter().find(|one| one.text("name") == port);
    let Some(number) = number.and_then(|one| one.int("port")) else { return Vec::new() };
    let is_ready = |endpoint: &&Value| endpoint.at("conditions").at("ready").as_bool().unwrap_or(true);
    let ready = slice.items("endpoints").iter().filter(is_ready);
    let first = ready.filter_map(|endpoint| endpoint.texts("addresses").next());
    first.map(|address| join(address, number)).collect()
}

fn join(address: &str, port: i64) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn what_is_not_ready_does_not_answer() {
        let slice = json!({
            "ports": [{"name": "other", "port": 1}, {"name": "hook", "port": 9443}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": false}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": true}},
                {"addresses": ["fd00::1"]},
            ],
        });
        assert_eq!(addresses(&slice, "hook"), ["10.0.0.2:9443", "[fd00::1]:9443"]);
        assert!(addresses(&slice, "").is_empty());
    }
}
