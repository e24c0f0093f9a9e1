//! Checks what a configuration file says, with upstream's words.

use steersman_core::field::{self, Path};
use steersman_core::tree::{Value, json};

use super::file::{File, FilePlugins, FileProfile, PluginSet};
use super::{API_VERSION, extenders};
use crate::faults::Faults;

/// Plugins that were removed with the first version, and the version that upstream says it was.
const REMOVED: [&str; 4] = ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"];
const REMOVED_IN: &str = "v1";

/// What is wrong with a file, but for the arguments of its plugins.
pub(super) fn file(file: &File) -> Faults {
    let mut errors = Faults::default();
    let invalid = |path: &str, value: i64, why: &str| field::Error::invalid(&Path::new(path), value, why);
    let election = &file.leader_election;
    if election.leader_elect && election.resource_lock != "leases" {
        let path = Path::new("leaderElection");
        let (lock, why) = (&election.resource_lock, "resourceLock value must be \"leases\"");
        errors.push(field::Error::invalid(&path.child("resourceLock"), lock, why));
    }
    if file.parallelism <= 0 {
        let why = "should be an integer value greater than zero";
        errors.push(invalid("parallelism", file.parallelism, why));
    }
    errors.extend(profiles(&file.profiles).iter());
    errors.extend(percentage(file.percentage_of_nodes_to_score, &Path::new("percentageOfNodesToScore")));
    let (first, longest) = (file.pod_initial_backoff_seconds, file.pod_max_backoff_seconds);
    if first <= 0 {
        errors.push(invalid("podInitialBackoffSeconds", first, "must be greater than 0"));
    }
    if longest < first {
        let why = "must be greater than or equal to PodInitialBackoffSeconds";
        errors.push(invalid("podMaxBackoffSeconds", longest, why));
    }
    errors.extend(extenders::check(&file.extenders).iter());
    errors
}

fn percentage(percentage: Option<i64>, path: &Path<'_>) -> Option<field::Error> {
    let out_of_range = percentage.filter(|percent| !(0..=100).contains(percent))?;
    Some(field::Error::invalid(path, out_of_range, "not in valid range [0-100]"))
}

fn profiles(profiles: &[FileProfile]) -> Faults {
    let (root, mut errors) = (Path::new("profiles"), Faults::default());
    for (at, profile) in profiles.iter().enumerate() {
        let path = root.index(at);
        errors.extend(one(profile, &path).iter());
        let same = |other: &FileProfile| other.scheduler_name == profile.scheduler_name;
        if let Some(other) = profiles[..at].iter().rposition(same) {
            let first = root.index(other).child("schedulerName").to_string();
            errors.push(field::Error::duplicate(&path.child("schedulerName"), first));
        }
    }
    errors.extend(queue_sort(profiles).iter());
    errors
}

fn one(profile: &FileProfile, path: &Path<'_>) -> Faults {
    let mut errors = Faults::default();
    if profile.scheduler_name.as_deref().unwrap_or_default().is_empty() {
        errors.push(field::Error::required(&path.child("schedulerName"), ""));
    }
    let share = profile.percentage_of_nodes_to_score;
    errors.extend(percentage(share, &path.child("percentageOfNodesToScore")));
    errors.extend(sets(&profile.plugins, &path.child("plugins")).iter());
    let list = path.child("pluginConfig");
    for (at, config) in profile.plugin_config.iter().enumerate() {
        let entry = list.index(at);
        if profile.plugin_config[..at].iter().any(|other| other.name == config.name) {
            errors.push(field::Error::duplicate(&entry, &config.name));
        }
        errors.extend(removed(&config.name, &entry));
    }
    errors
}

fn sets(plugins: &FilePlugins, path: &Path<'_>) -> Faults {
    let mut errors = Faults::default();
    for (point, set) in plugins.by_point().into_iter().chain([("multiPoint", &plugins.multi_point)]) {
        let (set_path, list) = (path.child(point), "enabled");
        let list = set_path.child(list);
        for (at, plugin) in set.enabled.iter().enumerate() {
            let entry = list.index(at);
            errors.extend(removed(&plugin.name, &entry).filter(|_| point != "multiPoint"));
            if plugin.weight < 0 {
                // Upstream takes it, and has such a plugin prefer the worst nodes; nobody means that.
                let weight = entry.child("weight");
                errors.push(field::Error::invalid(
                    &weight,
                    plugin.weight,
                    "must be greater than or equal to 0",
                ));
            }
        }
    }
    errors
}

fn removed(plugin: &str, path: &Path<'_>) -> Option<field::Error> {
    let why = format!(
        "was invalid in version {REMOVED_IN:?} (KubeSchedulerConfiguration is version {API_VERSION:?})"
    );
    REMOVED.contains(&plugin).then(|| field::Error::invalid(path, plugin, why))
}

/// There is one queue, so all profiles must order it alike.
fn queue_sort(profiles: &[FileProfile]) -> Faults {
    let (root, mut errors) = (Path::new("profiles"), Faults::default());
    let Some(first) = profiles.first() else { return errors };
    let enabled = first.plugins.queue_sort.enabled.len();
    if enabled > 1 {
        let path = root.index(0);
        let (path, why) = (path.child("plugins"), "only one queue sort plugin can be enabled");
        errors.push(field::Error::invalid(&path.child("queueSort").child("Enabled"), enabled, why));
    }
    for (at, profile) in profiles.iter().enumerate().skip(1) {
        if profile.plugins.queue_sort != first.plugins.queue_sort {
            let (path, value) = (root.index(at), shown(&profile.plugins.queue_sort));
            let path = path.child("plugins");
            let why = "must be the same for all profiles";
            errors.push(field::Error::invalid(&path.child("queueSort"), value, why));
        }
    }
    errors
}

/// A set as Go prints upstream's internal type.
fn shown(set: &PluginSet) -> Value {
    let list = |plugins: &[super::file::PluginEntry]| match plugins {
        [] => Value::Null,
        some => some.iter().map(|plugin| json!({"Name": plugin.name, "Weight": plugin.weight})).collect(),
    };
    json!({"Enabled": list(&set.enabled), "Disabled": list(&set.disabled)})
}
