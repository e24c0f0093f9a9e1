//! Replays requests to a real kube-apiserver over a socket: one HTTP/1.1 connection a case, kept alive.
//!
//! The cases, and the counts that may not fall, are those of `tests/golden`, which replays them in process.

#[path = "../../golden/corpus.rs"]
mod corpus;
#[path = "../../golden/recorded.rs"]
mod recorded;
#[path = "../../golden/reduce.rs"]
mod reduce;
#[path = "../../golden/replay.rs"]
mod replay;
#[path = "../../golden/tally.rs"]
mod tally;
#[path = "../../golden/unify.rs"]
mod unify;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use corpus::Case;
use futures::FutureExt;
use http::Request;
use http::header::{HOST, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use replay::{Answer, Way};
use steersman::apiserver::http::{Limits, Service};
use steersman::apiserver::listener::{Listener, Options};
use steersman::core::env::Task;
use steersman::prelude::*;
use tally::Tally;
use tokio::net::TcpStream;

#[test]
fn the_wire_gives_the_answers_that_upstreams_gave() {
    let cases = corpus::cases(&corpus::directory());
    let tally = Tally::of(&cases, |(area, case)| (area, &case.name), |(_, case)| replay_over_a_socket(case));
    tally.conclude(recorded::RECORDED);
}

/// Time stands still, but where everybody waits for it.
fn replay_over_a_socket(case: &Case) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime can be built").block_on(async {
        let env = Env::tokio();
        let cluster = replay::cluster().start(&env).await.map_err(|error| error.to_string())?;
        let service = Service::new(cluster.server().clone(), Limits::default());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(&env, service, any, Options::default()).await;
        let listener = listener.map_err(|error| error.to_string())?;
        let mut wire = Wire::connect(&env, listener.address()).await;
        replay::replay(case, &mut wire).await
    })
}

/// A connection, and the task that drives it.
struct Wire {
    env: Env,
    sender: SendRequest<Full<Bytes>>,
    _connection: Task<()>,
}

impl Wire {
    async fn connect(env: &Env, address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("the listener accepts");
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.expect("it speaks HTTP/1.1");
        let connection = env.spawn("connection", connection.map(drop));
        Wire { env: env.clone(), sender, _connection: connection }
    }
}

impl Way for Wire {
    async fn send(&mut self, mut request: Request<Bytes>) -> Answer {
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        let answer =
            self.sender.send_request(request.map(Full::new)).await.expect("the connection is kept alive");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("the answer is whole").to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn wait(&mut self, time: Duration) {
        self.env.sleep(time).await;
    }
}
