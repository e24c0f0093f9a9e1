//! Topology mode Auto: each zone serves a share of the endpoints, as large as its share of the CPUs, rounded so that no
//! endpoint gets much more traffic than the others.
//!
//! The older way to keep traffic close: `trafficDistribution` has taken its place. See
//! <https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/>.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice, ForZone};
use steersman_core::cache::Change;
use steersman_core::versions::optional;
use steersman_core::{Object, Quantity, condition};

use super::desired::ZONE;
use super::hints::is_ready;
use super::pack::Plan;
use crate::runner::{Key, View};

/// How much more traffic an endpoint may get than it would without hints.
const OVERLOAD: f64 = 0.2;

/// How many endpoints serve each zone.
pub(super) type Counts = BTreeMap<String, usize>;

/// Which part of all CPUs each zone has.
type Shares = BTreeMap<String, f64>;

/// How many endpoints a zone may have.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    least: usize,
    most: usize,
    desired: f64,
}

/// The services that have such hints, and how many for each zone by the family of addresses: where the nodes change,
/// some have too few.
#[derive(Debug, Default)]
pub(super) struct Hinted(Mutex<BTreeMap<Key, OfService>>);

#[derive(Debug, Default)]
struct OfService {
    /// Whether the last look at any family gave hints.
    is_on: bool,
    counts: BTreeMap<String, Counts>,
}

impl Hinted {
    /// Whether this is news.
    pub(super) fn set(&self, service: &Key, family: &str, counts: Counts) -> bool {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let service = services.entry(service.clone()).or_default();
        service.counts.insert(family.to_owned(), counts);
        !std::mem::replace(&mut service.is_on, true)
    }

    /// Whether this is news.
    pub(super) fn remove(&self, service: &Key, family: &str) -> bool {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(hinted) = services.get_mut(service) else { return false };
        hinted.counts.remove(family);
        let was_on = std::mem::take(&mut hinted.is_on);
        if hinted.counts.is_empty() {
            services.remove(service);
        }
        was_on
    }

