//! Lays the plugins that a profile enables and disables over the default ones.

use super::file::{FilePlugins, PluginEntry, PluginSet};
use crate::plugins;

/// What a profile's file says, with the default plugins.
pub(super) fn with_defaults(given: &FilePlugins) -> FilePlugins {
    let defaults = plugins::names().map(|(name, weight)| PluginEntry { name: name.to_owned(), weight });
    let multi_point = over(defaults.collect(), &given.multi_point);
    FilePlugins { multi_point, ..given.clone() }
}

/// Default plugins stay where they are, with the weight that is given to them; the others come after them.
fn over(defaults: Vec<PluginEntry>, given: &PluginSet) -> PluginSet {
    let is_disabled = |name: &str| given.disabled.iter().any(|plugin| plugin.name == name);
    let mut enabled: Vec<PluginEntry> = Vec::new();
    let mut used = vec![false; given.enabled.len()];
    for default in defaults.into_iter().filter(|default| !is_disabled("*") && !is_disabled(&default.name)) {
        match given.enabled.iter().rposition(|plugin| plugin.name == default.name) {
            Some(at) => {
                used[at] = true;
                enabled.push(given.enabled[at].clone());
            }
            None => enabled.push(default),
        }
    }
    let others = given.enabled.iter().zip(used).filter(|(_, used)| !used);
    enabled.extend(others.map(|(plugin, _)| plugin.clone()));
    PluginSet { enabled, disabled: given.disabled.clone() }
}

impl FilePlugins {
    /// The sets of upstream's extension points, with the names that they have in the file.
    pub(super) fn by_point(&self) -> [(&'static str, &PluginSet); 12] {
        [
            ("preEnqueue", &self.pre_enqueue),
            ("queueSort", &self.queue_sort),
            ("preFilter", &self.pre_filter),
            ("filter", &self.filter),
            ("postFilter", &self.post_filter),
            ("preScore", &self.pre_score),
            ("score", &self.score),
            ("reserve", &self.reserve),
            ("permit", &self.permit),
            ("preBind", &self.pre_bind),
            ("bind", &self.bind),
            ("postBind", &self.post_bind),
        ]
    }

    /// The names of all plugins that are enabled anywhere, each once, in the order in which they are asked by default.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let sets = [("", &self.multi_point)].into_iter().chain(self.by_point());
        for plugin in sets.flat_map(|(_, set)| &set.enabled) {
            if !names.contains(&plugin.name.as_str()) {
                names.push(&plugin.name);
            }
        }
        names
    }
}
