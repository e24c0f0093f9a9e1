//! Replays requests to a real kube-apiserver: `tests/golden/api`, or the directory in `GOLDEN_DIR`.
//!
//! `GOLDEN_ONLY=prefix` narrows to cases whose name, or area, starts so. Prints passed/total per area and the first
//! difference of each failing case; fails below the counts in `recorded.rs` and `docs/support.md`. The
//! package `wire` replays the same over a socket.

mod corpus;
mod recorded;
mod reduce;
mod replay;
mod tally;
mod unify;

use std::time::Duration;

use bytes::Bytes;
use corpus::Case;
use futures::StreamExt;
use http::Request;
use replay::{Answer, Way};
use steersman::apiserver::http::Body;
use steersman::prelude::*;
use steersman::sim::Sim;
use tally::Tally;

#[test]
fn the_server_answers_as_upstreams_did() {
    let cases = corpus::cases(&corpus::directory());
    let tally = Tally::of(&cases, |(area, case)| (area, &case.name), |(_, case)| replay_in_process(case));
    tally.conclude(recorded::RECORDED);
}

fn replay_in_process(case: &Case) -> Result<(), String> {
    let sim = Sim::new(1);
    sim.block_on(async {
        let cluster = replay::cluster().start(&sim.env()).await.map_err(|error| error.to_string())?;
        replay::replay(case, &mut InProcess { sim: &sim, cluster }).await
    })
}

/// The server of a simulated cluster.
struct InProcess<'a> {
    sim: &'a Sim,
    cluster: Cluster,
}

impl Way for InProcess<'_> {
    async fn send(&mut self, request: Request<Bytes>) -> Answer {
        let (parts, body) = self.cluster.server().serve(request).await.into_parts();
        let body = match body {
            Body::Full(bytes) => bytes.to_vec(),
            Body::Chunks(chunks) => chunks.collect::<Vec<_>>().await.concat(),
            _ => Vec::new(),
        };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn wait(&mut self, time: Duration) {
        self.sim.advance(time).await;
    }
}
