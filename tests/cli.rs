//! The executable as people and their programs start it. Needs `kubectl`: on the path, or where `tests/wire/install` puts
//! it; without it the tests say so and are skipped.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test of real processes"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use jiff::Timestamp;
use steersman::apiserver::listener::{Access, Authority, kubeconfig};

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

fn ask(kubectl: &Path, config: &Path, arguments: &str) -> String {
    let asked = Command::new(kubectl).arg("--kubeconfig").arg(config).args(arguments.split(' ')).output();
    let Output { status, stdout, stderr } = asked.unwrap();
    assert!(status.success(), "kubectl {arguments}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
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
fn parts_work_alone_against_any_api_server() {
    let Some(kubectl) = kubectl() else { return };
    let config = directory("parts").join("kubeconfig");
    let path = config.to_str().unwrap();
    let arguments =
        ["up", "--listen", "127.0.0.1:0", "--service-cidr", "127.98.0.0/16", "--kubeconfig", path];
    let mut up = Program::start(steersman(), &arguments);
    up.line();
    let arguments = ["kubelet", "--kubeconfig", path, "--node", "second", "--port", "0"];
    let mut kubelet = Program::start(steersman(), &arguments);
    assert_eq!(kubelet.line(), "kubelet runs");
    ask(&kubectl, &config, "wait --for=create node/second --timeout=60s");
    ask(&kubectl, &config, "wait --for=condition=Ready node/second --timeout=60s");
    there_are_logs_and_commands_on(&kubectl, &config, "second");
    let mut scheduler = Program::start(steersman(), &["scheduler", "--kubeconfig", path]);
    assert_eq!(scheduler.line(), "scheduler runs");
    for part in [scheduler, kubelet, up] {
        assert!(part.stop().1);
    }
}

/// They come from the port of that node's kubelet, in another process than the API server.
fn there_are_logs_and_commands_on(kubectl: &Path, config: &Path, node: &str) {
    let script = "echo\tstarted;\tsleep\t1000".replace('\t', "${IFS}");
    let overrides = format!(r#"--overrides={{"spec":{{"nodeName":"{node}"}}}}"#);
    ask(kubectl, config, &format!("run far --image=none {overrides} --command -- sh -c {script}"));
    ask(kubectl, config, "wait --for=condition=Ready pod/far --timeout=60s");
    assert_eq!(ask(kubectl, config, "logs far"), "started\n");
    assert_eq!(ask(kubectl, config, "exec far -- echo hi"), "hi\n");
    let page = format!("get --raw /api/v1/nodes/{node}/proxy/healthz");
    assert_eq!(ask(kubectl, config, &page), "ok");
    assert!(
        ask(kubectl, config, &format!("get node {node} -o jsonpath={{.status.daemonEndpoints}}"))
            .contains("Port")
    );
}

#[test]
fn a_data_directory_is_refused_as_long_as_nothing_is_kept_in_it() {
    let refused = Command::new(steersman()).args(["up", "--data-dir", "/tmp/x"]).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(told, "error: --data-dir: there is no durable store yet; everything is kept in memory\n");
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn the_executable_stands_in_for_what_envtest_starts() {
    let Some(kubectl) = kubectl() else { return };
    let assets = directory("envtest");
    for name in ["kube-apiserver", "etcd"] {
        std::os::unix::fs::symlink(steersman(), assets.join(name)).unwrap();
    }
    let authority = Authority::new("envtest", Timestamp::now()).unwrap();
    let serving = authority.serving(&["localhost"], &[[127, 0, 0, 1].into()]).unwrap();
    let admin = authority.client("admin", "system:masters").unwrap();
    for (file, pem) in [
        ("apiserver.crt", serving.certificate_pem.as_str()),
        ("apiserver.key", &serving.key_pem),
        ("client-ca.crt", authority.certificate_pem()),
        ("sa.key", &admin.key_pem),
    ] {
        fs::write(assets.join(file), pem).unwrap();
    }
    let at = |name: &str| assets.join(name).to_str().unwrap().to_owned();

    let mut etcd = Program::start(
        &assets.join("etcd"),
        &[
            "--listen-client-urls=http://127.0.0.1:0",
            "--advertise-client-urls=http://127.0.0.1:0",
            "--listen-peer-urls=http://localhost:0",
            "--unsafe-no-fsync=true",
            &format!("--data-dir={}", at("data")),
        ],
    );
    let etcd_url = etcd.line().replace("ready: ", "");
    let mut server = Program::start(
        &assets.join("kube-apiserver"),
        &[
            &format!("--etcd-servers={etcd_url}"),
            "--secure-port=0",
            "--bind-address=127.0.0.1",
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://127.0.0.1/",
            &format!("--cert-dir={}", assets.display()),
            &format!("--client-ca-file={}", at("client-ca.crt")),
            &format!("--service-account-key-file={}", at("sa.key")),
            &format!("--service-account-signing-key-file={}", at("sa.key")),
        ],
    );
    let address = server.line().replace("ready: https://", "").parse().unwrap();
    let config = assets.join("kubeconfig");
    fs::write(&config, kubeconfig(address, &authority, &Access::Certificate(admin))).unwrap();
    ask(&kubectl, &config, "create deployment web --image=web --replicas=2");
    ask(&kubectl, &config, "wait --for=jsonpath={.status.replicas}=2 deployment/web --timeout=60s");
    ask(&kubectl, &config, "delete deployment web --cascade=foreground");
    assert_eq!(ask(&kubectl, &config, "get pods -o name"), "");
    assert!(server.stop().1 && etcd.stop().1);
}

#[test]
fn an_unknown_flag_is_an_error() {
    let refused = Command::new(steersman()).args(["kube-apiserver", "--etcd-prefix=/x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("unexpected argument '--etcd-prefix'"));
}
