//! A whole cluster in this process: deploys a web server as real processes behind a service address, and scales,
//! heals, drains, rolls and rolls back under a steady stream of requests.
//!
//! The workload is this same executable, started with the argument `serve`.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use std::error::Error;
use std::process::ExitCode;

use steersman::core::Env;

mod progress;
mod story;
mod traffic;
mod workload;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [serve, version] if serve == "serve" => workload::serve(version).await.map_err(Into::into),
        [] => tell_until_interrupted().await,
        _ => Err("usage: quickstart".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An interrupt drops the story, and with it the cluster and every process it started.
async fn tell_until_interrupted() -> Result<(), Box<dyn Error + Send + Sync>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        told = story::tell(Env::tokio()) => told,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminated.recv() => Err("terminated".into()),
    }
}
