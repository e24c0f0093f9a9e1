//! `steersman up` is a cluster on this machine. Under the names `kube-apiserver` and `etcd` the same executable stands in
//! for those two, as programs start them that test controllers with Go's envtest and its kin.
#![deny(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to people and to their programs")]

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod apiserver;
mod authentication;
mod authorization;
mod duration;
mod etcd;
mod fetch;
mod node;
mod part;
mod resident;
mod signals;
mod up;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What ends the program with a message and exit code 1.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a command ends.
type Outcome = Result<(), Failure>;

/// Kubernetes' control plane in one process.
#[derive(Parser)]
#[command(name = "steersman", version, arg_required_else_help = true)]
struct Steersman {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A cluster with one node on this machine, whose containers are processes.
    Up(up::Up),
    /// The scheduler alone, against any API server.
    Scheduler(part::SchedulerPart),
    /// The controllers alone.
    Controllers(part::ControllersPart),
    /// A node of this machine alone, whose containers are processes.
    Kubelet(part::KubeletPart),
    /// The service proxy alone.
    Proxy(part::ProxyPart),
    /// What the executable does under the name kube-apiserver: an API server, with controllers, in memory.
    KubeApiserver(Box<apiserver::ApiServer>),
    /// What the executable does under the name etcd: nothing but to say that it is well.
    Etcd(etcd::Etcd),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Steersman::parse_from(arguments()).command {
        Command::Up(up) => up.run().await,
        Command::Scheduler(part) => part.run().await,
        Command::Controllers(part) => part.run().await,
        Command::Kubelet(part) => part.run().await,
        Command::Proxy(part) => part.run().await,
        Command::KubeApiserver(server) => server.run().await,
        Command::Etcd(etcd) => etcd.run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments, with the name under which the program was started as its command, if it is one. Empty ones are none, as
/// to upstream's programs: templates that come to nothing leave them.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().filter(|word| !word.is_empty()).collect();
    let name = arguments.first().and_then(|path| Path::new(path).file_name()).map(ToOwned::to_owned);
    if let Some(name) = name.filter(|name| name == "kube-apiserver" || name == "etcd") {
        arguments.insert(1, name);
    }
    arguments
}
