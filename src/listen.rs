//! Puts a cluster's API server on the network, with certificates of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use steersman_apiserver::authenticate::ClientCertificates;
use steersman_apiserver::http::{Limits, Service};
use steersman_apiserver::listener::{Access, Authority, Listener, Options, Tls, kubeconfig};
use steersman_apiserver::{ClientTls, Server};
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

/// Whom the administrator's certificate names, and of which group; kubeadm's.
const ADMIN: (&str, &str) = ("kubernetes-admin", "system:masters");

/// The same of the API server as its kubelets see it.
const KUBELET_CLIENT: (&str, &str) = ("kube-apiserver-kubelet-client", "system:masters");

/// What there must be before the server is: where it will be found, and who signs certificates.
pub(crate) struct Plan {
    socket: TcpListener,
    address: SocketAddr,
    authority: Authority,
}

/// The door to the network.
pub(crate) struct Door {
    listener: Listener,
    kubeconfig: String,
}

impl Plan {
    /// Takes the address; clients that come before the door is open wait.
    pub(crate) fn new(env: &Env, address: SocketAddr) -> Result<Self> {
        let refused = |why| Error::bad_request(format!("listen {address}: {why}"));
        let socket = TcpListener::bind(address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        let authority = Authority::new("steersman", env.now()).map_err(Error::internal)?;
        Ok(Plan { socket, address, authority })
    }

    /// The certificate of who signs the others, PEM.
    pub(crate) fn authority(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// How the administrator, and whoever else has a certificate of the authority, is known.
    pub(crate) fn certificates(&self) -> Result<ClientCertificates> {
        ClientCertificates::from_pem(self.authority().as_bytes())
    }

    /// Who the server is to kubelets of other processes. Whose certificate they show is not asked, as upstream by default.
    pub(crate) fn kubelet_client(&self) -> Result<ClientTls> {
        let own = self.authority.client(KUBELET_CLIENT.0, KUBELET_CLIENT.1).map_err(Error::internal)?;
        ClientTls::trusting_anyone(Some(&own))
    }

    /// Where others find the server: where it listens, or at an address of this machine if that is everywhere.
    pub(crate) fn reachable(&self) -> SocketAddr {
        reachable(self.address)
    }

    /// Opens the door. `service` is the address of the service `kubernetes`.
    pub(crate) fn open(self, env: &Env, server: Arc<Server>, service: IpAddr) -> Result<Door> {
        let mut address = self.reachable();
        let addresses = [address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST), service];
        let serving = self.authority.serving(NAMES, &addresses).map_err(Error::internal)?;
        let admin = self.authority.client(ADMIN.0, ADMIN.1).map_err(Error::internal)?;
        let options = Options::default().tls(Tls::new(&serving).map_err(Error::internal)?);
        let service = Service::new(server, Limits::default());
        let listener = Listener::on(env, service, self.socket, options).map_err(Error::internal)?;
        if self.address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let kubeconfig = kubeconfig(address, &self.authority, &Access::Certificate(admin));
        Ok(Door { listener, kubeconfig })
    }
}

/// Where others find who listens at an address: at one of this machine if it stands for all.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = address.ip();
    SocketAddr::new(if ip.is_unspecified() { own_address() } else { ip }, address.port())
}

/// The address by which this machine reaches others, or the loopback one. Nothing is sent to find it out.
fn own_address() -> IpAddr {
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    // An address for documentation (RFC 5737): whatever the default route is for.
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 9));
    let found = UdpSocket::bind(anywhere).and_then(|socket| {
        socket.connect(elsewhere)?;
        socket.local_addr()
    });
    found.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
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
