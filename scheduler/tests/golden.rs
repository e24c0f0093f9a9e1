//! Replays decisions recorded from kube-scheduler 1.36 and counts in what ours agree.
//!
//! `tests/golden/scheduler/` at the root holds one file an area; `GOLDEN_DIR` replays another directory of the same
//! format, without requiring counts. The format: a line a scenario, with `nodes`, `pods`, `objects`, `config`, `pod`,
//! and under `expect` what the real scheduler said.
#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be read fails the test, and should say where"
)]
#![expect(clippy::print_stdout, reason = "the counts are what the test is run for")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use k8s_openapi::api::core::v1::{Node, Pod};
use steersman_core::Object;
use steersman_core::tree::{Map, Value, from_value, json};
use steersman_scheduler::{Decision, Explanation, NoFit, PodInfo, Profile, Refusal, Rejection, Snapshot};

/// What is compared.
const ASPECTS: [&str; 5] = ["feasibility", "reasons", "scores", "message", "preemption"];

/// How many scenarios of each area must agree in each aspect, in the order of [`ASPECTS`].
const REQUIRED: &[(&str, [usize; 5])] = &[
    ("fit-strategies", [151, 151, 151, 151, 151]),
    ("gates", [8, 8, 8, 8, 8]),
    ("images", [55, 55, 55, 55, 55]),
    ("interpodaffinity", [290, 290, 290, 290, 290]),
    ("mixed", [166, 166, 166, 166, 166]),
    ("nodeaffinity", [253, 253, 253, 253, 253]),
    ("nodename-unschedulable", [55, 55, 55, 55, 55]),
    ("nominated", [74, 74, 74, 74, 74]),
    ("ports", [123, 123, 123, 123, 123]),
    ("preemption", [257, 257, 257, 257, 257]),
    ("resources", [263, 263, 263, 263, 263]),
    ("taints", [154, 154, 154, 154, 154]),
    ("topologyspread", [265, 265, 265, 265, 265]),
    ("volumes", [267, 267, 267, 267, 267]),
];

/// How many scenarios of an area agree.
#[derive(Default)]
struct Tally {
    scenarios: usize,
    agree: [usize; 5],
    differences: Vec<String>,
}

#[test]
fn decisions_agree_with_kube_scheduler() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/scheduler");
    let given = std::env::var_os("GOLDEN_DIR").map(PathBuf::from);
    let directory = given.as_deref().unwrap_or(&own);
    let mut areas = BTreeMap::new();
    for (area, text) in files(directory) {
        let tally: &mut Tally = areas.entry(area).or_default();
        text.lines().filter(|line| !line.is_empty()).for_each(|line| tally.replay(line));
    }
    report(&areas);
    if given.is_none() {
        let short: Vec<String> =
            REQUIRED.iter().filter_map(|(area, counts)| too_few(area, counts, &areas)).collect();
        assert!(short.is_empty(), "fewer scenarios agree than before: {}", short.join("; "));
    }
}

fn files(directory: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let area =
        |path: &Path| path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
    let read = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let mut text = String::new();
        match path.extension().is_some_and(|extension| extension == "gz") {
            true => GzDecoder::new(&bytes[..]).read_to_string(&mut text).map(|_| text).unwrap(),
            false => String::from_utf8(bytes).unwrap(),
        }
    };
    let wanted = |path: &&PathBuf| path.to_str().unwrap().contains(".jsonl");
    paths.iter().filter(wanted).map(|path| (area(path), read(path))).collect()
}

fn too_few(area: &str, required: &[usize; 5], areas: &BTreeMap<String, Tally>) -> Option<String> {
    let agree = areas.get(area).map_or([0; 5], |tally| tally.agree);
    let short = ASPECTS.iter().zip(agree.iter().zip(required)).filter(|(_, (have, need))| have < need);
    let short: Vec<String> =
        short.map(|(aspect, (have, need))| format!("{aspect} {have} of {need}")).collect();
    (!short.is_empty()).then(|| format!("{area}: {}", short.join(", ")))
}

