//! Decides which plugins of a profile are asked at which extension point, in which order and with which weight.

use std::sync::Arc;

use super::file::{FilePlugins, PluginSet};
use crate::plugin::Plugin;
use crate::points::{Point, Points};

/// The plugins at each extension point, and the weights of their scores.
pub(super) fn expand(
    profile: &FilePlugins,
    plugins: &[Arc<dyn Plugin>],
    name: &str,
) -> Result<Points, String> {
    let mut points = Points::new(plugins.len());
    for (point, set, title) in own_sets(profile) {
        let order = order(set, &profile.multi_point, plugins, point, title)?;
        points.set(point, order);
    }
    check_pairs(profile, plugins)?;
    let sorters = points.at(Point::QueueSort).len();
    if sorters != 1 {
        return Err(format!(
            "only one queue sort plugin required for profile with scheduler name {name:?}, but got {sorters}"
        ));
    }
    if points.at(Point::Bind).is_empty() {
        return Err(format!("at least one bind plugin is needed for profile with scheduler name {name:?}"));
    }
    for (at, plugin) in plugins.iter().enumerate() {
        points.weigh(at, weight(profile, plugin.name()));
    }
    Ok(points)
}

/// Our extension points with the sets that say who is asked there, and upstream's names of them.
fn own_sets(profile: &FilePlugins) -> [(Point, &PluginSet, &'static str); 10] {
    [
        (Point::PreEnqueue, &profile.pre_enqueue, "PreEnqueuePlugin"),
        (Point::QueueSort, &profile.queue_sort, "QueueSortPlugin"),
        (Point::Filter, &profile.filter, "FilterPlugin"),
        (Point::PostFilter, &profile.post_filter, "PostFilterPlugin"),
        (Point::Score, &profile.score, "ScorePlugin"),
        (Point::Reserve, &profile.reserve, "ReservePlugin"),
        (Point::Permit, &profile.permit, "PermitPlugin"),
        (Point::PreBind, &profile.pre_bind, "PreBindPlugin"),
        (Point::Bind, &profile.bind, "BindPlugin"),
        (Point::PostBind, &profile.post_bind, "PostBindPlugin"),
    ]
}

/// First those that are enabled both at the point and everywhere, as the point has them; then those enabled everywhere;
/// then the others of the point.
fn order(
    set: &PluginSet,
    everywhere: &PluginSet,
    plugins: &[Arc<dyn Plugin>],
    point: Point,
    title: &str,
) -> Result<Vec<usize>, String> {
    let find = |name: &str| plugins.iter().position(|plugin| plugin.name() == name);
    let mut own: Vec<usize> = Vec::new();
    for entry in &set.enabled {
        let at = find(&entry.name).ok_or_else(|| format!("{title} {:?} does not exist", entry.name))?;
        if !point.is_of(&*plugins[at]) {
            return Err(format!("plugin {:?} does not extend {title} plugin", entry.name));
        }
        if own.contains(&at) {
            return Err(format!("plugin {:?} already registered as {title:?}", entry.name));
        }
        own.push(at);
    }
    let is_disabled = |name: &str| set.disabled.iter().any(|entry| entry.name == name);
    let (mut both, mut general) = (Vec::new(), Vec::new());
    for entry in everywhere.enabled.iter().filter(|_| !is_disabled("*")) {
        let at = find(&entry.name).ok_or_else(|| format!("{title} {:?} does not exist", entry.name))?;
        if !point.is_of(&*plugins[at]) || is_disabled(&entry.name) {
            continue;
        }
        if general.contains(&at) || both.contains(&at) {
            return Err(format!("plugin {:?} already registered as {title:?}", entry.name));
        }
        if own.contains(&at) { both.push(at) } else { general.push(at) }
    }
    let (first, last): (Vec<usize>, Vec<usize>) = own.into_iter().partition(|at| both.contains(at));
    Ok([first, general, last].concat())
}

/// Here a plugin's PreFilter and Filter are one, and its PreScore and Score. One without the other is refused where
/// leaving the other out would change what is decided.
fn check_pairs(profile: &FilePlugins, plugins: &[Arc<dyn Plugin>]) -> Result<(), String> {
    let everywhere = &profile.multi_point;
    let is_on = |set: &PluginSet, name: &str| {
        let has = |list: &[super::file::PluginEntry], name: &str| list.iter().any(|entry| entry.name == name);
        let disabled = has(&set.disabled, "*") || has(&set.disabled, name);
        has(&set.enabled, name) || has(&everywhere.enabled, name) && !disabled
    };
    for plugin in plugins {
        let name = plugin.name();
        let (before, filters) = (is_on(&profile.pre_filter, name), is_on(&profile.filter, name));
        if plugin.filter().is_some() && before != filters {
            return Err(format!("plugin {name:?}: preFilter and filter are enabled or disabled together"));
        }
        if plugin.score().is_some() && is_on(&profile.score, name) && !is_on(&profile.pre_score, name) {
            return Err(format!("plugin {name:?}: score is not enabled without preScore"));
        }
    }
    Ok(())
}

/// What is said at the point counts before what is said for everywhere; 0 is 1.
fn weight(profile: &FilePlugins, plugin: &str) -> i64 {
    let mut entries = profile.score.enabled.iter().chain(&profile.multi_point.enabled);
    entries.find(|entry| entry.name == plugin).map_or(1, |entry| entry.weight.max(1))
}
