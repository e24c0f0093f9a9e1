//! One part of the house alone, against any API server.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use steersman::Remote;
use steersman::controllers::{Controllers, Defaults};
use steersman::core::{Client, Env};
use steersman::kubelet::{Kubelet, KubeletOptions, Process};
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
    async fn client(&self) -> Result<Client, Failure> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::new(Arc::new(Remote::new(kube::Client::try_from(config)?))))
    }
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
        let (env, client) = (Env::tokio(), self.server.client().await?);
        let runtime = Arc::new(Process::new(&env, self.containers.options())?);
        let kubelet = Kubelet::new(&env, &client, &self.containers.node, runtime, KubeletOptions::default());
        let _running = env.spawn("kubelet", kubelet.run());
        until_stopped("kubelet").await
    }
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
