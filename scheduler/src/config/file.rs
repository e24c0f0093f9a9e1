//! The configuration file as it is written, and its defaults.

use std::time::Duration;

use serde::Deserialize;
use steersman_core::tree::{Value, from_value};

use super::extenders::ExtenderConfiguration;
use super::{API_VERSION, InvalidConfiguration, KIND, shape};
use crate::profile::Sampling;
use crate::queue::Backoff;

/// The file, without what concerns the process around the scheduler.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) parallelism: i64,
    pub(super) leader_election: LeaderElection,
    pub(super) percentage_of_nodes_to_score: Option<i64>,
    pub(super) pod_initial_backoff_seconds: i64,
    pub(super) pod_max_backoff_seconds: i64,
    pub(super) profiles: Vec<FileProfile>,
    pub(super) extenders: Vec<ExtenderConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LeaderElection {
    pub(super) leader_elect: bool,
    pub(super) resource_lock: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FileProfile {
    pub(super) scheduler_name: Option<String>,
    pub(super) percentage_of_nodes_to_score: Option<i64>,
    pub(super) plugins: FilePlugins,
    pub(super) plugin_config: Vec<PluginConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PluginConfig {
    pub(super) name: String,
    pub(super) args: Value,
}

/// The plugins by extension point, in upstream's order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FilePlugins {
    pub(super) pre_enqueue: PluginSet,
    pub(super) queue_sort: PluginSet,
    pub(super) pre_filter: PluginSet,
    pub(super) filter: PluginSet,
    pub(super) post_filter: PluginSet,
    pub(super) pre_score: PluginSet,
    pub(super) score: PluginSet,
    pub(super) reserve: PluginSet,
    pub(super) permit: PluginSet,
    pub(super) pre_bind: PluginSet,
    pub(super) bind: PluginSet,
    pub(super) post_bind: PluginSet,
    pub(super) multi_point: PluginSet,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct PluginSet {
    pub(super) enabled: Vec<PluginEntry>,
    pub(super) disabled: Vec<PluginEntry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct PluginEntry {
    pub(super) name: String,
    pub(super) weight: i64,
}

impl Default for File {
    fn default() -> Self {
        File {
            parallelism: 16,
            leader_election: LeaderElection::default(),
            percentage_of_nodes_to_score: None,
            pod_initial_backoff_seconds: 1,
            pod_max_backoff_seconds: 10,
            profiles: Vec::new(),
            extenders: Vec::new(),
        }
    }
}

impl Default for LeaderElection {
    fn default() -> Self {
        LeaderElection { leader_elect: true, resource_lock: "leases".to_owned() }
    }
}

impl File {
    /// Reads a file, strictly, and fills in defaults.
    pub(super) fn read(value: Value) -> Result<Self, InvalidConfiguration> {
        let malformed = |why: String| Err(InvalidConfiguration::Malformed(why));
        let said = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (said("apiVersion"), said("kind"));
        if kind.is_empty() {
            return malformed(format!("Object 'Kind' is missing in '{value}'"));
        }
        if version != API_VERSION || kind != KIND {
            return malformed(format!("no kind {kind:?} is registered for version {version:?}"));
        }
        let unknown = shape::unknown_fields(&value);
        if !unknown.is_empty() {
            let each: Vec<String> = unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
            return malformed(format!("strict decoding error: {}", each.join(", ")));
        }
        let mut file: File = match from_value(without_nulls(value)) {
            Ok(file) => file,
            Err(error) => return malformed(error.to_string()),
        };
        file.complete();
        Ok(file)
    }

    /// Only a single profile has a name by default.
    fn complete(&mut self) {
        if self.profiles.is_empty() {
            self.profiles.push(FileProfile::default());
        }
        if let [only] = self.profiles.as_mut_slice() {
            only.scheduler_name.get_or_insert_with(|| "default-scheduler".to_owned());
        }
    }

    /// Valid once the file was checked.
    pub(super) fn backoff(&self) -> Backoff {
        let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        Backoff {
            first: seconds(self.pod_initial_backoff_seconds),
            longest: seconds(self.pod_max_backoff_seconds),
        }
    }
}

/// How many nodes are looked at. Upstream takes 0 and none alike; here none is all, and 0 is upstream's way.
pub(super) fn sampling(percentage: Option<i64>) -> Sampling {
    match percentage {
        None => Sampling::All,
        Some(0) => Sampling::Adaptive,
        Some(percent) => Sampling::Percent(u8::try_from(percent).unwrap_or(100)),
    }
}

/// Fields that are null are as good as absent, as Go reads them.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let present = object.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
