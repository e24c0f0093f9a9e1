//! Real clients against the server on the network, over TLS: kubectl, kube-rs, and Python's `kubernetes`.
//!
//! `tests/wire/install` puts kubectl and the Python client below `target/clients`, where these tests look first; then
//! they look in the `PATH`. A client that is not there is told of, and its tests are left out.
#![expect(clippy::unwrap_used, reason = "what a story takes for granted ends it where it is not so")]

mod admission;
mod certificates;
mod far_kubelet;
mod kube_rs;
mod kubectl;
mod oidc;
mod page;
mod python;
mod raw;
mod remote;
mod streams;
mod tool;
mod webhooks;
mod who;

use std::net::{Ipv4Addr, SocketAddr};

use steersman::prelude::*;
use tokio::runtime::Runtime;

/// A cluster of one node that listens, and the runtime it lives on.
struct Served {
    cluster: Option<Cluster>,
    runtime: Runtime,
}

impl Served {
    fn start() -> Self {
        Self::with(|_, builder| builder.nodes(1))
    }

    /// The same with what is made of the builder.
    fn with(build: impl FnOnce(&Env, Builder) -> Builder) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let cluster = runtime.block_on(async {
            let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let env = Env::tokio();
            build(&env, Cluster::builder()).listen(anywhere).start(&env).await.unwrap()
        });
        Served { cluster: Some(cluster), runtime }
    }

    fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("it is taken only by drop")
    }

    fn kubeconfig(&self) -> &str {
        self.cluster().kubeconfig().expect("it was told to listen")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The cluster's tasks end on the runtime that they run on.
        let cluster = self.cluster.take();
        self.runtime.block_on(async { drop(cluster) });
    }
}
