//! Limits how fast the nodes of a zone are tainted: fast where few are lost, slow or not at all where many are, as
//! then the fault is more likely on our side.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use steersman_core::tree::Text;

use super::NodeLifecycleOptions;

const EXCLUDED: &str = "node.kubernetes.io/exclude-disruption";
const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";

/// The zones that nodes were seen in, and the nodes of each that wait to be tainted.
#[derive(Debug)]
pub(super) struct Zones {
    options: NodeLifecycleOptions,
    zones: BTreeMap<Text, Zone>,
}

/// How many nodes of a zone are ready, and how many are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    ready: usize,
    lost: usize,
}

/// How the cluster as a whole has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Not as a whole.
    Usual,
    /// No node is ready any more: nothing can be known, and nothing is tainted.
    AllLost,
    /// Some nodes are ready again.
    AllBack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Initial,
    Normal,
    Partial,
    Full,
}

#[derive(Debug)]
struct Zone {
    state: State,
    waiting: VecDeque<String>,
    bucket: Bucket,
}

/// One node at once, and then so many a second.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    /// When the next node may be taken.
    next: Duration,
}

impl Zones {
    pub(super) fn new(options: &NodeLifecycleOptions) -> Self {
        Zones { options: options.clone(), zones: BTreeMap::new() }
    }

    /// Takes note of a zone.
    pub(super) fn add(&mut self, zone: &str) {
        if !self.zones.contains_key(zone) {
            let bucket = Bucket { rate: self.options.node_eviction_rate, next: Duration::ZERO };
            let zone_state = Zone { state: State::Initial, waiting: VecDeque::new(), bucket };
            self.zones.insert(zone.into(), zone_state);
        }
    }

    /// Lets a node wait for its turn.
    pub(super) fn enqueue(&mut self, zone: &str, node: &str, now: Duration) {
        self.add(zone);
        let Some(zone) = self.zones.get_mut(zone) else { return };
        if !zone.waiting.iter().any(|waiting| waiting == node) {
            zone.waiting.push_back(node.to_owned());
            zone.bucket.next = zone.bucket.next.max(now);
        }
    }

    /// Whether a node waits for its turn, in whatever zone.
    pub(super) fn is_waiting(&self, node: &str) -> bool {
        self.zones.values().any(|zone| zone.waiting.iter().any(|waiting| waiting == node))
    }

    /// Lets a node wait no longer.
    pub(super) fn remove(&mut self, zone: &str, node: &str) {
        if let Some(zone) = self.zones.get_mut(zone) {
            zone.waiting.retain(|waiting| waiting != node);
        }
    }

    /// The same, whatever zone it was in.
    pub(super) fn forget(&mut self, node: &str) {
        for zone in self.zones.values_mut() {
            zone.waiting.retain(|waiting| waiting != node);
        }
    }

    /// A node whose turn it is, and its zone.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(Text, String)> {
        let due = |zone: &&mut Zone| zone.due().is_some_and(|due| due <= now);
        let (name, zone) =
            self.zones.iter_mut().find_map(|(name, zone)| Some((name, Some(zone).filter(due)?)))?;
        zone.bucket.next = now.saturating_add(zone.bucket.pause());
        zone.waiting.pop_front().map(|node| (name.clone(), node))
    }

    /// When the next node is to be tainted.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.zones.values().filter_map(Zone::due).min()
    }

    /// Sets the rates by how many nodes of each zone are ready.
    pub(super) fn assess(&mut self, seen: &BTreeMap<Text, Seen>) -> Direction {
        let threshold = self.options.unhealthy_zone_threshold;
        seen.keys().for_each(|zone| self.add(zone));
        self.zones.retain(|zone, _| seen.contains_key(zone));
        let all_lost = seen.values().all(|nodes| nodes.state(threshold) == State::Full);
        let were_lost = self.zones.values().all(|zone| zone.state == State::Full);
        let direction = match (all_lost, were_lost) {
            (true, true) => return Direction::Usual,
            (true, false) => Direction::AllLost,
            (false, true) => Direction::AllBack,
            (false, false) => Direction::Usual,
        };
        for (zone, nodes) in seen {
            let state = nodes.state(threshold);
            let rate = if all_lost { 0.0 } else { self.rate(state, nodes.len()) };
            if let Some(zone) = self.zones.get_mut(zone) {
                zone.bucket.rate = rate;
                zone.state = state;
            }
        }
        direction
    }

    fn rate(&self, state: State, nodes: usize) -> f64 {
        match state {
            State::Initial | State::Normal | State::Full => self.options.node_eviction_rate,
            State::Partial if nodes > self.options.large_cluster_size_threshold => {
                self.options.secondary_node_eviction_rate
            }
            State::Partial => 0.0,
        }
    }
}

