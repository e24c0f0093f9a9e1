//! Extenders have a say in where pods go, and hold nobody up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use k8s_openapi::api::core::v1::Node;
use steersman_core::testing::Lab;
use steersman_core::tree::{Value, json};
use steersman_scheduler::plugins::GangScheduling;
use steersman_scheduler::{
    Candidate, Configuration, Extender, ExtenderConfiguration, Filtered, HttpExtender, Part, PodInfo, Post,
    Profile, Registry, Victims,
};

use crate::{World, gangs};

/// What an extender does when it is asked to filter.
#[derive(Clone)]
enum Way {
    /// Leaves one node, and says why not the others.
    Only(&'static str),
    /// Never answers.
    Hang,
    /// Says that it failed.
    Fail,
    /// Speaks of a node that there is not.
    Lie,
    /// Takes all nodes away, and says nothing.
    Silent,
}

#[derive(Clone)]
struct Choosy {
    way: Way,
    is_ignorable: bool,
    part: Part,
    bound: Arc<Mutex<Vec<String>>>,
}

impl Choosy {
    fn new(way: Way) -> Self {
        let part = Part { filters: true, ..Part::default() };
        Choosy { way, is_ignorable: false, part, bound: Arc::default() }
    }
}

#[async_trait]
impl Extender for Choosy {
    fn name(&self) -> &str {
        "choosy"
    }

    fn part(&self) -> Part {
        self.part
    }

    fn is_ignorable(&self) -> bool {
        self.is_ignorable
    }

    async fn filter(&self, _: &PodInfo, nodes: &[Arc<Node>]) -> Result<Filtered, String> {
        match self.way {
            Way::Hang => std::future::pending().await,
            Way::Fail => Err("out of order".to_owned()),
            Way::Lie => Ok(Filtered { nodes: vec!["nowhere".to_owned()], ..Filtered::default() }),
            Way::Silent => Ok(Filtered::default()),
            Way::Only(name) => {
                let names = || nodes.iter().map(|node| node.metadata.name.clone().unwrap());
                let others = names().filter(|one| one != name).map(|one| (one, "is not liked".to_owned()));
                let kept = names().filter(|one| one == name).collect();
                Ok(Filtered { nodes: kept, failed: others.collect(), ..Filtered::default() })
            }
        }
    }

    async fn prioritize(&self, _: &PodInfo, nodes: &[Arc<Node>]) -> Result<BTreeMap<String, i64>, String> {
        let name = |node: &Arc<Node>| node.metadata.name.clone().unwrap();
        Ok(nodes.iter().map(|node| (name(node), if name(node) == "n1" { 10 } else { 0 })).collect())
    }

    async fn preempt(&self, _: &PodInfo, candidates: &[Arc<Candidate>]) -> Result<Vec<Victims>, String> {
        let victims = |candidate: &Arc<Candidate>| Victims {
            node: candidate.node.to_string(),
            pods: candidate.victims.iter().map(|victim| victim.uid().to_owned()).collect(),
            budgets_violated: 0,
        };
        match self.way {
            Way::Only(name) => {
                Ok(candidates.iter().filter(|candidate| &*candidate.node == name).map(victims).collect())
            }
            _ => Err("out of order".to_owned()),
        }
    }

