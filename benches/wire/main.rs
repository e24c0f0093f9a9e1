//! Drives an API server over loopback and HTTP/2, with TLS and without, and prints what that takes beside what it takes
//! of upstream's own.
//!
//! ```text
//! cargo build --release --package load --package steersman --features steersman/cli
//! target/release/load                        every row; arguments choose rows by a part of their names
//! target/release/load --against https://127.0.0.1:6443 --token T --pid 4711,4712
//! ```
//!
//! The server is a process of its own on the same machine, and both share its cores. A rate is what two cores that did
//! nothing else would reach by the CPU time that both took, so that a busy machine does not matter much; what the clock
//! said stands beside it. The figures stand in `docs/performance.md`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![expect(clippy::disallowed_methods, reason = "a bench takes the time and starts tasks")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder as Runtime;

mod client;
mod clock;
mod requests;
mod rows;
mod serve;
mod server;
mod table;
mod up;

/// The one of the executable, so that the server is as fast as there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What ends the program with a message.
type Failure = Box<dyn std::error::Error + Send + Sync>;

type Outcome<T = ()> = Result<T, Failure>;

/// Load for an API server over HTTP/2.
#[derive(Parser)]
struct Load {
    /// Runs the rows whose names contain one of these; all if there is none.
    rows: Vec<String>,
    /// Few requests, to see that everything works.
    #[arg(long)]
    smoke: bool,
    /// Drives this server rather than one of our own: http://… or https://…, whose certificate is not looked at.
    #[arg(long, value_name = "URL", requires = "token")]
    against: Option<String>,
    /// The bearer token of somebody who may do everything there.
    #[arg(long)]
    token: Option<String>,
    /// The processes of that server, and of its store, whose CPU time counts.
    #[arg(long, value_delimiter = ',')]
    pid: Vec<u32>,
    /// The executable `steersman`; beside this one if it is not given.
    #[arg(long, value_name = "FILE")]
    executable: Option<PathBuf>,
    /// Is the server: how this program starts itself.
    #[arg(long, hide = true)]
    serve: Option<serve::Manner>,
}

fn main() -> ExitCode {
    let load = Load::parse();
    match run(&load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(load: &Load) -> Outcome {
    match load.serve {
        Some(manner) => serve::run(&Runtime::new_multi_thread().enable_all().build()?, manner),
        // One thread: what is waiting is sent together, and nothing is handed from one core to the other.
        None => Runtime::new_current_thread().enable_all().build()?.block_on(rows::run(load)),
    }
}
