//! What containers print reaches who asks for it.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use steersman::apiserver::User;
use steersman::apiserver::http::Body;
use steersman::core::tree::{Value, json};
use steersman::kubelet::Fake;
use steersman::kubelet::fake::{Printed, SCRIPT, Script};
use steersman::prelude::*;
use steersman::sim::Sim;

fn pod(name: &str, script: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "annotations": {SCRIPT: script}},
        "spec": {"containers": [{"name": "main", "image": "i"}]},
    })
    .to_string()
}

/// The code of the answer, and its body up to its end.
async fn read(cluster: &Cluster, path: &str) -> (u16, String) {
    let request = Request::get(format!("/api/v1/namespaces/default/pods/{path}"));
    let answer = cluster.server().call(User::admin(), request.body(Bytes::new()).unwrap()).await;
    let code = answer.status().as_u16();
    let body = match answer.into_body() {
        Body::Full(bytes) => bytes.to_vec(),
        Body::Chunks(chunks) => chunks.collect::<Vec<_>>().await.concat(),
        other => panic!("a log is text: {other:?}"),
    };
    (code, String::from_utf8(body).unwrap())
}

async fn refusal(cluster: &Cluster, path: &str) -> (u16, String) {
    let (code, body) = read(cluster, path).await;
    let status: Value = serde_json::from_str(&body).unwrap();
    (code, status["message"].as_str().unwrap_or_default().to_owned())
}

/// A cluster with one node whose containers print two lines, the second after four seconds, and crash after ten.
async fn start(sim: &Sim) -> Cluster {
    let seconds = Duration::from_secs;
    let fake = Fake::new(&sim.env()).scripted(move |_, container| {
        let mut script = Script::default();
        (script.run, script.exit_code) = (Some(seconds(10)), 1);
        script.prints.push(Printed::line(format!("run {}", container.attempt)));
        script.prints.push(Printed::line("later").after(seconds(4)));
        script
    });
    Cluster::builder().node("n", fake).start(&sim.env()).await.unwrap()
}

#[test]
fn a_log_is_followed_until_the_container_ends() {
    steersman::sim::check(1..=3, async |sim| {
        let cluster = start(sim).await;
        cluster.apply(&pod("web", "")).await.unwrap();
        sim.advance(Duration::from_secs(2)).await;
        assert_eq!(read(&cluster, "web/log").await, (200, "run 0\n".to_owned()));
        sim.advance(Duration::from_secs(3)).await;
        assert_eq!(read(&cluster, "web/log?tailLines=1").await.1, "later\n");
        assert_eq!(read(&cluster, "web/log?limitBytes=7").await.1, "run 0\nl");
        assert_eq!(read(&cluster, "web/log?sinceSeconds=2").await.1, "later\n");
        let (_, timed) = read(&cluster, "web/log?timestamps=true").await;
        assert!(
            timed.lines().all(|line| line.as_bytes()[29] == b'Z' && line.as_bytes()[30] == b' '),
            "{timed}"
        );
        // It ends with the container; what is read after that may be the next one's.
        assert_eq!(read(&cluster, "web/log?follow=true").await, (200, "run 0\nlater\n".to_owned()));
    });
}

#[test]
fn the_run_before_can_be_read_once_there_was_one() {
    steersman::sim::check(1..=3, async |sim| {
        let cluster = start(sim).await;
        cluster.apply(&pod("web", "")).await.unwrap();
        sim.advance(Duration::from_secs(5)).await;
        let none = "previous terminated container \"main\" in pod \"web\" not found".to_owned();
        assert_eq!(refusal(&cluster, "web/log?previous=true").await, (400, none));
        sim.advance(Duration::from_secs(7)).await;
        assert_eq!(read(&cluster, "web/log").await.1, "run 1\n");
        assert_eq!(read(&cluster, "web/log?previous=true").await.1, "run 0\nlater\n");
    });
}

#[test]
fn what_has_no_log_says_why() {
    steersman::sim::check(1..=3, async |sim| {
        let env = sim.env();
        let pull = steersman::kubelet::fake::Pull::Fails("no such image".to_owned());
        let fake = Fake::new(&env).pulling("i", pull);
        let cluster = Cluster::builder().node("n", fake).start(&env).await.unwrap();
        cluster.apply(&pod("web", "")).await.unwrap();
        sim.advance(Duration::from_secs(1)).await;
        let (code, why) = refusal(&cluster, "web/log").await;
        assert_eq!(code, 400);
        assert!(why.starts_with("container \"main\" in pod \"web\" is waiting to start: "), "{why}");
        cluster.fail_node("n");
        let why = "Get \"https://n:10250/containerLogs/default/web/main\": \
                   dial tcp n:10250: connect: connection refused";
        assert_eq!(refusal(&cluster, "web/log").await, (500, why.to_owned()));
    });
}
