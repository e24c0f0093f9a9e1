//! A kubelet in another process, as far as the API server can tell: reached at its own port, over TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use steersman::apiserver::admission::{Admission, mutating};
use steersman::apiserver::authenticate::{ClientCertificates, StaticTokens};
use steersman::apiserver::http::{KubeletPort, Service};
use steersman::apiserver::listener::{Authority, Listener, Options, Tls};
use steersman::apiserver::{ClientTls, Fetch, HttpFetch, User};
use steersman::core::env::Task;
use steersman::kubelet::{Endpoint, Kubelet, KubeletOptions};
use steersman::prelude::*;

use super::Served;
use super::kube_rs::{client, config_of};
use super::kubectl::{contains, story_of};
use super::remote::remote;
use super::streams::{Forward, scripted, settle_web, streams};

fn served() -> Served {
    served_with(|builder| builder)
}

fn served_with(build: impl FnOnce(Builder) -> Builder) -> Served {
    let tokens = StaticTokens::new()
        .with("nobody", User::named("bob"))
        .with("master", User::named("root").in_group("system:masters"));
    Served::with(|_, builder| build(builder.rbac().authenticator(tokens)))
}

/// Nodes declare nothing, as those of upstream's kubelets before 1.36.
fn undeclared() -> impl Admission {
    mutating("Undeclared", |write| {
        if write.resource.resource == "nodes"
            && let Some(status) = write.object.get_mut("status").and_then(|status| status.as_object_mut())
        {
            status.remove("declaredFeatures");
        }
        Ok(())
    })
}

/// The kubelet of a node, which is not in the cluster's hands.
async fn kubelet(env: &Env, served: &Served) -> (Listener, Task<()>) {
    let client = remote(served).await;
    let runtime = Arc::new(scripted(env));
    let authorities = config_of(served.kubeconfig()).await.root_cert.unwrap();
    let authorities = ClientCertificates::from_der(&authorities).unwrap();
    let port = KubeletPort::new(env, &client, "n", Endpoint::new(&client, "n", runtime.clone()), authorities);
    let here = Ipv4Addr::LOCALHOST;
    let own = Authority::new("n", env.now()).unwrap().serving(&["n"], &[here.into()]).unwrap();
    let options = Options::default().tls(Tls::new(&own).unwrap());
    let listener = Listener::bind(env, Service::of_kubelet(port), SocketAddr::from((here, 0)), options);
    let listener = listener.await.unwrap();
    let options = KubeletOptions::default().port(listener.address().port());
    let kubelet = Kubelet::new(env, &client, "n", runtime, options);
    (listener, env.spawn("kubelet", kubelet.run()))
}

#[test]
fn logs_commands_and_ports_come_from_a_kubelet_at_its_own_port() {
    let served = served();
    served.runtime.block_on(async {
        let env = Env::tokio();
        let _kubelet = kubelet(&env, &served).await;
        settle_web(&served).await;
        let client = client(&served).await;
        let page = Request::get("/api/v1/nodes/n/proxy/healthz").body(Vec::new()).unwrap();
        assert_eq!(client.request_text(page).await.unwrap(), "ok");
        streams(client).await;
    });
}

#[test]
fn a_kubelet_that_declares_nothing_is_spoken_with_in_spdy() {
    let served = served_with(|builder| builder.admission(undeclared()));
    let (env, there) = served.runtime.block_on(async {
        let env = Env::tokio();
        let there = kubelet(&env, &served).await;
        settle_web(&served).await;
        streams(client(&served).await).await;
        (env, there)
    });
    story_of(&served, "kubectl-far-kubelet", |kubectl| {
        assert_eq!(kubectl.ok("exec web -- true"), "web");
        assert_eq!(kubectl.given("exec -i web -- cat", "through and through"), "through and through");
        let (code, text) = kubectl.fails("exec web -- fail", "");
        assert_eq!(code, Some(7), "{text}");
        contains(&text, "complaint");
        let forward = Forward::start(kubectl, ":80");
        let mut stream = TcpStream::connect(&forward.address).unwrap();
        write!(stream, "GET /abcd HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut page = [0; 69];
        stream.read_exact(&mut page).unwrap();
        contains(&String::from_utf8_lossy(&page), "/abcd");
    });
    // Whoever speaks for the client is asked in vain, and tells it on the client's connection.
    let (listener, _kubelet) = there;
    served.runtime.block_on(listener.drain(&env, std::time::Duration::ZERO));
    story_of(&served, "kubectl-no-kubelet", |kubectl| {
        let (_, text) = kubectl.fails("exec web -- true", "");
        contains(&text, "error sending request: Post \"https://127.0.0.1:");
        contains(&text, "connect: connection refused");
        contains(
            &kubectl.fails("port-forward pod/web :80", "").1,
            "error dialing backend: dial tcp 127.0.0.1:",
        );
    });
}

#[test]
fn a_kubelet_answers_those_who_may_do_with_its_node_what_they_ask_for() {
    let served = served();
    served.runtime.block_on(async {
        let env = Env::tokio();
        let (listener, _kubelet) = kubelet(&env, &served).await;
        let stranger =
            Authority::new("steersman", env.now()).unwrap().client("root", "system:masters").unwrap();
        let cases = [
            (None, "", 401),
            (Some(&stranger), "", 401),
            (None, "wrong", 401),
            (None, "nobody", 403),
            (None, "master", 200),
        ];
        for (own, token, expected) in cases {
            let tls = ClientTls::trusting_anyone(own).unwrap();
            let request = Request::get(format!("https://{}/pods", listener.address()));
            let request =
                request.header("Authorization", format!("Bearer {token}")).body(Bytes::new()).unwrap();
            let answer = HttpFetch::new(&env).tls(tls).fetch(request).await.unwrap();
            assert_eq!(answer.status(), expected, "{token:?}");
        }
    });
}
