//! Puts a cluster's API server on the network, with certificates of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use steersman_apiserver::authenticate::StaticTokens;
use steersman_apiserver::http::{Limits, Service};
use steersman_apiserver::listener::{Access, Authority, Listener, Options, Tls, kubeconfig};
use steersman_apiserver::{Server, User};
use steersman_core::{Env, Error, Result};

/// For how long requests may still run once the cluster stops.
const GRACE: Duration = Duration::from_secs(5);

/// The names by which pods and people reach the API server.
const NAMES: &[&str] = &[
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
];

/// What there must be before the server is: who signs certificates, and how the administrator is known.
pub(crate) struct Plan {
    address: SocketAddr,
    authority: Authority,
    token: String,
}

/// The door to the network.
pub(crate) struct Door {
    listener: Listener,
    kubeconfig: String,
}

impl Plan {
    pub(crate) fn new(env: &Env, address: SocketAddr) -> Result<Self> {
        let authority = Authority::new("steersman", env.now()).map_err(Error::internal)?;
        let token = authority.secret().map_err(Error::internal)?;
        Ok(Plan { address, authority, token })
    }

    /// How the administrator proves to be it.
    pub(crate) fn tokens(&self) -> StaticTokens {
        StaticTokens::new().with(self.token.clone(), User::admin())
    }

    /// Listens. `service` is the address of the service `kubernetes`.
    pub(crate) async fn open(self, env: &Env, server: Arc<Server>, service: IpAddr) -> Result<Door> {
        let addresses = [self.address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST), service];
        let serving = self.authority.serving(NAMES, &addresses).map_err(Error::internal)?;
        let options = Options::default().tls(Tls::new(&serving).map_err(Error::internal)?);
        let service = Service::new(server, Limits::default());
        let listener = Listener::bind(env, service, self.address, options).await;
        let listener =
            listener.map_err(|why| Error::bad_request(format!("listen {}: {why}", self.address)))?;
        let mut address = listener.address();
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let kubeconfig = kubeconfig(address, &self.authority, &Access::Token(self.token));
        Ok(Door { listener, kubeconfig })
    }
}

impl Door {
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    pub(crate) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub(crate) async fn close(self, env: &Env) {
        self.listener.drain(env, GRACE).await;
    }
}
