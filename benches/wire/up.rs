//! Measures `steersman up` itself: how soon it answers, and what it holds while nothing happens.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::client::{Access, Client, Endpoint};
use crate::server::{End, Program};
use crate::{Load, Outcome, clock, requests};

/// How long a cluster is left alone before it is looked at.
const REST: Duration = Duration::from_secs(60);

/// A cluster that runs.
pub(crate) struct Up {
    program: Program,
    endpoint: Endpoint,
}

impl Up {
    fn start(executable: &Path, kubeconfig: &Path) -> Outcome<Self> {
        let mut command = Command::new(executable);
        command.args(["up", "--listen", "127.0.0.1:0", "--service-cidr", "127.99.0.0/16", "--kubeconfig"]);
        let (program, _ready) = Program::start(command.arg(kubeconfig), End::Killed)?;
        let config: Value = serde_saphyr::from_str(&std::fs::read_to_string(kubeconfig)?)?;
        let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let pem = |field: &str| BASE64_STANDARD.decode(text(&format!("/users/0/user/client-{field}-data")));
        let access = Access::Certificate(pem("certificate")?, pem("key")?);
        let endpoint = Endpoint::new(text("/clusters/0/cluster/server"), access)?;
        Ok(Up { program, endpoint })
    }

    async fn first_create(&self) -> Outcome {
        let client = Client::connect(&self.endpoint).await?;
        client.ask(requests::map("/api/v1/namespaces/default/configmaps", "first")).await.map(drop)
    }
}

/// The executable: the one that was named, or the one beside this.
fn executable(load: &Load) -> Outcome<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("steersman");
    let executable = load.executable.clone().unwrap_or(beside);
    if executable.is_file() {
        return Ok(executable);
    }
    Err(format!("{} is not there: cargo build --release --features cli", executable.display()).into())
}

fn kubeconfig() -> PathBuf {
    std::env::temp_dir().join(format!("load-{}.kubeconfig", std::process::id()))
}

/// From the start of the process to the answer to the first create, over TLS: the best of `times`.
pub(crate) async fn start_to_first_create(load: &Load, times: usize) -> Outcome<(Duration, Duration)> {
    let (executable, kubeconfig) = (executable(load)?, kubeconfig());
    let mut best: Option<(Duration, Duration)> = None;
    for _ in 0..times {
        let started = Instant::now();
        let up = Up::start(&executable, &kubeconfig)?;
        up.first_create().await?;
        let took = (started.elapsed(), clock::spent(&[up.program.id()]));
        best = Some(best.map_or(took, |best| best.min(took)));
    }
    std::fs::remove_file(&kubeconfig)?;
    best.ok_or_else(|| "it was to be started at least once".into())
}

/// What it holds after a minute in which nobody wants anything of it, in megabytes: all, and what of that is no part of
/// a file.
pub(crate) async fn idle_megabytes(load: &Load) -> Outcome<(f64, f64)> {
    let kubeconfig = kubeconfig();
    let up = Up::start(&executable(load)?, &kubeconfig)?;
    let process = up.program.id();
    tokio::time::sleep(if load.smoke { Duration::ZERO } else { REST }).await;
    std::fs::remove_file(&kubeconfig)?;
    let megabytes = |name| clock::held(process, name) * 1024.0 / 1e6;
    Ok((megabytes("VmRSS"), megabytes("RssAnon")))
}
