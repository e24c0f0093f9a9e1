//! One part of the house alone, against any API server.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use steersman::Remote;
use steersman::apiserver::authenticate::ClientCertificates;
use steersman::apiserver::http::{KubeletPort, Service};
use steersman::apiserver::listener::{Authority, Listener, Options, Tls};
use steersman::controllers::{Controllers, Defaults};
use steersman::core::{Client, Env};
use steersman::kubelet::{Endpoint, Kubelet, KubeletOptions, Process};
use steersman::netproxy::{Proxy, Userspace};
use steersman::scheduler::{Configuration, Profile, Profiles, Registry, Scheduler};

use crate::node::Containers;
use crate::signals::Signals;
use crate::{Failure, Outcome};

/// Which API server, and as whom.
#[derive(Args)]
pub(crate) struct Server {
    /// Says where the API server is, and who asks.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
}

#[derive(Args)]
pub(crate) struct SchedulerPart {
    #[command(flatten)]
    server: Server,
    /// A KubeSchedulerConfiguration, in YAML; its extenders are not asked.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ControllersPart {
    #[command(flatten)]
    server: Server,
}

#[derive(Args)]
pub(crate) struct KubeletPart {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    containers: Containers,
    /// Where API servers find the node, for logs and commands; the address by which it reaches its own if nothing is said.
    #[arg(long, value_name = "ADDRESS")]
    node_ip: Option<IpAddr>,
    /// Where the kubelet answers them, over TLS; 0 for any port that is free.
    #[arg(long, value_name = "PORT", default_value_t = 10250)]
    port: u16,
    /// Who vouches for API servers; whoever vouches for the one of the kubeconfig if nothing is said.
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ProxyPart {
    #[command(flatten)]
    server: Server,
    /// The node whose own pods traffic may have to stay with.
    #[arg(long, value_name = "NAME", default_value = "")]
    node: String,
}

impl Server {
    async fn config(&self) -> Result<kube::Config, Failure> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }

    async fn client(&self) -> Result<Client, Failure> {
        client(self.config().await?)
    }
}

fn client(config: kube::Config) -> Result<Client, Failure> {
    Ok(Client::new(Arc::new(Remote::new(kube::Client::try_from(config)?))))
}

impl SchedulerPart {
    pub(crate) async fn run(self) -> Outcome {
        let (env, client) = (Env::tokio(), self.server.client().await?);
        let scheduler = match &self.config {
            None => Scheduler::new(&env, &client, Profiles::new(vec![Profile::default()])?),
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
                let Configuration { profiles, backoff, extenders, .. } =
                    Configuration::from_yaml(&text, &Registry::default())?;
                if !extenders.is_empty() {
                    return Err("extenders are asked only where the cluster is in the same process".into());
                }
                Scheduler::new(&env, &client, profiles).backoff(backoff)
            }
        };
        let _running = env.spawn("scheduler", async move { scheduler.run().await });
        until_stopped("scheduler").await
    }
}

impl ControllersPart {
    pub(crate) async fn run(self) -> Outcome {
        let (env, client) = (Env::tokio(), self.server.client().await?);
        let _running = Defaults::default().add_to(Controllers::new(&env, &client), &client).start();
        until_stopped("controllers").await
    }
}

impl KubeletPart {
    pub(crate) async fn run(self) -> Outcome {
        let (env, config) = (Env::tokio(), self.server.config().await?);
        let authorities = self.authorities(&config)?;
        let ip = match self.node_ip {
            Some(ip) => ip,
            None => own_address(&config.cluster_url)?,
        };
        let (client, node) = (client(config)?, &self.containers.node);
        let runtime = Arc::new(Process::new(&env, self.containers.options())?);
        let endpoint = Endpoint::new(&client, node, runtime.clone());
        let port = KubeletPort::new(&env, &client, node, endpoint, authorities);
        let own = Authority::new(node, env.now())?.serving(&[node], &[ip])?;
        let options = Options::default().tls(Tls::new(&own)?);
        let address = SocketAddr::new(ip, self.port);
        let listener = Listener::bind(&env, Service::of_kubelet(port), address, options).await;
        let listener = listener.map_err(|why| format!("{address}: {why}"))?;
        let options = KubeletOptions::default().addresses([ip]).port(listener.address().port());
        let kubelet = Kubelet::new(&env, &client, node, runtime, options);
        let _running = env.spawn("kubelet", kubelet.run());
        until_stopped("kubelet").await
    }

    /// Who vouches for API servers.
    fn authorities(&self, config: &kube::Config) -> Result<ClientCertificates, Failure> {
        if let Some(file) = &self.client_ca_file {
            let pem = fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
            return Ok(ClientCertificates::from_pem(&pem)?);
        }
        let known = config.root_cert.as_deref().unwrap_or_default();
        Ok(ClientCertificates::from_der(known)?)
    }
}

/// The address by which this machine reaches the server. Nothing is sent to find it out.
fn own_address(server: &http::Uri) -> Result<IpAddr, Failure> {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let addresses = (host, server.port_u16().unwrap_or(443)).to_socket_addrs()?;
    for address in addresses {
        let any: IpAddr =
            if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        if socket.connect(address).is_ok() {
            return Ok(socket.local_addr()?.ip());
        }
    }
    Err(format!("--node-ip: {host} cannot be reached").into())
}

impl ProxyPart {
    pub(crate) async fn run(self) -> Outcome {
        let (env, client) = (Env::tokio(), self.server.client().await?);
        let network = Arc::new(Userspace::new(&env));
        let _running = env.spawn("proxy", Proxy::new(&env, &client, &self.node, network).run());
        until_stopped("proxy").await
    }
}

async fn until_stopped(part: &str) -> Outcome {
    let mut signals = Signals::hear()?;
    println!("{part} runs");
    signals.stopped().await;
    Ok(())
}