    async fn bind(&self, pod: &PodInfo, node: &str) -> Result<(), String> {
        self.bound.lock().unwrap().push(format!("{} to {node}", pod.name()));
        Ok(())
    }
}

fn with(extender: impl Extender, story: impl AsyncFnOnce(World)) {
    let lab = Lab::new();
    let world = World::with(&lab, Profile::default(), |scheduler| scheduler.extender(extender));
    lab.run(story(world));
}

#[test]
fn a_filter_leaves_nodes_out_and_its_reasons_are_told() {
    with(Choosy::new(Way::Only("n2")), async |world| {
        world.node("n1", "64").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        let (reason, message) = world.condition("a").await;
        assert_eq!(reason, "Unschedulable");
        assert!(message.starts_with("0/1 nodes are available: 1 is not liked."), "{message}");
        world.node("n2", "1").await;
        world.seconds(11).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n2"));
    });
}

#[test]
fn an_extender_that_hangs_fails_or_lies_ends_in_a_message() {
    let hung = "extender \"choosy\" did not answer within 5s";
    let lied =
        "extender \"choosy\" claims a filtered node \"nowhere\" which is not found in the input node list";
    for (way, told) in [(Way::Hang, hung), (Way::Fail, "out of order"), (Way::Lie, lied)] {
        with(Choosy::new(way), async |world| {
            world.node("n1", "4").await;
            world.pod("a", "1", json!({})).await;
            world.seconds(6).await;
            assert_eq!(world.condition("a").await, ("SchedulerError".to_owned(), told.to_owned()));
        });
    }
}

#[test]
fn an_extender_that_may_be_ignored_holds_nobody_up() {
    for way in [Way::Hang, Way::Fail, Way::Lie] {
        with(Choosy { is_ignorable: true, ..Choosy::new(way) }, async |world| {
            world.node("n1", "4").await;
            world.pod("a", "1", json!({})).await;
            world.pod("b", "1", json!({})).await;
            world.seconds(11).await;
            assert!(world.node_of("a").await.is_some() && world.node_of("b").await.is_some());
        });
    }
}

#[test]
fn scores_of_an_extender_count_with_its_weight() {
    let part = Part { prioritizes: Some(100), ..Part::default() };
    with(Choosy { part, ..Choosy::new(Way::Fail) }, async |world| {
        world.node("n1", "2").await;
        world.node("n2", "64").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n1"));
    });
}

#[test]
fn an_extender_chooses_among_the_candidates_for_preemption() {
    let part = Part { preempts: true, ..Part::default() };
    with(Choosy { part, ..Choosy::new(Way::Only("n2")) }, async |world| {
        full_of_unimportant_pods(&world).await;
        world.pod("high", "1", json!({"priority": 9})).await;
        world.seconds(10).await;
        assert_eq!(world.node_of("high").await.as_deref(), Some("n2"));
    });
}

async fn full_of_unimportant_pods(world: &World) {
    for node in ["n1", "n2"] {
        world.node(node, "1").await;
        world.pod(&format!("low-{node}"), "1", json!({"nodeSelector": {}, "priority": 1})).await;
        world.seconds(1).await;
    }
}

#[test]
fn an_extender_that_agrees_with_no_candidate_or_fails_ends_the_search_for_room() {
    let none = "no new claims to deallocate, preemption: no candidate node for preemption";
    for (way, told) in [(Way::Only("elsewhere"), none), (Way::Fail, "preemption: out of order")] {
        let part = Part { preempts: true, ..Part::default() };
        with(Choosy { part, ..Choosy::new(way) }, async |world| {
            full_of_unimportant_pods(&world).await;
            world.pod("high", "1", json!({"priority": 9})).await;
            world.seconds(5).await;
            let message = format!("0/2 nodes are available: 2 Insufficient cpu. {told}");
            assert_eq!(world.condition("high").await, ("Unschedulable".to_owned(), message));
        });
    }
}

#[test]
fn pods_are_not_removed_from_nodes_that_an_extender_takes_without_a_word() {
    with(Choosy::new(Way::Silent), async |world| {
        world.node("n1", "2").await;
        world.seconds(1).await;
        let low = json!({"nodeName": "n1", "priority": 1});
        world.pod("low", "1", low).await;
        world.pod("high", "1", json!({"priority": 9})).await;
        world.seconds(2).await;
        let helpless = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        let message = format!("0/1 nodes are available: no new claims to deallocate, {helpless}");
        assert_eq!(world.condition("high").await.1, message);
    });
}

#[test]
fn what_an_extender_says_of_a_node_that_a_plugin_refused_counts() {
    /// Takes all nodes away; says so of `n1`, whether it was asked about it or not.
    struct Loud;

    #[async_trait]
    impl Extender for Loud {
        fn name(&self) -> &str {
            "loud"
        }

        fn part(&self) -> Part {
            Part { filters: true, ..Part::default() }
        }

        async fn filter(&self, _: &PodInfo, _: &[Arc<Node>]) -> Result<Filtered, String> {
            let about = |why: &str| BTreeMap::from([("n1".to_owned(), why.to_owned())]);
            let failed_and_unresolvable = about("is gone for good");
            Ok(Filtered { failed: about("is gone"), failed_and_unresolvable, ..Filtered::default() })
        }
    }
    with(Loud, async |world| {
        world.node("n1", "1").await;
        world.node("n2", "4").await;
        world.pod("a", "2", json!({})).await;
        world.seconds(1).await;
        let (_, message) = world.condition("a").await;
        assert!(message.starts_with("0/2 nodes are available: 1 is gone for good. "), "{message}");
    });
}

#[test]
fn a_pod_goes_elsewhere_where_an_extender_will_not_have_the_node_that_was_kept_for_it() {
    with(Choosy::new(Way::Only("n2")), async |world| {
        world.node("n1", "1").await;
        world.node("n2", "1").await;
        let pod = json!({
            "metadata": {"name": "a", "namespace": "d"},
            "spec": {"schedulerName": "default-scheduler", "containers": []},
            "status": {"nominatedNodeName": "n1"},
        });
        let pod: k8s_openapi::api::core::v1::Pod = steersman_core::tree::from_value(pod).unwrap();
        world.client.namespaced("d").create(&pod).await.unwrap();
        world.seconds(1).await;
        assert_eq!(world.node_of("a").await.as_deref(), Some("n2"));
    });
}

#[test]
fn an_extender_binds_in_place_of_the_plugin() {
    let part = Part { binds: true, ..Part::default() };
    let extender = Choosy { part, ..Choosy::new(Way::Fail) };
    let bound = extender.bound.clone();
    with(extender, async |world| {
        world.node("n1", "1").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        assert_eq!(*bound.lock().unwrap(), ["a to n1"]);
        assert_eq!(world.events("Scheduled").await, ["Successfully assigned d/a to n1"]);
    });
}

#[test]
fn extenders_have_a_say_about_each_pod_of_a_gang() {
    let cases = [
        (Way::Only("n1"), [3, 0], None),
        (Way::Only("n2"), [0, 2], Some("0/2 nodes are available: 1 Insufficient cpu, 1 is not liked.")),
        (Way::Fail, [0, 0], Some("failed to schedule other pod from a pod group: out of order")),
    ];
    for (way, placed, told) in cases {
        let lab = Lab::new();
        let profile = Profile::default().with(GangScheduling);
        let world = World::with(&lab, profile, |scheduler| scheduler.extender(Choosy::new(way)));
        lab.run(async {
            world.node("n1", "4").await;
            world.node("n2", "2").await;
            gangs::gang(&world, 2).await;
            for pod in ["a", "b", "c"] {
                world.pod(pod, "1", json!({"schedulingGroup": {"podGroupName": "g"}})).await;
            }
            world.seconds(1).await;
            let mut on = [0, 0];
            for pod in ["a", "b", "c"] {
                let node = world.node_of(pod).await;
                on[0] += usize::from(node.as_deref() == Some("n1"));
                on[1] += usize::from(node.as_deref() == Some("n2"));
            }
            assert_eq!(on, placed);
            if let Some(told) = told {
                let (_, message) = world.condition("c").await;
                assert!(message.starts_with(told), "{message}");
            }
        });
    }
}

/// Answers like a web service, and notes what it was asked.
#[derive(Clone, Default)]
struct Web(Arc<Mutex<Vec<(String, Value)>>>);

#[async_trait]
impl Post for Web {
    async fn post(&self, url: &str, body: Bytes) -> Result<(u16, Bytes), String> {
        let body: Value = serde_json::from_slice(&body).unwrap();
        self.0.lock().unwrap().push((url.to_owned(), body));
        let answer = match url.rsplit('/').next().unwrap() {
            "filter" => json!({"nodenames": ["n2"], "failedNodes": {"n1": "no"}}),
            "prioritize" => json!([{"Host": "n2", "Score": 3}]),
            "twice" => json!([{"host": "n1", "score": 3}, {"Host": "n1", "Score": 4}]),
            "bind" => json!({"Error": "not here"}),
            _ => return Ok((500, Bytes::new())),
        };
        Ok((200, answer.to_string().into()))
    }
}

#[test]
fn a_configured_extender_speaks_upstreams_language() {
    let lab = Lab::new();
    let file = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "extenders": [{
            "urlPrefix": "http://extender/api/", "filterVerb": "filter", "bindVerb": "bind",
            "nodeCacheCapable": true, "httpTimeout": "2s",
            "managedResources": [{"name": "example.com/gpu", "ignoredByScheduler": true}],
        }],
    });
    let configuration = Configuration::from_value(file, &Registry::default()).unwrap();
    let web = Web::default();
    let extender = HttpExtender::new(configuration.extenders[0].clone(), web.clone());
    let world = World::with(&lab, configuration.profiles, |scheduler| scheduler.extender(extender));
    lab.run(async {
        world.node("n1", "4").await;
        world.node("n2", "4").await;
        world.pod("plain", "1", json!({})).await;
        let requests = json!({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}});
        world.pod("gpu", "1", json!({"containers": [{"name": "c", "resources": requests}]})).await;
        world.seconds(1).await;
        assert!(world.node_of("plain").await.is_some());
        let asked = web.0.lock().unwrap().clone();
        assert_eq!(asked[0].0, "http://extender/api/filter");
        assert_eq!(asked[0].1["NodeNames"], json!(["n1", "n2"]));
        assert_eq!(asked[0].1["Pod"]["metadata"]["name"], "gpu");
        assert_eq!(asked[1].1["PodName"], "gpu");
        assert_eq!(asked[1].1["Node"], "n2");
        let (_, message) = world.condition("gpu").await;
        assert_eq!(message, "not here");
    });
}

