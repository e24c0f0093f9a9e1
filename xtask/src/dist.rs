//! Builds programs that were optimised for what a run of theirs has shown of where its time goes: the executable as it is
//! given to others, which learns from a load, and examples, each of which learns from itself.
//!
//! A program is built so that it counts, runs, and what it has counted tells the compiler what is hot. It takes two builds.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rows of the load that the compiler learns from: what an API server does all day.
const ROWS: [&str; 4] = ["creates", "gets", "list", "watch"];

/// Builds `steersman` and `load` below `target`, and gives the folder that they are in.
pub(crate) fn build(target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let dist = Build { profile: "dist", host: host()?, target };
    let flags = dist.learn(&["--package=load"], |built| run(Command::new(built.join("load")).args(ROWS)))?;
    dist.cargo(target, &flags, &["--package=load", "--package=steersman", "--features=steersman/cli"])?;
    Ok(dist.built(target))
}

/// Builds an example below `target`, and gives its executable.
pub(crate) fn example(name: &str, target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let learned = Build { profile: "learned", host: host()?, target };
    let executable = |built: PathBuf| built.join("examples").join(name);
    let what = format!("--example={name}");
    let flags = learned.learn(&[&what], |built| run(&mut Command::new(executable(built))))?;
    learned.cargo(target, &flags, &[&what])?;
    Ok(executable(learned.built(target)))
}

/// What is built how, and where.
struct Build<'a> {
    /// The profile.
    profile: &'a str,
    /// The platform that we are on.
    host: String,
    target: &'a Path,
}

impl Build<'_> {
    /// Has a program count while it runs; gives the flags that tell the compiler what came of it.
    fn learn(
        &self,
        what: &[&str],
        train: impl FnOnce(PathBuf) -> Result<(), Box<dyn Error>>,
    ) -> Result<String, Box<dyn Error>> {
        let profdata = profdata(&self.host)?;
        let (counts, learned) = (self.target.join("counts"), self.target.join("steersman.profdata"));
        if counts.exists() {
            std::fs::remove_dir_all(&counts)?;
        }
        let counting = self.target.join("counting");
        self.cargo(&counting, &format!("-Cprofile-generate={}", counts.display()), what)?;
        train(self.built(&counting))?;
        run(Command::new(profdata).arg("merge").arg("-o").arg(&learned).arg(&counts))?;
        Ok(format!("-Cprofile-use={}", learned.display()))
    }

    /// Where cargo puts what is built for a platform that is named; build scripts are then built without our flags.
    fn built(&self, target: &Path) -> PathBuf {
        target.join(&self.host).join(self.profile)
    }

    fn cargo(&self, target: &Path, flags: &str, what: &[&str]) -> Result<(), Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--profile", self.profile, "--target", &self.host]).args(what);
        run(command.env("CARGO_TARGET_DIR", target).env("RUSTFLAGS", flags))
    }
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
