//! What a configuration says of extenders.

use serde::{Deserialize, Deserializer};
use steersman_core::field::{self, Path};
use steersman_core::labels;

use super::duration;
use crate::amounts::is_extended;
use crate::faults::Faults;

/// An extender: a web service that has a say in where pods go. Upstream's `Extender`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ExtenderConfiguration {
    /// Where it is; the verbs are appended to it.
    pub url_prefix: String,
    /// The verb that filters nodes; empty if it does not.
    pub filter_verb: String,
    /// The verb that looks over preemption; empty if it does not.
    pub preempt_verb: String,
    /// The verb that ranks nodes; empty if it does not.
    pub prioritize_verb: String,
    /// How many times its scores count.
    pub weight: i64,
    /// The verb that binds; empty if it does not.
    pub bind_verb: String,
    /// Whether it is asked over HTTPS.
    #[serde(rename = "enableHTTPS")]
    pub enable_https: bool,
    /// How it is asked over HTTPS; whoever sends the requests reads it.
    pub tls_config: Option<steersman_core::tree::Value>,
    /// How long an answer may take; five seconds if none is given, as upstream has it.
    #[serde(deserialize_with = "go_duration")]
    pub http_timeout: Option<std::time::Duration>,
    /// Whether it knows the nodes, so that names are enough.
    pub node_cache_capable: bool,
    /// It is asked only about pods that want one of these; about all, if there is none.
    pub managed_resources: Vec<ManagedResource>,
    /// Whether pods are placed without it when it does not answer.
    pub ignorable: bool,
}

/// A resource that an extender looks after; upstream's `ExtenderManagedResource`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ManagedResource {
    /// The name of the extended resource.
    pub name: String,
    /// Whether `NodeResourcesFit` leaves it to the extender.
    pub ignored_by_scheduler: bool,
}

fn go_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<std::time::Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let duration = duration::parse(&text).map_err(serde::de::Error::custom)?;
    let duration = std::time::Duration::try_from(duration);
    duration.map(Some).map_err(|_| serde::de::Error::custom("httpTimeout must not be negative"))
}

pub(super) fn check(extenders: &[ExtenderConfiguration]) -> Faults {
    let (root, mut errors) = (Path::new("extenders"), Faults::default());
    let mut seen: Vec<&str> = Vec::new();
    for (at, extender) in extenders.iter().enumerate() {
        let path = root.index(at);
        if !extender.prioritize_verb.is_empty() && extender.weight <= 0 {
            let why = "must have a positive weight applied to it";
            errors.push(field::Error::invalid(&path.child("weight"), extender.weight, why));
        }
        let list = path.child("managedResources");
        for (at, resource) in extender.managed_resources.iter().enumerate() {
            let (entry, name) = (list.index(at), resource.name.as_str());
            errors.extend(faults_of_resource(name, &entry.child("name")).iter());
            if seen.contains(&name) {
                let why = "duplicate extender managed resource name";
                errors.push(field::Error::invalid(&entry.child("name"), name, why));
            }
            seen.push(name);
        }
    }
    let binders = extenders.iter().filter(|extender| !extender.bind_verb.is_empty()).count();
    if binders > 1 {
        let found = format!("found {binders} extenders implementing bind");
        errors.push(field::Error::invalid(&root, found, "only one extender can implement bind"));
    }
    errors
}

fn faults_of_resource(name: &str, path: &Path<'_>) -> Faults {
    let faults = labels::qualified_name(name);
    if faults.is_empty() && !is_extended(name) {
        return Faults::from_iter([field::Error::invalid(
            path,
            name,
            "is an invalid extended resource name",
        )]);
    }
    faults.into_iter().map(|why| field::Error::invalid(path, name, why)).collect()
}
