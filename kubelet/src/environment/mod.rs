//! Resolves a container's environment variables, command and arguments, as the pod's spec describes them.
//!
//! Pure: what a variable refers to is handed in as [`Sources`]. See
//! <https://kubernetes.io/docs/tasks/inject-data-application/>.

mod expand;
mod fields;
mod resources;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvFromSource, EnvVar, EnvVarSource, Pod, Secret, Service,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

pub use expand::expand;

/// What variables may refer to.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The pod's addresses.
    pub pod_ips: &'a [IpAddr],
    /// The node's addresses.
    pub host_ips: &'a [IpAddr],
    /// What the node has for pods: the limit of a container that states none.
    pub allocatable: &'a BTreeMap<String, Quantity>,
    /// The Services of the pod's namespace, and `kubernetes` of the namespace `default`.
    pub services: &'a [Arc<Service>],
    /// The ConfigMaps of the pod's namespace that are referred to and exist.
    pub config_maps: BTreeMap<String, Arc<ConfigMap>>,
    /// The Secrets of the pod's namespace that are referred to and exist.
    pub secrets: BTreeMap<String, Arc<Secret>>,
}

/// A container's process, resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The variables, in order; a later one of the same name wins.
    pub env: Vec<(String, String)>,
    /// `command`, with references replaced.
    pub command: Vec<String>,
    /// `args`, with references replaced.
    pub args: Vec<String>,
}

/// The names of what a container's variables refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// ConfigMaps.
    pub config_maps: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeSet<String>,
}

/// The ConfigMaps and Secrets that a container's variables refer to.
pub fn references(container: &Container) -> References {
    let mut references = References::default();
    for source in container.env_from.iter().flatten() {
        references.config_maps.extend(source.config_map_ref.iter().map(|source| source.name.clone()));
        references.secrets.extend(source.secret_ref.iter().map(|source| source.name.clone()));
    }
    for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        references.config_maps.extend(source.config_map_key_ref.iter().map(|source| source.name.clone()));
        references.secrets.extend(source.secret_key_ref.iter().map(|source| source.name.clone()));
    }
    references
}

/// Resolves a container's process; fails with the sentence that the pod's status shows.
pub fn resolve(container: &Container, sources: &Sources<'_>) -> Result<Process, String> {
    let services = services::variables(sources.pod, sources.services);
    let mut env: Vec<(String, String)> = Vec::new();
    for source in container.env_from.iter().flatten() {
        from_all_keys(source, sources, &mut env)?;
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(variable, container, sources, &env, &services)? {
            env.push((variable.name.clone(), value));
        }
    }
    let lookup = |name: &str| find(&env, name).or_else(|| find(&services, name));
    let expand_all = |texts: &Option<Vec<String>>| -> Vec<String> {
        texts.iter().flatten().map(|text| expand(text, lookup)).collect()
    };
    let (command, args) = (expand_all(&container.command), expand_all(&container.args));
    let mut all = services;
    all.append(&mut env);
    Ok(Process { env: all, command, args })
}

fn find<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().rev().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
}

/// The value of one variable; `None` where an optional source does not exist.
fn value(
    variable: &EnvVar,
    container: &Container,
    sources: &Sources<'_>,
    env: &[(String, String)],
    services: &[(String, String)],
) -> Result<Option<String>, String> {
    match &variable.value_from {
        Some(source) => from_source(source, container, sources),
        None => {
            let text = variable.value.as_deref().unwrap_or_default();
            Ok(Some(expand(text, |name| find(env, name).or_else(|| find(services, name)))))
        }
    }
}

fn from_source(
    source: &EnvVarSource,
    container: &Container,
    sources: &Sources<'_>,
) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return fields::value(&field.field_path, sources).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        return resources::value(resource, container, sources).map(Some);
    }
    if let Some(key) = &source.config_map_key_ref {
        return from_config_map(&key.name, &key.key, key.optional == Some(true), sources);
    }
    if let Some(key) = &source.secret_key_ref {
        return from_secret(&key.name, &key.key, key.optional == Some(true), sources);
    }
    Err("the source of an environment variable is not supported by this kubelet".to_owned())
}

fn from_config_map(
    name: &str,
    key: &str,
    optional: bool,
    sources: &Sources<'_>,
) -> Result<Option<String>, String> {
    let Some(map) = sources.config_maps.get(name) else {
        return absent(optional, || format!("configmap {name:?} not found"));
    };
    match map.data.as_ref().and_then(|data| data.get(key)) {
        Some(value) => Ok(Some(value.clone())),
        None => absent(optional, || {
            format!("couldn't find key {key} in ConfigMap {}/{name}", namespace(sources.pod))
        }),
    }
}

fn from_secret(
    name: &str,
    key: &str,
    optional: bool,
    sources: &Sources<'_>,
) -> Result<Option<String>, String> {
    let Some(secret) = sources.secrets.get(name) else {
        return absent(optional, || format!("secret {name:?} not found"));
    };
    match secret.data.as_ref().and_then(|data| data.get(key)) {
        Some(ByteString(value)) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
        None => absent(optional, || {
            format!("couldn't find key {key} in Secret {}/{name}", namespace(sources.pod))
        }),
    }
}

/// Every key of a ConfigMap or Secret as a variable.
fn from_all_keys(
    source: &EnvFromSource,
    sources: &Sources<'_>,
    env: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &source.config_map_ref {
        match sources.config_maps.get(&reference.name) {
            Some(map) => {
                let data = map.data.iter().flatten();
                env.extend(data.map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
            }
            None => {
                let why = || format!("configmap {:?} not found", reference.name);
                absent(reference.optional == Some(true), why)?;
            }
        }
    }
    if let Some(reference) = &source.secret_ref {
        match sources.secrets.get(&reference.name) {
            Some(secret) => {
                let text = |value: &ByteString| String::from_utf8_lossy(&value.0).into_owned();
                let data = secret.data.iter().flatten();
                env.extend(data.map(|(key, value)| (format!("{prefix}{key}"), text(value))));
            }
            None => {
                let why = || format!("secret {:?} not found", reference.name);
                absent(reference.optional == Some(true), why)?;
            }
        }
    }
    Ok(())
}

fn absent(optional: bool, why: impl Fn() -> String) -> Result<Option<String>, String> {
    if optional { Ok(None) } else { Err(why()) }
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
