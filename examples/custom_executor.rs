//! An executor of one's own: time and tasks are two small traits. This one is built on the thread pool of `futures`
//! and a timer crate, and knows no tokio.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it is the door to the real clock, and prints"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::{ThreadPool, block_on};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use steersman::core::env::{Clock, Spawn};
use steersman::prelude::*;

struct Own {
    pool: ThreadPool,
    started: Instant,
}

impl Clock for Own {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> BoxFuture<'static, ()> {
        Box::pin(futures_timer::Delay::new(deadline.saturating_sub(self.elapsed())))
    }
}

impl Spawn for Own {
    fn spawn(&self, _name: &str, task: BoxFuture<'static, ()>) {
        self.pool.spawn_ok(task);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = Arc::new(Own { pool: ThreadPool::new()?, started: Instant::now() });
    let env = Env::new(own.clone(), own, 1);
    block_on(async {
        let cluster = Cluster::builder().nodes(1).start(&env).await?;
        cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}").await?;
        let map = cluster.api::<ConfigMap>().namespace("default").get("a").await?;
        println!("stored and read back on an executor of our own: {:?}", map.data);
        cluster.stop().await;
        Ok(())
    })
}