fn report(areas: &BTreeMap<String, Tally>) {
    for difference in areas.values().flat_map(|tally| &tally.differences) {
        println!("{difference}");
    }
    println!("{:24}{:>10}{}", "area", "scenarios", ASPECTS.map(|aspect| format!("{aspect:>13}")).concat());
    for (area, tally) in areas {
        println!(
            "{area:24}{:>10}{}",
            tally.scenarios,
            tally.agree.map(|agree| format!("{agree:>13}")).concat()
        );
    }
}

impl Tally {
    fn replay(&mut self, line: &str) {
        let scenario: Value = serde_json::from_str(line).unwrap();
        let (ours, theirs) = (ours(&scenario), theirs(&scenario["expect"]));
        self.scenarios += 1;
        let mut first = None;
        for (at, aspect) in ASPECTS.iter().enumerate() {
            if same(&ours[at], &theirs[at]) {
                self.agree[at] += 1;
            } else if first.is_none() {
                first =
                    Some(format!("{} {aspect}: ours {} theirs {}", scenario["name"], ours[at], theirs[at]));
            }
        }
        self.differences.extend(first);
    }
}

/// Where the real scheduler chose among equals by the order of a map, any of them will do.
fn same(ours: &Value, theirs: &Value) -> bool {
    match theirs.get("nodeAnyOf").and_then(Value::as_array) {
        Some(any) => any.contains(&ours["node"]) && ours["candidates"] == theirs["candidates"],
        None => ours == theirs,
    }
}

/// What the real scheduler said, by aspect.
fn theirs(expect: &Value) -> [Value; 5] {
    let or_empty = |name: &str| expect.get(name).cloned().unwrap_or_else(|| json!({}));
    let rejections = or_empty("preFilter").as_object().unwrap().clone();
    let rejections: Map = rejections.into_iter().filter(|(_, said)| said.get("code").is_some()).collect();
    let gate = expect.get("preEnqueue").filter(|gate| gate["code"] != "Success").cloned();
    [
        expect.get("feasible").cloned().unwrap_or_else(|| json!([])),
        json!({
            "gate": gate, "pod": rejections, "nodes": or_empty("filter"),
            "plugins": expect.get("unschedulablePlugins").cloned().unwrap_or_else(|| json!([])),
        }),
        json!({"scores": or_empty("scores"), "total": or_empty("total")}),
        json!({"message": expect.get("message"), "error": expect.get("error")}),
        expect.get("preemption").cloned().map_or(Value::Null, preemption),
    ]
}

fn preemption(mut preemption: Value) -> Value {
    let told = preemption.as_object_mut().unwrap();
    told.remove("message");
    for (name, empty) in
        [("victims", json!([])), ("clearedNominations", json!([])), ("candidates", json!({}))]
    {
        told.entry(name).or_insert(empty);
    }
    preemption
}

/// What ours says, by aspect.
fn ours(scenario: &Value) -> [Value; 5] {
    let (snapshot, pod, profile) = (snapshot(scenario), pod(&scenario["pod"], "incoming"), profile(scenario));
    let explanation = profile.explain(&pod, &snapshot);
    let decision = profile.pick(&pod, &snapshot, 0);
    let (message, error, no_fit) = match decision {
        Decision::NoFit(no_fit) => (Some(no_fit.diagnosis.to_string()), None, Some(no_fit)),
        Decision::Error(why) => (None, Some(why), None),
        _ => (None, explanation.error.clone(), None),
    };
    let mut feasible = explanation.feasible.clone();
    feasible.sort();
    let plugins = no_fit.as_ref().map(|no_fit| no_fit.diagnosis.plugins.iter().collect::<Vec<_>>());
    [
        json!(feasible.iter().map(|name| &**name).collect::<Vec<_>>()),
        json!({
            "gate": explanation.held_back.as_ref().map(gate),
            "pod": each(&explanation.pod, rejection),
            "nodes": each(&explanation.filter, |verdicts| json!(each(verdicts, rejection))),
            "plugins": plugins.unwrap_or_default(),
        }),
        scores(&explanation),
        json!({"message": message, "error": error}),
        no_fit.filter(|no_fit| no_fit.diagnosis.nodes > 0).map_or(Value::Null, |no_fit| nomination(&no_fit)),
    ]
}

