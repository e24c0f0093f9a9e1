//! A whole cluster with one node on this machine, for as long as nobody stops it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use steersman::apiserver::authenticate::{JwtKeys, ServiceAccounts};
use steersman::kubelet::Process;
use steersman::netproxy::Userspace;
use steersman::prelude::*;

use crate::node::Containers;
use crate::signals::Signals;
use crate::{Failure, Outcome, resident};

/// Who issues the tokens of service accounts.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How long after it is ready a cluster has done what it does only once.
const STARTED: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Up {
    /// Where the administrator's kubeconfig is written.
    #[arg(long, value_name = "FILE", default_value = "steersman.kubeconfig")]
    kubeconfig: PathBuf,
    /// Where the API server listens; port 0 for any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    listen: SocketAddr,
    #[command(flatten)]
    containers: Containers,
    /// The addresses of services. Those within 127.0.0.0/8 need no privileges.
    #[arg(long, value_name = "CIDR", default_value = "127.96.0.0/16")]
    service_cidr: String,
    /// Refused: everything is kept in memory, and ends with the program.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

impl Up {
    pub(crate) async fn run(self) -> Outcome {
        if self.data_dir.is_some() {
            return Err("--data-dir: there is no durable store yet; everything is kept in memory".into());
        }
        let mut signals = Signals::hear()?;
        let env = Env::tokio();
        let cluster = self.start(&env).await?;
        write_secret(&self.kubeconfig, cluster.kubeconfig().unwrap_or_default())?;
        let path = fs::canonicalize(&self.kubeconfig)?;
        let address = cluster.address().unwrap_or(self.listen);
        println!("ready: https://{address}, export KUBECONFIG={}", path.display());
        let calm = env.clone();
        let _calm = env.spawn("resident", async move {
            calm.sleep(STARTED).await;
            // What cannot be given back is kept.
            drop(resident::give_back());
        });
        signals.stopped().await;
        cluster.stop().await;
        println!("stopped");
        Ok(())
    }

    async fn start(&self, env: &Env) -> Result<Cluster, Failure> {
        let cluster = Cluster::builder()
            .listen(self.listen)
            .rbac()
            .service_accounts(ServiceAccounts::new(ISSUER, JwtKeys::generate()?))
            .service_cidr(&self.service_cidr)
            .network(Userspace::new(env))
            .node(&self.containers.node, Process::new(env, self.containers.options())?);
        Ok(cluster.start(env).await?)
    }
}

/// Writes a file that nobody else may read.
fn write_secret(path: &Path, text: &str) -> Outcome {
    let tell = |why: std::io::Error| format!("{}: {why}", path.display());
    // One that is there keeps its permissions when it is opened: it is made anew.
    match fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(tell(why).into()),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(tell)?;
    file.write_all(text.as_bytes()).map_err(tell)?;
    Ok(())
}
