//! Extenders have a say in where pods go, and hold nobody up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use k8s_openapi::api::core::v1::Node;
use steersman_core::testing::Lab;
use steersman_core::tree::{Value, json};
use steersman_scheduler::{
    Candidate, Configuration, Extender, ExtenderConfiguration, Filtered, HttpExtender, Part, PodInfo, Post,
    Profile, Registry, Victims,
};

use crate::World;

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
        Ok(candidates.iter().filter(|candidate| &*candidate.node == "n2").map(victims).collect())
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
    with(Choosy { part, ..Choosy::new(Way::Fail) }, async |world| {
        for node in ["n1", "n2"] {
            world.node(node, "1").await;
            world.pod(&format!("low-{node}"), "1", json!({"nodeSelector": {}, "priority": 1})).await;
            world.seconds(1).await;
        }
        world.pod("high", "1", json!({"priority": 9})).await;
        world.seconds(10).await;
        assert_eq!(world.node_of("high").await.as_deref(), Some("n2"));
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
        assert_eq!(message, "running Bind plugin \"extender\": not here");
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
