//! Asks plugins whether a pod that has a node may be bound to it.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Permitting, Placement, Step};
use crate::plugin::{Permission, Plugin};
use crate::pod::PodInfo;
use crate::points::Point;
use crate::queue::QueuedPod;
use crate::verdict::Refusal;

/// The longest that a pod waits for permission; upstream's bound.
const LONGEST_PERMIT: Duration = Duration::from_secs(15 * 60);

impl Engine {
    /// Asks for permission to bind. The pod has its room now, and waits for none.
    pub(super) fn ask(&mut self, queued: QueuedPod, node: Arc<str>, now: Duration) -> Step {
        let (profiles, pod) = (self.profiles.clone(), queued.pod().clone());
        self.cache.snapshot_mut().withdraw(pod.key());
        let plugins = profiles.of(&pod).into_iter().flat_map(|profile| profile.at(Point::Permit));
        match self.ask_permission(plugins, &pod, &node) {
            Ok(permission) => {
                let before = self.has_work(&pod);
                let is_announced = permission.is_some() || !before.is_empty();
                Step::Bind(Placement { queued, node, permission, before, is_announced })
            }
            Err(refusal) => Step::Tell(self.refused(queued, &node, "Permit", refusal, now)),
        }
    }

    /// The plugins that have something to do before the pod is bound.
    fn has_work(&self, pod: &PodInfo) -> Vec<&'static str> {
        let plugins = self.profiles.of(pod).into_iter().flat_map(|profile| profile.at(Point::PreBind));
        let nodes = self.cache.snapshot();
        let has_work =
            |plugin: &&dyn Plugin| plugin.pre_bind().is_some_and(|before| before.has_work(pod, nodes));
        plugins.filter(has_work).map(Plugin::name).collect()
    }

    fn ask_permission<'p>(
        &self,
        plugins: impl Iterator<Item = &'p dyn Plugin>,
        pod: &Arc<PodInfo>,
        node: &str,
    ) -> Result<Option<Permitting>, Refusal> {
        let mut waits: Vec<(Duration, &'static str)> = Vec::new();
        for (plugin, permit) in plugins.filter_map(|plugin| Some((plugin.name(), plugin.permit()?))) {
            match permit.permit(pod, node, &self.waiting) {
                Permission::Allow => {}
                Permission::Reject(rejection) => return Err(Refusal { plugin, rejection }),
                Permission::Wait(limit) => waits.push((limit.min(LONGEST_PERMIT), plugin)),
            }
        }
        let Some(&(limit, plugin)) = waits.iter().min() else { return Ok(None) };
        let answer = self.waiting.wait(pod, waits.iter().map(|(_, plugin)| *plugin).collect());
        Ok(Some(Permitting { plugin, limit, answer }))
    }
}
