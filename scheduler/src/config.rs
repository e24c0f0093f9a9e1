//! Reads a `KubeSchedulerConfiguration`: which profiles there are, with which plugins, and how the queue backs off.
//!
//! <https://kubernetes.io/docs/reference/scheduling/config/>. Version `kubescheduler.config.k8s.io/v1`. What the
//! process around a scheduler does (leader election, its client, its endpoints) is read and checked by shape, and is
//! the business of whoever runs the scheduler.

use std::fmt;

use steersman_core::field::Path;
use steersman_core::tree::{Value, json};

use crate::faults::Faults;
use crate::plugins::InvalidArgs;
use crate::profile::Profile;
use crate::profiles::Profiles;
use crate::queue::Backoff;
use crate::registry::Registry;

mod check;
pub(crate) mod duration;
mod extenders;
mod file;
mod merge;
mod order;
mod shape;

k8s_openapi::k8s_if_ge_1_34! {
    pub(crate) use duration::parse as parse_duration;
}

pub use extenders::{ExtenderConfiguration, ManagedResource};

use file::{File, FileProfile};

const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
const KIND: &str = "KubeSchedulerConfiguration";

/// What a `KubeSchedulerConfiguration` says, ready for [`crate::Scheduler::configured`].
///
/// ```
/// use steersman_core::tree::json;
/// use steersman_scheduler::{Configuration, Registry};
///
/// let configuration = Configuration::from_value(
///     json!({
///         "apiVersion": "kubescheduler.config.k8s.io/v1",
///         "kind": "KubeSchedulerConfiguration",
///         "profiles": [
///             {"schedulerName": "default-scheduler"},
///             {"schedulerName": "no-scoring", "plugins": {
///                 "preScore": {"disabled": [{"name": "*"}]},
///                 "score": {"disabled": [{"name": "*"}]},
///             }},
///         ],
///     }),
///     &Registry::default(),
/// )?;
/// assert_eq!(configuration.profiles.iter().count(), 2);
/// # Ok::<(), steersman_scheduler::InvalidConfiguration>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Configuration {
    /// The profiles.
    pub profiles: Profiles,
    /// How long rejected pods wait before they are tried again.
    pub backoff: Backoff,
    /// The extenders, in the order they are asked: those that may be ignored come last.
    pub extenders: Vec<ExtenderConfiguration>,
}

/// What is wrong with a configuration, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidConfiguration {
    /// It cannot be read.
    Malformed(String),
    /// Fields have values that they may not have: all of them.
    Fields(Faults),
    /// The plugins of a profile cannot work together.
    Profile {
        /// Its scheduler name.
        profile: String,
        /// Why not.
        why: String,
    },
}

impl Configuration {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// It cannot be read, or says what may not be.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str, registry: &Registry) -> Result<Self, InvalidConfiguration> {
        let value = serde_saphyr::from_str(text)
            .map_err(|error| InvalidConfiguration::Malformed(error.to_string()))?;
        Self::from_value(value, registry)
    }

    /// Reads a parsed document; plugins are made by the registry.
    ///
    /// # Errors
    /// It says what may not be.
    pub fn from_value(value: Value, registry: &Registry) -> Result<Self, InvalidConfiguration> {
        let file = File::read(value)?;
        let mut errors = check::file(&file);
        let root = Path::new("profiles");
        let profiles = file.profiles.iter().enumerate();
        let made: Vec<Result<Profile, InvalidConfiguration>> = profiles
            .map(|(at, profile)| make(profile, &file, registry, &root.index(at), &mut errors))
            .collect();
        let unreadable = made.iter().filter_map(|made| made.as_ref().err());
        if let Some(why) = unreadable.clone().find(|why| matches!(why, InvalidConfiguration::Malformed(_))) {
            return Err(why.clone());
        }
        if !errors.is_empty() {
            return Err(InvalidConfiguration::Fields(errors));
        }
        let profiles = Profiles::new(made.into_iter().collect::<Result<Vec<Profile>, _>>()?);
        let profiles = profiles.map_err(|why| InvalidConfiguration::Malformed(why.to_string()))?;
        let backoff = file.backoff();
        let mut extenders = file.extenders;
        extenders.sort_by_key(|extender| extender.ignorable);
        Ok(Configuration { profiles, backoff, extenders })
    }
}

/// Makes a profile. What is wrong with the arguments of its plugins is added to `errors`, where upstream checks them with
/// the file.
fn make(
    profile: &FileProfile,
    file: &File,
    registry: &Registry,
    path: &Path<'_>,
    errors: &mut Faults,
) -> Result<Profile, InvalidConfiguration> {
    let name = profile.scheduler_name.clone().unwrap_or_default();
    let refuse = |why| InvalidConfiguration::Profile { profile: name.clone(), why };
    let merged = merge::with_defaults(&profile.plugins);
    let (list, mut plugins) = (path.child("pluginConfig"), Vec::new());
    for plugin in merged.names() {
        let at = profile.plugin_config.iter().position(|config| config.name == plugin);
        let args = at.map(|at| profile.plugin_config[at].args.clone());
        let args = if plugin == "NodeResourcesFit" { without_managed(args, &file.extenders) } else { args };
        let entry = list.index(at.unwrap_or_default());
        let fault = match registry.make(plugin, args, &entry.child("args")) {
            // Who asks for a plugin that does not exist is told where it was asked for.
            None => continue,
            Some(Ok(made)) => {
                plugins.push(made);
                continue;
            }
            Some(Err(fault)) => fault,
        };
        match fault {
            InvalidArgs::Malformed(why) => {
                let why = format!("decoding .{entry}: decoding args for plugin {plugin}: {why}");
                return Err(InvalidConfiguration::Malformed(why));
            }
            InvalidArgs::Fields(faults) if !registry.is_checked_late(plugin) => errors.extend(faults.iter()),
            other => return Err(refuse(format!("initializing plugin {plugin:?}: {other}"))),
        }
    }
    let points = order::expand(&merged, &plugins, &name).map_err(refuse)?;
    let percentage = profile.percentage_of_nodes_to_score.or(file.percentage_of_nodes_to_score);
    Ok(Profile::assembled(&name, plugins, points, file::sampling(percentage)))
}

/// Resources that an extender looks after alone do not count when nodes are ruled out; what the arguments say of ignored
/// resources then does not matter.
fn without_managed(args: Option<Value>, extenders: &[ExtenderConfiguration]) -> Option<Value> {
    let managed = extenders.iter().flat_map(|extender| &extender.managed_resources);
    let ignored: Vec<Value> = managed
        .filter(|resource| resource.ignored_by_scheduler)
        .map(|resource| json!(resource.name))
        .collect();
    if ignored.is_empty() {
        return args;
    }
    let mut args = args.filter(Value::is_object).unwrap_or_else(|| json!({}));
    args["ignoredResources"] = ignored.into();
    Some(args)
}

impl fmt::Display for InvalidConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::Fields(errors) => errors.fmt(f),
            Self::Profile { profile, why } => {
                write!(f, "initializing profiles: creating profile for scheduler name {profile}: {why}")
            }
        }
    }
}

impl std::error::Error for InvalidConfiguration {}

#[cfg(test)]
mod tests;
