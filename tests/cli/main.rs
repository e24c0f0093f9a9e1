//! The executable as people and their programs start it. Needs `kubectl`: on the path, or where `tests/wire/install` puts
//! it; without it the tests say so and are skipped.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test of real processes"
)]

mod envtest;
mod nodes;
mod page;
mod stand_in;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A program of ours that runs. Dropping it kills it.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Program { child, stdout }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asks it to stop; what it still prints, and whether it ends well.
    fn stop(mut self) -> (String, bool) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let ended = self.child.wait().unwrap();
        (rest, ended.success())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn steersman() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_steersman"))
}

/// A directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// `kubectl`, if there is one.
fn kubectl() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/kubectl");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("kubectl"));
    let found = std::iter::once(installed).chain(found).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: there is no kubectl");
    }
    found
}

/// What it prints, and what it complains of if it fails.
fn try_ask(kubectl: &Path, config: &Path, arguments: &str) -> Result<String, String> {
    let asked = Command::new(kubectl).arg("--kubeconfig").arg(config).args(arguments.split(' ')).output();
    let Output { status, stdout, stderr } = asked.unwrap();
    let told = String::from_utf8(if status.success() { stdout } else { stderr }).unwrap();
    if status.success() { Ok(told) } else { Err(told) }
}

fn ask(kubectl: &Path, config: &Path, arguments: &str) -> String {
    try_ask(kubectl, config, arguments).unwrap_or_else(|told| panic!("kubectl {arguments}: {told}"))
}

#[test]
fn up_is_a_cluster_until_it_is_stopped() {
    let Some(kubectl) = kubectl() else { return };
    let config = directory("up").join("kubeconfig");
    let path = config.to_str().unwrap();
    let arguments =
        ["up", "--listen", "127.0.0.1:0", "--service-cidr", "127.97.0.0/16", "--kubeconfig", path];
    let mut up = Program::start(steersman(), &arguments);
    let ready = up.line();
    assert!(ready.starts_with("ready: https://127.0.0.1:") && ready.ends_with(path), "{ready}");
    ask(&kubectl, &config, "wait --for=condition=Ready node/steersman --timeout=60s");
    ask(&kubectl, &config, "run one --image=none --restart=Never --command -- sh -c echo");
    ask(&kubectl, &config, "wait --for=jsonpath={.status.phase}=Succeeded pod/one --timeout=60s");
    assert_eq!(up.stop(), ("stopped\n".to_owned(), true));
}

#[test]
fn a_data_directory_is_refused_as_long_as_nothing_is_kept_in_it() {
    let refused = Command::new(steersman()).args(["up", "--data-dir", "/tmp/x"]).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(told, "error: --data-dir: there is no durable store yet; everything is kept in memory\n");
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn an_unknown_flag_is_an_error() {
    let refused = Command::new(steersman()).args(["kube-apiserver", "--etcd-prefix=/x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unexpected argument '--etcd-prefix'"));
}
