//! Logs, commands, attached clients and ports, as real clients use them: over the network, and without a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use bytes::Bytes;
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, AttachParams, LogParams, TerminalSize};
use serde_json::json;
use steersman::apiserver::User;
use steersman::apiserver::http::{Limits, Service};
use steersman::apiserver::listener::{Authority, Listener, Options, Tls};
use steersman::kubelet::fake::{Answer, Asked, SCRIPT};
use steersman::kubelet::{Fake, Process, ProcessOptions};
use steersman::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Served;
use super::kube_rs::{client, client_of, config_of};
use super::kubectl::{Kubectl, contains, story_of};
use super::tool::Tool;

fn pod(name: &str, restart: &str, script: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": restart, "containers": [
            {"name": "main", "image": "none", "command": ["/bin/sh", "-c", script]},
        ]},
    })
    .to_string()
}

/// A cluster with a node whose containers are processes.
fn processes() -> Served {
    let served =
        Served::with(|env, builder| builder.node("n", Process::new(env, ProcessOptions::default()).unwrap()));
    served.runtime.block_on(served.cluster().settle()).unwrap();
    served
}

fn story(name: &str, tell: impl Fn(&Kubectl<'_>)) {
    story_of(&processes(), name, tell);
}

#[test]
fn kubectl_reads_logs() {
    story("kubectl-logs", |kubectl| {
        kubectl.given("apply -f -", &pod("talker", "Never", "echo one; echo two; sleep 3; echo three"));
        kubectl.ok("wait --for=condition=Ready pod/talker --timeout=60s");
        assert_eq!(kubectl.ok("logs -f talker"), "one\ntwo\nthree\n");
        assert_eq!(kubectl.ok("logs talker --tail=1"), "three\n");
        assert_eq!(kubectl.ok("logs talker --since=1h -c main"), "one\ntwo\nthree\n");
        contains(&kubectl.ok("logs talker --timestamps --limit-bytes=100"), "Z one\n");
        let (_, text) = kubectl.fails("logs talker --previous", "");
        contains(&text, "previous terminated container \"main\" in pod \"talker\" not found");
        contains(&kubectl.fails("logs talker -c other", "").1, "container other is not valid for pod talker");

        kubectl.given("apply -f -", &pod("crasher", "Always", "echo run; exit 1"));
        let twice = "{.status.containerStatuses[0].restartCount}=1";
        kubectl.ok(&format!("wait --for=jsonpath={twice} pod/crasher --timeout=60s"));
        assert_eq!(kubectl.ok("logs crasher --previous"), "run\n");
    });
}

#[test]
fn kubectl_runs_commands() {
    story("kubectl-exec", |kubectl| {
        kubectl.given("apply -f -", &pod("stays", "Always", "sleep 1000"));
        kubectl.ok("wait --for=condition=Ready pod/stays --timeout=60s");
        commands(kubectl);
        contains(
            &kubectl.fails("exec stays -c other -- true", "").1,
            "container other is not valid for pod stays",
        );
        contains(&kubectl.fails("exec none -- true", "").1, "pods \"none\" not found");
    });
}

#[test]
fn kubectl_runs_commands_over_spdy() {
    let served = processes();
    let Some(mut tool) = Tool::find("kubectl", "kubectl-spdy", served.kubeconfig()) else { return };
    tool.set("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false");
    let kubectl = Kubectl { tool, _served: &served };
    kubectl.given("apply -f -", &pod("stays", "Always", "sleep 1000"));
    kubectl.ok("wait --for=condition=Ready pod/stays --timeout=60s");
    commands(&kubectl);
}

fn commands(kubectl: &Kubectl<'_>) {
    assert_eq!(kubectl.ok("exec stays -- echo hi"), "hi\n");
    assert_eq!(kubectl.given("exec -i stays -- cat", "through and through"), "through and through");
    let (code, text) = kubectl.fails("exec stays -- sh -c exit\t3", "");
    assert_eq!(code, Some(3), "{text}");
    contains(&text, "command terminated with exit code 3");
    contains(&kubectl.fails("exec stays -- surely-not-here", "").1, "executable file not found in $PATH");
    contains(&kubectl.fails("exec stays -- ls /surely/not/here", "").1, "No such file");
}

#[test]
fn kubectl_attaches() {
    story("kubectl-attach", |kubectl| {
        let script = "for i in 1 2 3 4 5 6; do echo tick $i; sleep 1; done";
        kubectl.given("apply -f -", &pod("clock", "Never", script));
        kubectl.ok("wait --for=condition=Ready pod/clock --timeout=60s");
        contains(&kubectl.ok("attach clock"), "tick 6\n");
        contains(&kubectl.fails("attach clock", "").1, "current phase is Succeeded");
    });
}

/// A node of fake containers that print, copy, serve a page at port 80, and send back what comes in at port 7.
pub(crate) fn scripted(env: &Env) -> Fake {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n";
    Fake::new(env)
        .answering(|asked: &Asked<'_>| match asked.command.first().map(String::as_str) {
            Some("cat") => Answer::to_input(Answer::text),
            Some("fail") => Answer::failure(7, "no").and_stderr("complaint"),
            _ => Answer::text(asked.pod.name.clone()),
        })
        .serving(move |_, port, input| {
            let answer = move |request: Bytes| {
                let asked = String::from_utf8_lossy(&request).into_owned();
                let path = asked.split(' ').nth(1).unwrap_or("/").to_owned();
                Bytes::from(format!("{page}{:5.5}", path))
            };
            match port {
                7 => Some(input),
                80 => Some(input.map(answer).boxed()),
                _ => None,
            }
        })
}