#[test]
fn an_answer_other_than_ok_is_an_error() {
    let lab = Lab::new();
    let mut configuration = ExtenderConfiguration::default();
    configuration.url_prefix = "http://extender".to_owned();
    configuration.filter_verb = "broken".to_owned();
    let extender = HttpExtender::new(configuration, Web::default());
    assert_eq!(extender.limit(), Duration::from_secs(5));
    let world = World::with(&lab, Profile::default(), |scheduler| scheduler.extender(extender));
    lab.run(async {
        world.node("n1", "4").await;
        world.pod("a", "1", json!({})).await;
        world.seconds(1).await;
        let told = "failed broken with extender at URL http://extender/broken, code 500";
        assert_eq!(world.condition("a").await.1, told);
    });
}

#[test]
fn extenders_that_may_be_ignored_are_asked_last_and_scores_of_one_node_add_up() {
    let extender = |url: &str, ignorable: bool| {
        json!({
            "urlPrefix": url, "prioritizeVerb": "twice", "weight": 1, "ignorable": ignorable,
            "nodeCacheCapable": true,
        })
    };
    let file = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "extenders": [extender("http://one", true), extender("http://two", false)],
    });
    let configuration = Configuration::from_value(file, &Registry::default()).unwrap();
    let urls: Vec<&str> = configuration.extenders.iter().map(|one| one.url_prefix.as_str()).collect();
    assert_eq!(urls, ["http://two", "http://one"]);
    let extender = HttpExtender::new(configuration.extenders[0].clone(), Web::default());
    let lab = Lab::new();
    let pod = PodInfo::new(k8s_openapi::api::core::v1::Pod::default());
    lab.run(async {
        assert_eq!(extender.prioritize(&pod, &[]).await, Ok(BTreeMap::from([("n1".to_owned(), 7)])));
    });
}

#[cfg(feature = "http")]
#[tokio::test(flavor = "current_thread")]
async fn plain_http_posts_and_reads_the_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/filter", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"{}") {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            seen.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await.unwrap();
        String::from_utf8(seen).unwrap()
    };
    let asked = steersman_scheduler::PlainHttp.post(&url, Bytes::from_static(b"{}"));
    let (seen, answer) = tokio::join!(serve, asked);
    assert!(seen.starts_with("POST /filter HTTP/1.1\r\n") && seen.contains("application/json"), "{seen}");
    assert_eq!(answer, Ok((200, Bytes::from_static(b"[]"))));
    let refused = steersman_scheduler::PlainHttp.post("https://example.com", Bytes::new()).await;
    assert!(refused.is_err());
}
