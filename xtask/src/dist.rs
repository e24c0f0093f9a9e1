//! Builds the executable as it is given to others: optimised for what a load has shown of where its time goes.
//!
//! The load is built so that it counts, runs, and what it has counted tells the compiler what is hot. It takes two builds
//! of the profile `dist`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rows of the load that the compiler learns from: what an API server does all day.
const ROWS: [&str; 4] = ["creates", "gets", "list", "watch"];

/// Builds `steersman` and `load` below `target`, and gives the folder that they are in.
pub(crate) fn build(target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let host = host()?;
    let profdata = profdata(&host)?;
    let (counts, profile) = (target.join("counts"), target.join("steersman.profdata"));
    if counts.exists() {
        std::fs::remove_dir_all(&counts)?;
    }
    let counting = target.join("counting");
    cargo(&host, &counting, &format!("-Cprofile-generate={}", counts.display()), &["--package=load"])?;
    run(Command::new(built(&counting, &host).join("load")).args(ROWS))?;
    run(Command::new(profdata).arg("merge").arg("-o").arg(&profile).arg(&counts))?;
    let learned = format!("-Cprofile-use={}", profile.display());
    cargo(&host, target, &learned, &["--package=load", "--package=steersman", "--features=steersman/cli"])?;
    Ok(built(target, &host))
}

/// Where cargo puts what is built for a platform that is named; build scripts are then built without our flags.
fn built(target: &Path, host: &str) -> PathBuf {
    target.join(host).join("dist")
}

fn cargo(host: &str, target: &Path, flags: &str, what: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--profile=dist", "--target", host]).args(what);
    run(command.env("CARGO_TARGET_DIR", target).env("RUSTFLAGS", flags))
}

/// The platform that we are on.
fn host() -> Result<String, Box<dyn Error>> {
    let told = output(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its platform")?.to_owned())
}

/// The tool that comes with the compiler: another version may not understand what was counted.
fn profdata(host: &str) -> Result<PathBuf, Box<dyn Error>> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let tool = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin/llvm-profdata");
    if !tool.exists() {
        return Err(format!("{} is missing: rustup component add llvm-tools", tool.display()).into());
    }
    Ok(tool)
}

fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!("{command:?} failed").into()),
    }
}