const WEB: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}, annotations: {"SCRIPT": "print=one,print=two"}}
spec: {containers: [{name: main, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 8080, targetPort: 80}]}
"#;

fn served_web() -> Served {
    let served = Served::with(|env, builder| builder.node("n", scripted(env)));
    served.runtime.block_on(settle_web(&served));
    served
}

/// Waits until the pod of that service runs.
pub(crate) async fn settle_web(served: &Served) {
    let cluster = served.cluster();
    cluster.settle().await.unwrap();
    cluster.apply(&WEB.replace("SCRIPT", SCRIPT)).await.unwrap();
    cluster.settle().await.unwrap();
}

#[test]
fn kubectl_forwards_ports_and_proxies() {
    let served = served_web();
    story_of(&served, "kubectl-port-forward", |kubectl| {
        let forward = Forward::start(kubectl, ":80");
        // Each on a connection of its own, all on one to the server.
        for path in ["/abcd", "/efgh"] {
            let mut stream = TcpStream::connect(&forward.address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            let mut page = [0; 69];
            stream.read_exact(&mut page).unwrap();
            contains(&String::from_utf8_lossy(&page), path);
        }
        let base = "get --raw /api/v1/namespaces/default";
        assert_eq!(kubectl.ok(&format!("{base}/pods/web/proxy/here")), "/here");
        assert_eq!(kubectl.ok(&format!("{base}/pods/web:80/proxy/")), "/    ");
        assert_eq!(kubectl.ok(&format!("{base}/services/web:http/proxy/abcd")), "/abcd");
        assert_eq!(kubectl.ok(&format!("{base}/services/http:web:8080/proxy/abcd")), "/abcd");
        contains(&kubectl.fails(&format!("{base}/services/web:9/proxy/"), "").1, "no service port 9 found");
        contains(
            &kubectl.fails(&format!("{base}/pods/web:81/proxy/"), "").1,
            "error trying to reach service",
        );
        assert_eq!(kubectl.ok("get --raw /api/v1/nodes/n/proxy/healthz"), "ok");
        contains(&kubectl.ok("get --raw /api/v1/nodes/n/proxy/pods"), "\"PodList\"");
    });
}

#[test]
fn kubectl_forwards_much_both_ways() {
    let served = served_web();
    story_of(&served, "kubectl-port-forward-much", |kubectl| {
        let forward = Forward::start(kubectl, ":7");
        let mut stream = TcpStream::connect(&forward.address).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let sent: Vec<u8> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut back = vec![0; sent.len()];
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&sent).unwrap());
            stream.read_exact(&mut back).unwrap();
        });
        assert!(back == sent);
    });
}

/// A `kubectl port-forward` to the pod `web`, for as long as it lives.
pub(crate) struct Forward {
    child: Child,
    pub(crate) address: String,
}

impl Forward {
    pub(crate) fn start(kubectl: &Kubectl<'_>, port: &str) -> Self {
        let mut child = kubectl.tool.start(&["port-forward", "pod/web", port]);
        let mut told = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut told).unwrap();
        let address = told.split(' ').nth(2).unwrap_or_else(|| panic!("where it listens: {told:?}"));
        Forward { address: address.to_owned(), child }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn kube_rs_streams_over_the_network() {
    let served = served_web();
    served.runtime.block_on(async { streams(client(&served).await).await });
}

#[test]
fn kube_rs_streams_without_a_socket() {
    let served = served_web();
    served.runtime.block_on(async { streams(served.cluster().kube_client()).await });
}

pub(crate) async fn streams(client: Client) {
    let pods: Api<Pod> = Api::namespaced(client, "default");
    assert_eq!(pods.logs("web", &LogParams::default()).await.unwrap(), "one\ntwo\n");
    let params = LogParams { follow: true, tail_lines: Some(1), ..LogParams::default() };
    let mut lines = pods.log_stream("web", &params).await.unwrap().lines();
    assert_eq!(lines.try_next().await.unwrap().unwrap(), "two");

    let mut cat = pods.exec("web", ["cat"], &AttachParams::default().stdin(true)).await.unwrap();
    let mut stdin = cat.stdin().unwrap();
    stdin.write_all(b"there and back").await.unwrap();
    stdin.shutdown().await.unwrap();
    drop(stdin);
    let mut text = String::new();
    cat.stdout().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "there and back");