impl Zone {
    fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty() && self.bucket.rate > 0.0).then_some(self.bucket.next)
    }
}

impl Bucket {
    fn pause(&self) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.rate).unwrap_or(Duration::MAX)
    }
}

/// The region and zone that a node says it is in.
pub(super) fn zone_of(node: &Node) -> Text {
    let label =
        |key| node.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str);
    Text::of(&format_args!("{}:{}", label(REGION), label(ZONE)))
}

/// Whether a node does not count when its zone is assessed.
pub(super) fn is_excluded(node: &Node) -> bool {
    node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(EXCLUDED))
}

impl Seen {
    /// Counts a node.
    pub(super) fn count(&mut self, is_ready: bool) {
        *(if is_ready { &mut self.ready } else { &mut self.lost }) += 1;
    }

    fn len(self) -> usize {
        self.ready + self.lost
    }

    fn state(self, threshold: f64) -> State {
        #[expect(clippy::cast_precision_loss, reason = "there are fewer nodes than a float counts exactly")]
        let part = self.lost as f64 / self.len() as f64;
        if self.ready == 0 && self.lost > 0 {
            State::Full
        } else if self.lost > 2 && part >= threshold {
            State::Partial
        } else {
            State::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(rate: f64) -> Zones {
        Zones::new(&NodeLifecycleOptions { node_eviction_rate: rate, ..NodeLifecycleOptions::default() })
    }

    fn seen(zones: &[(&str, usize, usize)]) -> BTreeMap<Text, Seen> {
        zones.iter().map(|&(zone, ready, lost)| (zone.into(), Seen { ready, lost })).collect()
    }

    fn taken(zones: &mut Zones, second: u64) -> Vec<String> {
        std::iter::from_fn(|| zones.take_due(Duration::from_secs(second))).map(|(_, node)| node).collect()
    }

    #[test]
    fn nodes_of_a_zone_are_taken_one_by_one_at_its_rate() {
        let mut zones = zones(0.1);
        ["a", "b", "a"].into_iter().for_each(|node| zones.enqueue("z", node, Duration::ZERO));
        zones.enqueue("y", "c", Duration::ZERO);
        assert_eq!(taken(&mut zones, 0), ["c", "a"]);
        assert_eq!(zones.next_due(), Some(Duration::from_secs(10)));
        assert_eq!((taken(&mut zones, 9), taken(&mut zones, 10)), (vec![], vec!["b".to_owned()]));
    }

    #[test]
    fn a_node_that_is_ready_again_is_not_taken() {
        let mut zones = zones(1.0);
        zones.enqueue("z", "a", Duration::ZERO);
        zones.remove("z", "a");
        assert_eq!(zones.next_due(), None);
    }

    #[test]
    fn a_zone_is_judged_by_the_part_of_its_nodes_that_is_lost() {
        let cases = [
            (3, 0, State::Normal),
            (0, 2, State::Full),
            (1, 2, State::Normal),
            (1, 3, State::Partial),
            (3, 3, State::Normal),
        ];
        for (ready, lost, expected) in cases {
            assert_eq!(Seen { ready, lost }.state(0.55), expected, "{ready} of {}", ready + lost);
        }
    }

    #[test]
    fn a_small_zone_with_many_nodes_lost_is_left_alone_and_a_large_one_slowed_down() {
        let mut zones = zones(1.0);
        let now = seen(&[("large", 20, 40), ("lost", 0, 2), ("small", 1, 3)]);
        assert_eq!(zones.assess(&now), Direction::Usual);
        let rates: Vec<f64> = zones.zones.values().map(|zone| zone.bucket.rate).collect();
        assert_eq!(rates, [0.01, 1.0, 0.0]);
    }

    #[test]
    fn nothing_is_taken_while_no_node_at_all_is_ready() {
        let mut zones = zones(1.0);
        zones.assess(&seen(&[("z", 2, 0), ("y", 1, 0)]));
        assert_eq!(zones.assess(&seen(&[("z", 0, 2), ("y", 0, 1)])), Direction::AllLost);
        zones.enqueue("z", "a", Duration::ZERO);
        assert_eq!(
            (zones.next_due(), zones.assess(&seen(&[("z", 0, 2), ("y", 0, 1)]))),
            (None, Direction::Usual)
        );
        assert_eq!(zones.assess(&seen(&[("z", 1, 1), ("y", 0, 1)])), Direction::AllBack);
        assert_eq!(zones.next_due(), Some(Duration::ZERO));
    }
}
