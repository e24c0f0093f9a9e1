//! Clients of the `kube` crate over the API server in this process: no socket, no TLS, no serialisation but JSON's.

use kube::Client;
use steersman_apiserver::User;
use steersman_apiserver::http::{Limits, Service};

use crate::Cluster;

impl Cluster {
    /// A [`kube::Client`] that may do everything, with `default` for its namespace.
    ///
    /// It does what a client over the network does, watches, logs and commands in pods included, so what an operator is
    /// tested with is what it runs with. On a paused tokio clock the operator lives in virtual time, if the cluster's
    /// `Env` is [`Env::tokio`](steersman_core::Env::tokio): see `examples/operator_test.rs`.
    ///
    /// # Panics
    /// Outside of a tokio runtime, on which the `kube` crate builds.
    pub fn kube_client(&self) -> Client {
        self.kube_client_as(User::admin())
    }

    /// A [`kube::Client`] that acts as `user`.
    ///
    /// # Panics
    /// Outside of a tokio runtime, on which the `kube` crate builds.
    pub fn kube_client_as(&self, user: User) -> Client {
        let service = Service::new(self.server().clone(), Limits::NONE).acting_as(user);
        Client::new(service, "default")
    }
}
