//! What no real client would send: too much, too slowly, or nothing that makes sense.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use steersman::apiserver::http::{Limits, Service};
use steersman::apiserver::listener::{Listener, Options};
use steersman::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A listener without TLS, on a clock that only moves when nothing else can.
fn story(tell: impl AsyncFn(&Env, SocketAddr, Listener)) {
    story_of(0, "", tell);
}

/// The same with nodes, and with objects.
fn story_of(nodes: usize, objects: &str, tell: impl AsyncFn(&Env, SocketAddr, Listener)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let env = Env::tokio();
        let builder = Cluster::builder().nodes(nodes).without_controllers().without_scheduler();
        let cluster = builder.start(&env).await.unwrap();
        cluster.apply(objects).await.unwrap();
        cluster.settle().await.unwrap();
        let service = Service::new(cluster.server().clone(), Limits::default())
            .acting_as(steersman::apiserver::User::admin());
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(&env, service, anywhere, Options::default()).await.unwrap();
        tell(&env, listener.address(), listener).await;
    });
}

/// Everything that comes back until the server closes.
async fn answer(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has heard enough closes while the client still writes.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const POD: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: default}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default}
spec: {nodeName: node-1, automountServiceAccountToken: false, containers: [{name: c, image: i}]}
";

#[test]
fn what_makes_no_sense_on_an_upgraded_connection_ends_it() {
    story_of(1, POD, async |_, address, _listener| {
        let upgrade = |path: &str, to: &str| {
            format!(
                "GET /api/v1/namespaces/default/pods/p/{path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                 Upgrade: {to}\r\n\r\n"
            )
        };
        let socket = "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                      Sec-WebSocket-Protocol: ";
        let requests = [
            upgrade("exec?stdout=1&command=x", &format!("{socket}v5.channel.k8s.io")),
            upgrade("exec?stdout=1&command=x", "SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io"),
            upgrade("attach?stdin=1", &format!("{socket}v4.channel.k8s.io")),
            upgrade("portforward", &format!("{socket}SPDY/3.1+portforward.k8s.io")),
            upgrade("portforward", "SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io"),
            upgrade("portforward?ports=1", &format!("{socket}v4.channel.k8s.io")),
        ];
        for request in requests {
            for garbage in [
                &[0xff; 64][..],
                b"\x80\x03\x00\x01\x00\xff\xff\xff",
                &[0x82, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            ] {
                let told =
                    answer(address, &[request.as_bytes(), garbage, &[0x88, 0x80, 0, 0, 0, 0]].concat()).await;
                assert!(told.starts_with("HTTP/1.1 101 "), "{request}{told}");
            }
        }
        let told = answer(address, format!("GET /livez HTTP/1.1\r\n{CLOSE}\r\n").as_bytes()).await;
        assert!(told.ends_with("ok"), "{told}");
    });
}

const CLOSE: &str = "Host: a\r\nConnection: close\r\n";

#[test]
fn every_answer_has_an_audit_id() {
    story(async |_, address, _listener| {
        let told = answer(address, format!("GET /livez HTTP/1.1\r\n{CLOSE}\r\n").as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 200 OK"), "{told}");
        assert!(told.contains("audit-id: ") && told.contains("cache-control: no-cache, private"), "{told}");
        let request = format!("GET /livez HTTP/1.1\r\n{CLOSE}Audit-ID: mine\r\n\r\n");
        assert!(answer(address, request.as_bytes()).await.contains("audit-id: mine"));
    });
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    story(async |_, address, _listener| {
        let size = 3 * 1024 * 1024 + 1;
        let head = format!(
            "POST /api/v1/namespaces HTTP/1.1\r\n{CLOSE}Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        );
        let request = [head.as_bytes(), &vec![b' '; size]].concat();
        let told = answer(address, &request).await;
        assert!(told.starts_with("HTTP/1.1 413"), "{told}");
        assert!(told.contains("Request entity too large: limit is 3145728"), "{told}");
    });
}

#[test]
fn who_sends_headers_too_slowly_is_cut_off() {
    story(async |env, address, _listener| {
        let began = env.elapsed();
        answer(address, b"GET /livez HTTP/1.1\r\nHost: a\r\n").await;
        let waited = env.elapsed() - began;
        assert!(waited >= Duration::from_secs(32) && waited < Duration::from_secs(40), "{waited:?}");
    });
}

#[test]
fn who_sends_a_body_too_slowly_is_told_so() {
    story(async |env, address, _listener| {
        let began = env.elapsed();
        let request = format!("POST /api/v1/namespaces HTTP/1.1\r\n{CLOSE}Content-Length: 9\r\n\r\n{{");
        let told = answer(address, request.as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 504"), "{told}");
        assert!(told.contains("request did not complete within the allotted timeout"), "{told}");
        assert_eq!((env.elapsed() - began).as_secs(), 60);
    });
}

#[test]
fn nonsense_is_refused() {
    story(async |_, address, _listener| {
        assert!(answer(address, b"\x16\x03\x01\x02 is no HTTP\r\n\r\n").await.starts_with("HTTP/1.1 400"));
        let many: String = (0..200).map(|number| format!("X-{number}: x\r\n")).collect();
        let request = format!("GET /livez HTTP/1.1\r\n{CLOSE}{many}\r\n");
        assert!(answer(address, request.as_bytes()).await.starts_with("HTTP/1.1 431"));
    });
}

#[test]
fn a_watch_ends_when_the_listener_drains() {
    story(async |env, address, listener| {
        let mut watch = TcpStream::connect(address).await.unwrap();
        let request = "GET /api/v1/namespaces?watch=true HTTP/1.1\r\nHost: a\r\n\r\n";
        watch.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 64];
        watch.read_exact(&mut first).await.unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200 OK"));
        listener.drain(env, Duration::from_secs(5)).await;
        let mut rest = Vec::new();
        let _ = watch.read_to_end(&mut rest).await;
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    });
}
