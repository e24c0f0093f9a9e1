//! Single parts of the house as programs of their own: a node, and a scheduler.

use std::fs;
use std::path::Path;

use super::page::Page;
use super::{Program, ask, directory, kubectl, steersman, try_ask};

#[test]
fn parts_work_alone_against_any_api_server() {
    let Some(kubectl) = kubectl() else { return };
    let config = directory("parts").join("kubeconfig");
    let path = config.to_str().unwrap();
    let arguments =
        ["up", "--listen", "127.0.0.1:0", "--service-cidr", "127.98.0.0/16", "--kubeconfig", path];
    let mut up = Program::start(steersman(), &arguments);
    up.line();
    let arguments = ["kubelet", "--kubeconfig", path, "--node", "second", "--port", "0"];
    let mut kubelet = Program::start(steersman(), &arguments);
    assert_eq!(kubelet.line(), "kubelet runs");
    ask(&kubectl, &config, "wait --for=create node/second --timeout=60s");
    ask(&kubectl, &config, "wait --for=condition=Ready node/second --timeout=60s");
    there_are_logs_and_commands_on(&kubectl, &config, "second");
    every_method_is_proxied_to(&kubectl, &config, "second");
    let mut scheduler = Program::start(steersman(), &["scheduler", "--kubeconfig", path]);
    assert_eq!(scheduler.line(), "scheduler runs");
    for part in [scheduler, kubelet, up] {
        assert!(part.stop().1);
    }
}

/// They come from the port of that node's kubelet, in another process than the API server.
fn there_are_logs_and_commands_on(kubectl: &Path, config: &Path, node: &str) {
    let script = "echo\tstarted;\tsleep\t1000".replace('\t', "${IFS}");
    let overrides = format!(r#"--overrides={{"spec":{{"nodeName":"{node}"}}}}"#);
    ask(kubectl, config, &format!("run far --image=none {overrides} --command -- sh -c {script}"));
    ask(kubectl, config, "wait --for=condition=Ready pod/far --timeout=60s");
    assert_eq!(ask(kubectl, config, "logs far"), "started\n");
    assert_eq!(ask(kubectl, config, "exec far -- echo hi"), "hi\n");
    let page = format!("get --raw /api/v1/nodes/{node}/proxy/healthz");
    assert_eq!(ask(kubectl, config, &page), "ok");
    assert!(
        ask(kubectl, config, &format!("get node {node} -o jsonpath={{.status.daemonEndpoints}}"))
            .contains("Port")
    );
}

/// To the kubelet, which knows one method, and to whoever else listens on its node.
fn every_method_is_proxied_to(kubectl: &Path, config: &Path, node: &str) {
    let body = config.with_file_name("body");
    fs::write(&body, "{}").unwrap();
    let file = body.to_str().unwrap();
    let kubelet = format!("create --raw /api/v1/nodes/{node}/proxy/pods -f {file}");
    let refused = try_ask(kubectl, config, &kubelet).unwrap_err();
    assert!(refused.contains("MethodNotAllowed"), "{refused}");

    let address = format!("get node {node} -o jsonpath={{.status.addresses[0].address}}");
    let address = ask(kubectl, config, &address);
    let echo = Page::serve(&format!("{address}:0"), |asked| {
        (200, format!("{} {} {}", asked.method, asked.path, asked.body))
    });
    let port = echo.address.port();
    let at = format!("--raw /api/v1/nodes/{node}:{port}/proxy/there?x=y");
    for (verb, expected) in [
        (format!("get {at}"), "GET /there?x=y "),
        (format!("create {at} -f {file}"), "POST /there?x=y {}"),
        (format!("replace {at} -f {file}"), "PUT /there?x=y {}"),
        (format!("delete {at}"), "DELETE /there?x=y "),
    ] {
        assert_eq!(ask(kubectl, config, &verb).trim_end_matches('\n'), expected);
    }
}