    let mut failing = pods.exec("web", ["fail"], &AttachParams::default()).await.unwrap();
    let (status, mut stderr) = (failing.take_status().unwrap(), failing.stderr().unwrap());
    let mut text = String::new();
    stderr.read_to_string(&mut text).await.unwrap();
    let status = status.await.unwrap();
    assert_eq!((text.as_str(), status.reason.as_deref()), ("complaint", Some("NonZeroExitCode")));

    let refused = pods.exec("none", ["true"], &AttachParams::default()).await.map(drop).unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 404));

    let mut ports = pods.portforward("web", &[80]).await.unwrap();
    let mut stream = ports.take_stream(80).unwrap();
    stream.write_all(b"GET /abcd HTTP/1.1\r\n\r\n").await.unwrap();
    let mut page = [0; 69];
    stream.read_exact(&mut page).await.unwrap();
    assert!(page.ends_with(b"/abcd"));
    let mut ports = pods.portforward("web", &[81]).await.unwrap();
    let why = ports.take_error(81).unwrap().await.unwrap();
    assert!(why.starts_with("error forwarding port 81 to pod web, uid "), "{why}");
}

#[test]
fn a_server_that_stops_lets_sessions_end_and_counts_them_until_then() {
    let mut served = served_web();
    let cluster = served.cluster.take().unwrap();
    served.runtime.block_on(async {
        let kubeconfig = cluster.kubeconfig().unwrap().to_owned();
        let client = client_of(&kubeconfig).await;
        let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
        let mut cat = pods.exec("web", ["cat"], &AttachParams::default().stdin(true)).await.unwrap();
        let metrics = http::Request::get("/metrics").body(Vec::new()).unwrap();
        let metrics = client.request_text(metrics).await.unwrap();
        let running =
            |line: &&str| line.starts_with("apiserver_longrunning_requests") && line.contains("\"exec\"");
        contains(metrics.lines().find(running).unwrap(), "} 1");
        let conversation = async {
            let mut stdin = cat.stdin().unwrap();
            stdin.write_all(b"last words").await.unwrap();
            stdin.shutdown().await.unwrap();
            drop(stdin);
            let mut text = String::new();
            cat.stdout().unwrap().read_to_string(&mut text).await.unwrap();
            text
        };
        // The server is told to stop before the first word is said.
        let ((), text) = futures::join!(cluster.stop(), conversation);
        assert_eq!(text, "last words");
    });
}

#[test]
fn a_command_may_have_a_terminal() {
    let served = processes();
    served.runtime.block_on(async {
        let cluster = served.cluster();
        cluster.apply(&pod("stays", "Always", "sleep 1000")).await.unwrap();
        cluster.settle().await.unwrap();
        let pods: Api<Pod> = Api::namespaced(client(&served).await, "default");
        let params = AttachParams::interactive_tty();
        let script = "read line; tty -s && echo $line";
        let mut shell = pods.exec("stays", ["sh", "-c", script], &params).await.unwrap();
        let mut sizes = shell.terminal_size().unwrap();
        sizes.try_send(TerminalSize { width: 132, height: 43 }).unwrap();
        let mut stdin = shell.stdin().unwrap();
        stdin.write_all(b"typed\n").await.unwrap();
        let mut shown = String::new();
        shell.stdout().unwrap().read_to_string(&mut shown).await.unwrap();
        // A terminal shows what is typed.
        assert_eq!(shown, "typed\r\ntyped\r\n");
    });
}

#[test]
fn pods_that_speak_tls_and_upgrade_are_proxied_to() {
    let served = processes();
    served.runtime.block_on(async {
        let cluster = served.cluster();
        cluster.apply(&pod("stays", "Always", "sleep 1000")).await.unwrap();
        cluster.settle().await.unwrap();
        let direct = client(&served).await;
        let found = Api::<Pod>::namespaced(direct.clone(), "default").get("stays").await.unwrap();
        // Whoever is on this machine can listen at the pod's address: here, the API server itself does.
        let ip = found.status.unwrap().pod_ip.unwrap().parse().unwrap();
        let certified = Authority::new("pod", cluster.env().now()).unwrap().serving(&[], &[ip]).unwrap();
        let service = Service::new(cluster.server().clone(), Limits::default()).acting_as(User::admin());
        let options = Options::default().tls(Tls::new(&certified).unwrap());
        let listener = Listener::bind(cluster.env(), service, (ip, 0).into(), options).await.unwrap();
        let port = listener.address().port();

        let path = format!("/api/v1/namespaces/default/pods/https:stays:{port}/proxy");
        let version = http::Request::get(format!("{path}/version")).body(Vec::new()).unwrap();
        contains(&direct.request_text(version).await.unwrap(), "v1.36.2");
        let mut config = config_of(served.kubeconfig()).await;
        config.cluster_url =
            format!("{}{}", config.cluster_url.to_string().trim_end_matches('/'), path).parse().unwrap();
        let pods: Api<Pod> = Api::namespaced(Client::try_from(config).unwrap(), "default");
        let mut said = pods.exec("stays", ["echo", "hi"], &AttachParams::default()).await.unwrap();
        let mut text = String::new();
        said.stdout().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hi\n");
    });
}