    pub(super) fn forget(&self, service: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    /// The services with too few endpoints for a zone, where a change of a node may have led to that.
    pub(super) fn overloaded(&self, view: &View, change: &Change) -> Vec<Key> {
        let services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if services.is_empty() || !makes_a_difference(change) {
            return Vec::new();
        }
        let shares = shares(&view.list::<Node>());
        let lack =
            |hinted: &OfService| hinted.counts.values().any(|counts| is_overloaded(counts, shares.as_ref()));
        services.iter().filter(|(_, hinted)| lack(hinted)).map(|(key, _)| key.clone()).collect()
    }
}

/// Hints all ready endpoints of a plan, or says why that cannot be.
pub(super) fn spread(view: &View, plan: &mut Plan) -> Result<Counts, String> {
    let shares = shares(&view.list::<Node>());
    let ready = plan.create.iter().chain(&plan.update).map(count_ready).sum::<usize>()
        + plan.keep.iter().map(|slice| count_ready(slice)).sum::<usize>();
    let allowances = allowances(shares.as_ref(), ready)?;
    let mut counts = keep_fitting(plan, &allowances);
    let slices = plan.create.iter_mut().chain(&mut plan.update);
    let endpoints =
        slices.flat_map(|slice| optional::<&mut Vec<_>>(&mut slice.endpoints).into_iter().flatten());
    let mut ready: Vec<(String, &mut Endpoint)> = Vec::new();
    for endpoint in endpoints.filter(|endpoint| is_ready(endpoint)) {
        let zone = endpoint.zone.clone().filter(|zone| !zone.is_empty());
        ready.push((zone.ok_or("One or more endpoints do not have a zone specified")?, endpoint));
    }
    for (zone, endpoint) in &mut ready {
        *counts.entry(zone.clone()).or_default() += 1;
        endpoint.hints = serving(zone);
    }
    let (mut giving, mut receiving) = exchange(&allowances, &counts);
    for (zone, endpoint) in ready {
        let Some(receiver) = receiving.first_key_value().map(|(receiver, _)| receiver.clone()) else { break };
        if take_one(&mut giving, &zone) {
            take_one(&mut receiving, &receiver);
            endpoint.hints = serving(&receiver);
            *counts.entry(zone).or_default() -= 1;
            *counts.entry(receiver).or_default() += 1;
        }
    }
    Ok(counts)
}

/// `None` where a node does not say enough, or there is nothing to choose between.
fn shares<N: AsRef<Node>>(nodes: &[N]) -> Option<Shares> {
    let mut cpus: BTreeMap<String, i64> = BTreeMap::new();
    for node in nodes.iter().map(AsRef::as_ref).filter(|node| counts(node)) {
        let zone = node.metadata.labels.as_ref()?.get(ZONE).filter(|zone| !zone.is_empty())?;
        let cpu = Quantity::try_from(node.status.as_ref()?.allocatable.as_ref()?.get("cpu")?).ok()?;
        if cpu.is_zero() {
            return None;
        }
        *cpus.entry(zone.clone()).or_default() += cpu.milli_value();
    }
    let total = cpus.values().sum::<i64>() as f64;
    (cpus.len() > 1).then(|| cpus.into_iter().map(|(zone, cpu)| (zone, cpu as f64 / total)).collect())
}

/// Whether pods behind services run on a node.
fn counts(node: &Node) -> bool {
    const EXCLUDED: &[&str] = &["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
    let labels = node.metadata.labels.as_ref();
    let excluded = EXCLUDED.iter().any(|label| labels.is_some_and(|labels| labels.contains_key(*label)));
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    !excluded && condition::is_true(conditions, "Ready")
}

/// Most changes of nodes are of something else.
fn makes_a_difference(change: &Change) -> bool {
    let decisive = |object: &Object| {
        let node = object.lean::<Node>().ok();
        let zone = object.metadata().labels.get(ZONE).cloned();
        (zone, node.is_some_and(|node| counts(&node)))
    };
    match (change.before(), change.now()) {
        (Some(before), Some(now)) => decisive(before) != decisive(now),
        _ => true,
    }
}

fn allowances(shares: Option<&Shares>, endpoints: usize) -> Result<BTreeMap<String, Allowance>, String> {
    let Some(shares) = shares else {
        let why = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
        return Err(why.to_owned());
    };
    let zones = shares.len();
    if zones > endpoints {
        return Err(format!("Insufficient number of endpoints ({endpoints} endpoints, {zones} zones)"));
    }
    let allowance = |share: f64| {
        let desired = share * endpoints as f64;
        let least = least(desired);
        Allowance { least, most: least, desired: desired.max(least as f64) }
    };
    let mut allowances: BTreeMap<String, Allowance> =
        shares.iter().map(|(zone, share)| (zone.clone(), allowance(*share))).collect();
    let needed: usize = allowances.values().map(|zone| zone.least).sum();
    let Some(spare) = endpoints.checked_sub(needed) else {
        return Err(format!(
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold \
             ({endpoints} endpoints, {zones} zones)"
        ));
    };
    allowances.values_mut().for_each(|zone| zone.most = zone.least + spare);
    Ok(allowances)
}

fn least(desired: f64) -> usize {
    (desired * (1.0 / (1.0 + OVERLOAD))).ceil() as usize
}

/// Counts the hints of those slices that may stay as they are; the others are to be updated.
fn keep_fitting(plan: &mut Plan, allowances: &BTreeMap<String, Allowance>) -> Counts {
    let mut all = Counts::new();
    for slice in std::mem::take(&mut plan.keep) {
        match fitting(&slice, &all, allowances) {
            Some(counts) => {
                counts.into_iter().for_each(|(zone, count)| *all.entry(zone).or_default() += count);
                plan.keep.push(slice);
            }
            None => plan.update.push((*slice).clone()),
        }
    }
    all
}

/// How many endpoints of a slice serve each zone; `None` if some serve none, or the zones have enough without them.
fn fitting(
    slice: &EndpointSlice,
    others: &Counts,
    allowances: &BTreeMap<String, Allowance>,
) -> Option<Counts> {
    let mut counts = Counts::new();
    for endpoint in
        optional::<&Vec<_>>(&slice.endpoints).into_iter().flatten().filter(|endpoint| is_ready(endpoint))
    {
        let zones = endpoint.hints.as_ref()?.for_zones.as_ref().filter(|zones| !zones.is_empty())?;
        zones.iter().for_each(|zone| *counts.entry(zone.name.clone()).or_default() += 1);
    }
    let fits = |(zone, count): (&String, &usize)| {
        let others = others.get(zone).copied().unwrap_or_default();
        allowances.get(zone).is_some_and(|zone| others + count <= zone.most)
    };
    counts.iter().all(fits).then_some(counts)
}

/// How many endpoints each zone is to give away, and how many each is to get.
fn exchange(allowances: &BTreeMap<String, Allowance>, counts: &Counts) -> (Counts, Counts) {
    let (mut surplus, mut lack) = (BTreeMap::new(), BTreeMap::new());
    for (zone, allowance) in allowances {
        let more = counts.get(zone).copied().unwrap_or_default() as f64 - allowance.desired;
        let side = if more > 0.0 { &mut surplus } else { &mut lack };
        side.insert(zone.clone(), more.abs());
    }
    let (mut giving, mut receiving) = (Counts::new(), Counts::new());
    while let (Some(from), Some(to)) = (most(&mut surplus), most(&mut lack)) {
        let (give, get) = (*from.1, *to.1);
        if give < 0.5 || get < 0.5 || (give < 1.0 && get < 1.0) {
            break;
        }
        *giving.entry(from.0.clone()).or_default() += 1;
        *receiving.entry(to.0.clone()).or_default() += 1;
        (*from.1, *to.1) = (give - 1.0, get - 1.0);
    }
    (giving, receiving)
}

/// The zone with the greatest number, the first of several.
fn most(zones: &mut BTreeMap<String, f64>) -> Option<(&String, &mut f64)> {
    zones.iter_mut().rev().max_by(|a, b| a.1.total_cmp(b.1))
}

fn take_one(zones: &mut Counts, zone: &str) -> bool {
    let Some(left) = zones.get_mut(zone) else { return false };
    *left -= 1;
    if *left == 0 {
        zones.remove(zone);
    }
    true
}

fn is_overloaded(counts: &Counts, shares: Option<&Shares>) -> bool {
    let Some(shares) = shares.filter(|_| !counts.is_empty()) else { return !counts.is_empty() };
    let endpoints = counts.values().sum::<usize>() as f64;
    shares.iter().any(|(zone, share)| counts.get(zone).is_none_or(|count| *count < least(endpoints * share)))
}

fn count_ready(slice: &EndpointSlice) -> usize {
    optional::<&Vec<_>>(&slice.endpoints).into_iter().flatten().filter(|endpoint| is_ready(endpoint)).count()
}

fn serving(zone: &str) -> Option<EndpointHints> {
    Some(EndpointHints {
        for_zones: Some(vec![ForZone { name: zone.to_owned() }]),
        ..EndpointHints::default()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use steersman_core::tree::json;

    use super::*;

    /// Ready nodes, from words like `zone:cpu`.
    fn nodes(words: &str) -> Vec<Node> {
        let node = |word: &str| {
            let (zone, cpu) = word.split_once(':').unwrap();
            let node = json!({
                "metadata": {"name": word, "labels": {ZONE: zone}},
                "status": {"allocatable": {"cpu": cpu}, "conditions": [{"type": "Ready", "status": "True"}]}
            });
            steersman_core::tree::from_value(node).unwrap()
        };
        words.split_whitespace().map(node).collect()
    }

    fn view(nodes: &[Node]) -> View {
        View::fixed(Timestamp::UNIX_EPOCH).with(nodes)
    }

    fn read(words: &str) -> Option<Shares> {
        shares(&nodes(words).into_iter().map(Arc::new).collect::<Vec<_>>())
    }

    /// A slice with an endpoint in each of the zones.
    fn slice(zones: &[&str]) -> EndpointSlice {
        let endpoint =
            |zone: &&str| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "zone": zone});
        let endpoints: Vec<_> = zones.iter().map(endpoint).collect();
        let slice = json!({"addressType": "IPv4", "metadata": {}, "endpoints": endpoints});
        steersman_core::tree::from_value(slice).unwrap()
    }

    /// Which zones the endpoints serve, one after the other.
    fn hinted(slice: &EndpointSlice) -> String {
        let zones = slice
            .endpoints
            .iter()
            .flatten()
            .filter_map(|endpoint| endpoint.hints.as_ref()?.for_zones.as_ref());
        zones.flatten().map(|zone| zone.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nodes_that_do_not_say_enough_give_no_shares() {
        let half = Shares::from([("a".into(), 0.5), ("b".into(), 0.5)]);
        let cases = [
            ("", None),
            ("a:1", None),
            ("a:1 b:1 :1", None),
            ("a:1 b:1 b:0", None),
            ("a:500m b:1 a:500m", Some(half)),
        ];
        for (nodes, expected) in cases {
            assert_eq!(read(nodes), expected, "{nodes}");
        }
    }

    #[test]
    fn each_zone_gets_its_share_of_the_endpoints() {
        let too_few = "Insufficient number of endpoints (1 endpoints, 2 zones)";
        let overload = "Unable to allocate minimum required endpoints to each zone without exceeding overload \
                        threshold (3 endpoints, 2 zones)";
        let cases: [(&str, &[&str], &str); 7] = [
            ("a:1 b:1", &["a"], too_few),
            ("a:1 b:1", &["a", "b"], "a b"),
            ("a:1 b:1", &["a", "a"], "b a"),
            ("a:1 b:1", &["a", "a", "a", "b"], "b a a b"),
            ("a:1 b:1", &["a", "a", "b"], overload),
            ("a:3 b:1", &["a", "b", "b", "b"], "a a a b"),
            ("a:1 b:1", &["a", ""], "One or more endpoints do not have a zone specified"),
        ];
        for (words, zones, expected) in cases {
            let mut plan = Plan { create: vec![slice(zones)], ..Plan::default() };
            let told = match spread(&view(&nodes(words)), &mut plan) {
                Ok(_) => hinted(&plan.create[0]),
                Err(why) => why,
            };
            assert_eq!(told, expected, "{words} {zones:?}");
        }
    }

    #[test]
    fn slices_whose_hints_fit_are_kept() {
        let view = view(&nodes("a:1 b:1"));
        let mut plan = Plan { create: vec![slice(&["a", "a"])], ..Plan::default() };
        spread(&view, &mut plan).unwrap();
        let right = Arc::new(plan.create.remove(0));
        let mut plan = Plan { keep: vec![right.clone()], ..Plan::default() };
        assert_eq!(spread(&view, &mut plan), Ok([("a".into(), 1), ("b".into(), 1)].into()));
        assert_eq!((plan.keep.len(), plan.update.len()), (1, 0));
        let without_hints = slice(&["a"]).into();
        let mut plan = Plan { keep: vec![right.clone(), without_hints], ..Plan::default() };
        plan.create = vec![slice(&["a"])];
        spread(&view, &mut plan).unwrap();
        assert_eq!((plan.keep, plan.update.len()), (vec![right], 1));
    }

    #[test]
    fn services_with_too_few_endpoints_for_a_zone_are_known() {
        let counts =
            |all: &[(&str, usize)]| all.iter().map(|(zone, count)| ((*zone).to_owned(), *count)).collect();
        let halves = read("a:1 b:1");
        assert!(!is_overloaded(&counts(&[("a", 1), ("b", 1)]), halves.as_ref()));
        assert!(is_overloaded(&counts(&[("a", 1), ("b", 1)]), None));
        assert!(is_overloaded(&counts(&[("a", 2)]), halves.as_ref()));
        assert!(is_overloaded(&counts(&[("a", 5), ("b", 1)]), halves.as_ref()));
    }
}