fn nomination(no_fit: &NoFit) -> Value {
    let keys = |pods: &[Arc<PodInfo>]| pods.iter().map(|pod| pod.key().to_string()).collect::<Vec<_>>();
    let nomination = no_fit.nomination.as_ref();
    let candidates = nomination.map(|nomination| &nomination.candidates[..]).unwrap_or_default().iter();
    let candidates: Map = candidates
        .map(|candidate| {
            let victims = keys(&candidate.victims);
            match candidate.budgets_violated {
                0 => (candidate.node.to_string(), json!({"victims": victims})),
                number => (candidate.node.to_string(), json!({"victims": victims, "pdbViolations": number})),
            }
        })
        .collect();
    json!({
        "node": nomination.map_or("", |nomination| &nomination.node),
        "victims": nomination.map(|nomination| keys(&nomination.victims)).unwrap_or_default(),
        "clearedNominations": nomination.map(|nomination| keys(&nomination.displaced)).unwrap_or_default(),
        "candidates": candidates,
    })
}

fn each<K: AsRef<str>, V>(map: &BTreeMap<K, V>, show: impl Fn(&V) -> Value) -> Map {
    map.iter().map(|(key, value)| (key.as_ref().to_owned(), show(value))).collect()
}

fn rejection(rejection: &Rejection) -> Value {
    let mut reasons = rejection.reasons().to_vec();
    reasons.sort();
    json!({"code": rejection.code.as_str(), "reasons": reasons})
}

fn gate(refusal: &Refusal) -> Value {
    let mut gate = rejection(&refusal.rejection);
    gate["plugin"] = json!(refusal.plugin);
    gate
}

/// Plugins that add nothing are left out, as in the recording.
fn scores(explanation: &Explanation) -> Value {
    let adds = |(_, nodes): &(&&str, &BTreeMap<Arc<str>, _>)| {
        nodes.values().any(|score: &steersman_scheduler::NodeScores| score.raw != 0 || score.normalized != 0)
    };
    let show =
        |score: &steersman_scheduler::NodeScores| json!({"raw": score.raw, "normalized": score.normalized});
    let scores = explanation.scores.iter().filter(adds);
    let scores: Map =
        scores.map(|(plugin, nodes)| ((*plugin).to_owned(), json!(each(nodes, show)))).collect();
    json!({"scores": scores, "total": each(&explanation.total, |total| json!(total))})
}

fn snapshot(scenario: &Value) -> Snapshot {
    let list = |name: &str| scenario.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut snapshot = Snapshot::new();
    for node in list("nodes") {
        snapshot.set_node(from_value::<Node>(node).unwrap());
    }
    for (number, existing) in list("pods").iter().enumerate() {
        let pod = pod(existing, &format!("existing-{number}"));
        match pod.node_name().and_then(|name| snapshot.node_named(name)).map(|node| node.index()) {
            Some(index) => snapshot.add_pod(index, &pod),
            None => {
                let node = pod.nominated_node_name().unwrap_or_default().to_owned();
                snapshot.nominate(&pod, &node);
            }
        }
    }
    for object in list("objects") {
        snapshot.set_related(Object::from_value(&object).unwrap());
    }
    snapshot
}

/// A pod without a uid has one that no other has.
fn pod(value: &Value, uid: &str) -> Arc<PodInfo> {
    let mut pod: Pod = from_value(value.clone()).unwrap();
    pod.metadata.uid.get_or_insert_with(|| uid.to_owned());
    Arc::new(PodInfo::new(pod))
}

fn profile(scenario: &Value) -> Profile {
    let config = scenario.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    config.into_iter().fold(Profile::default(), |profile, (plugin, args)| {
        profile.clone().configured(&plugin, args).unwrap_or(profile)
    })
}
