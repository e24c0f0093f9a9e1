//! A whole cluster with one node on this machine, for as long as nobody stops it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use steersman::apiserver::authenticate::{JwtKeys, ServiceAccounts};
use steersman::kubelet::{Process, ProcessOptions, Subnet};
use steersman::netproxy::Userspace;
use steersman::prelude::*;

use crate::{Outcome, signals};

/// Who issues the tokens of service accounts.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

#[derive(Args)]
pub(crate) struct Up {
    /// Where the administrator's kubeconfig is written.
    #[arg(long, value_name = "FILE", default_value = "steersman.kubeconfig")]
    kubeconfig: PathBuf,
    /// Where the API server listens; port 0 for any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    listen: SocketAddr,
    /// The name of the node.
    #[arg(long, value_name = "NAME", default_value = "steersman")]
    node: String,
    /// The addresses of services. Those within 127.0.0.0/8 need no privileges.
    #[arg(long, value_name = "CIDR", default_value = "127.96.0.0/16")]
    service_cidr: String,
    /// What an image is on this machine: a program and its arguments, divided by spaces. May be given many times.
    #[arg(long, value_name = "IMAGE=COMMAND", value_parser = image)]
    image: Vec<(String, Vec<String>)>,
    /// Refused: everything is kept in memory, and ends with the program.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

impl Up {
    pub(crate) async fn run(self) -> Outcome {
        if self.data_dir.is_some() {
            return Err("--data-dir: there is no durable store yet; everything is kept in memory".into());
        }
        let env = Env::tokio();
        let cluster = self.start(&env).await?;
        write_secret(&self.kubeconfig, cluster.kubeconfig().unwrap_or_default())?;
        let path = fs::canonicalize(&self.kubeconfig)?;
        let address = cluster.address().unwrap_or(self.listen);
        println!("ready: https://{address}, export KUBECONFIG={}", path.display());
        signals::stopped().await?;
        cluster.stop().await;
        println!("stopped");
        Ok(())
    }

    async fn start(&self, env: &Env) -> Result<Cluster, Box<dyn std::error::Error + Send + Sync>> {
        let mut options = ProcessOptions::default().subnet(Subnet::new([127, 10, 0, 0].into(), 16));
        for (name, command) in &self.image {
            options = options.image(name, command.iter().cloned());
        }
        let cluster = Cluster::builder()
            .listen(self.listen)
            .rbac()
            .service_accounts(ServiceAccounts::new(ISSUER, JwtKeys::generate()?))
            .service_cidr(&self.service_cidr)
            .network(Userspace::new(env))
            .node(&self.node, Process::new(env, options)?);
        Ok(cluster.start(env).await?)
    }
}

fn image(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, command) = text.split_once('=').ok_or("it has no `=`")?;
    let command: Vec<String> = command.split_whitespace().map(ToOwned::to_owned).collect();
    if name.is_empty() || command.is_empty() {
        return Err("it needs a name and a command".to_owned());
    }
    Ok((name.to_owned(), command))
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
