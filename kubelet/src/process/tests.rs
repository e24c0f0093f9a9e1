//! Real processes, waited for by what they print and by how they end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use steersman_core::runtime::{self, ContainerState, LogStream, Said, Stdin, TerminalSize};

use super::*;
use crate::testing::Given;

struct World {
    process: Process,
    events: BoxStream<'static, Arc<PodSandbox>>,
    sandbox: PodSandbox,
}

async fn world() -> World {
    let env = Env::tokio();
    let process = Process::new(&env, ProcessOptions::default()).unwrap();
    let config = PodSandboxConfig {
        name: "p".to_owned(),
        namespace: "ns".to_owned(),
        uid: "u".to_owned(),
        hostname: "p".to_owned(),
        ..PodSandboxConfig::default()
    };
    let sandbox = process.start_sandbox(config).await.unwrap();
    World { events: process.events(), process, sandbox }
}

fn shell(script: &str) -> ContainerConfig {
    ContainerConfig {
        name: "c".to_owned(),
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        ..ContainerConfig::default()
    }
}

impl World {
    async fn start(&self, script: &str) -> Container {
        self.process.start_container(&self.sandbox.id, shell(script)).await.unwrap()
    }

    /// Waits until something ends, and gives its exit code.
    async fn end(&mut self) -> i32 {
        code(&self.events.next().await.unwrap().containers[0])
    }

    /// Waits for the first line that a container prints.
    async fn line(&self, container: &Container) -> String {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let mut lines = self.process.read(&container.id, &options).await.unwrap();
        text(&lines.next().await.unwrap())
    }

    async fn attach(&self, container: &Container, stdio: runtime::Stdio) -> runtime::Session {
        Attach::attach(&self.process, &container.id, stdio).await.unwrap()
    }

    async fn printed(&self, container: &Container) -> Vec<(LogStream, String)> {
        let lines = self.process.read(&container.id, &LogOptions::default()).await.unwrap();
        lines.map(|line| (line.stream, text(&line))).collect().await
    }
}

fn text(line: &LogLine) -> String {
    String::from_utf8(line.text.to_vec()).unwrap()
}

fn code(container: &Container) -> i32 {
    match &container.state {
        ContainerState::Exited(exit) => exit.code,
        other => panic!("{other:?}"),
    }
}

/// Waits until a process has ended; whether somebody has asked how does not matter.
async fn gone(pid: &str) {
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
        if matches!(state, None | Some('Z' | 'X')) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_container_prints_and_ends() {
    let mut world = world().await;
    let container = world.start("echo hello; echo oops >&2; printf rest; exit 3").await;
    assert_eq!(world.end().await, 3);
    let mut printed = world.printed(&container).await;
    printed.sort_by_key(|(stream, _)| *stream == LogStream::Stderr);
    let expected = [(LogStream::Stdout, "hello"), (LogStream::Stdout, "rest"), (LogStream::Stderr, "oops")];
    assert_eq!(printed, expected.map(|(stream, text)| (stream, text.to_owned())));
}

#[tokio::test]
async fn a_container_sees_its_variables_and_its_address_and_nothing_of_ours() {
    let world = world().await;
    let mut config = shell("echo $A $POD_IP $HOSTNAME ${CARGO_MANIFEST_DIR:-clean}");
    config.env = vec![("A".to_owned(), "first".to_owned()), ("A".to_owned(), "last".to_owned())];
    let container = world.process.start_container(&world.sandbox.id, config).await.unwrap();
    assert_eq!(world.line(&container).await, format!("last {} p clean", world.sandbox.ips[0]));
}

#[tokio::test]
async fn a_container_that_listens_ends_by_itself() {
    let world = world().await;
    let container = world.start("trap 'exit 7' TERM; echo ready; sleep 1000 & wait").await;
    assert_eq!(world.line(&container).await, "ready");
    let ended = world.process.stop_container(&container.id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(code(&ended), 7);
    let again = world.process.stop_container(&container.id, Duration::ZERO).await.unwrap();
    assert_eq!(again, ended, "stopping twice changes nothing");
}

#[tokio::test]
async fn a_container_that_does_not_listen_is_killed() {
    let world = world().await;
    let container = world.start("trap '' TERM; echo ready; sleep 1000").await;
    assert_eq!(world.line(&container).await, "ready");
    let ended = world.process.stop_container(&container.id, Duration::from_millis(50)).await.unwrap();
    assert_eq!(code(&ended), 137);
}

#[tokio::test]
async fn what_a_container_leaves_behind_ends_with_it() {
    let mut world = world().await;
    let container = world.start("sleep 1000 & echo $!").await;
    let pid = world.line(&container).await;
    assert_eq!(world.end().await, 0);
    gone(&pid).await;
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_in_the_words_of_container_runtimes() {
    let world = world().await;
    let rows = [
        ("surely-not-here", "exec: \"surely-not-here\": executable file not found in $PATH"),
        ("/surely/not/here", "exec: \"/surely/not/here\": stat /surely/not/here: no such file or directory"),
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
    ];
    for (command, why) in rows {
        let config = ContainerConfig { command: vec![command.to_owned()], ..ContainerConfig::default() };
        let error = world.process.start_container(&world.sandbox.id, config).await.unwrap_err();
        assert_eq!(error, RuntimeError::StartContainer(why.to_owned()));
    }
}

#[tokio::test]
async fn a_container_runs_as_the_user_it_names_or_not_at_all() {
    let mut world = world().await;
    let config = ContainerConfig { run_as_user: Some(65534), ..shell("test $(id -u) = 65534") };
    let started = world.process.start_container(&world.sandbox.id, config).await;
    if rustix::process::geteuid().is_root() {
        assert!(started.is_ok(), "{started:?}");
        assert_eq!(world.end().await, 0);
    } else {
        let why = "cannot run as user 65534 and group any: this program is not root";
        assert_eq!(started.unwrap_err(), RuntimeError::StartContainer(why.to_owned()));
    }
}

fn held(promise: impl AsyncFnOnce(Given)) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let process = Process::new(&Env::tokio(), ProcessOptions::default()).unwrap();
        let (stays, ends) = (shell("sleep 1000"), shell("echo one; echo two; exit 3"));
        let echo = shell("cat; exit 4").command;
        promise(Given { runtime: Arc::new(process), stays, ends, echo }).await;
    });
}

crate::runtime_contract!(held);

#[tokio::test]
async fn commands_run_beside_the_container() {
    let world = world().await;
    let mut config = shell("echo ready; sleep 1000");
    config.env = vec![("A".to_owned(), "1".to_owned())];
    let container = world.process.start_container(&world.sandbox.id, config).await.unwrap();
    let command = ["sh", "-c", "echo $A; echo err >&2; exit 4"].map(str::to_owned);
    let output = world.process.run(&container.id, &command).await.unwrap();
    assert_eq!((output.code, &*output.output), (4, &b"1\nerr\n"[..]));
    world.process.stop_container(&container.id, Duration::ZERO).await.unwrap();
    let error = world.process.run(&container.id, &command).await.unwrap_err();
    assert_eq!(error.to_string(), "container not running");
}

#[tokio::test]
async fn a_command_may_have_a_terminal_of_the_clients_size() {
    let world = world().await;
    let container = world.start("echo ready; sleep 1000").await;
    let script = "read line; stty size; test -t 0 && test -t 1 && test -t 2 && echo $line $TERM; cat; exit 3";
    let command = ["sh", "-c", script].map(str::to_owned);
    let typed = stream::iter(["typed\n", "more\n"]).map(|text| Bytes::from_static(text.as_bytes()));
    let sizes = stream::once(async { TerminalSize { width: 132, height: 43 } });
    let output = runtime::Stdio::output().with_stdin(typed.boxed());
    let stdio = runtime::Stdio { tty: true, sizes: sizes.boxed(), ..output };
    let mut session = world.process.stream(&container.id, &command, stdio).await.unwrap();
    let (mut shown, mut code) = (Vec::new(), None);
    while let Some(said) = session.next().await {
        match said {
            Said::Output(LogStream::Stdout, piece) => shown.extend_from_slice(&piece),
            Said::Exited(exit) => code = Some(exit),
            other => panic!("{other:?}"),
        }
    }
    let shown = String::from_utf8(shown).unwrap();
    // What is typed is shown, when the terminal gets to it.
    for part in ["typed\r\n", "more\r\n", "43 132\r\n", "typed xterm\r\n"] {
        assert!(shown.contains(part), "{part:?} is not in {shown:?}");
    }
    assert_eq!(code, Some(3));
}

/// What an attached client sees until the end, and the exit code.
async fn seen(mut session: runtime::Session) -> (String, i32) {
    let mut shown = Vec::new();
    while let Some(said) = session.next().await {
        match said {
            Said::Output(_, piece) => shown.extend_from_slice(&piece),
            Said::Exited(code) => return (String::from_utf8(shown).unwrap(), code),
            other => panic!("{other:?}"),
        }
    }
    panic!("there was no end");
}

fn typing(texts: &'static [&'static str]) -> runtime::Stdio {
    let typed = stream::iter(texts).map(|text| Bytes::from_static(text.as_bytes()));
    runtime::Stdio::output().with_stdin(typed.boxed())
}

#[tokio::test]
async fn what_the_first_client_types_is_all_that_a_container_reads_once() {
    let world = world().await;
    let config = ContainerConfig { stdin: Stdin::Once, ..shell("cat; exit 7") };
    let container = world.process.start_container(&world.sandbox.id, config).await.unwrap();
    let session = world.attach(&container, typing(&["one\n", "two"])).await;
    assert_eq!(seen(session).await, ("one\ntwo".to_owned(), 7));
    assert_eq!(world.printed(&container).await[0].1, "one");
}

#[tokio::test]
async fn an_open_input_outlives_its_clients() {
    let world = world().await;
    let config = ContainerConfig { stdin: Stdin::Open, ..shell("read a; echo $a; read b; echo $b; exit 5") };
    let container = world.process.start_container(&world.sandbox.id, config).await.unwrap();
    let mut first = world.attach(&container, typing(&["one\n"])).await;
    assert_eq!(first.next().await.unwrap(), Said::Output(LogStream::Stdout, Bytes::from_static(b"one\n")));
    drop(first);
    let second = world.attach(&container, typing(&["two\n"])).await;
    assert_eq!(seen(second).await, ("two\n".to_owned(), 5));
}

#[tokio::test]
async fn a_container_may_have_a_terminal() {
    let world = world().await;
    let script = "read size; stty size; test -t 0 && test -t 1 && printf '%s? ' $TERM; read answer; exit 4";
    let config = ContainerConfig { stdin: Stdin::Open, tty: true, ..shell(script) };
    let container = world.process.start_container(&world.sandbox.id, config).await.unwrap();
    let sizes = stream::once(async { TerminalSize { width: 132, height: 43 } }).boxed();
    let stdio = runtime::Stdio { tty: true, sizes, ..typing(&["go\n", "on\n"]) };
    let (shown, code) = seen(world.attach(&container, stdio).await).await;
    // The question has no line of its own.
    for part in ["43 132\r\n", "xterm? "] {
        assert!(shown.contains(part), "{part:?} is not in {shown:?}");
    }
    assert_eq!(code, 4);
}

#[tokio::test]
async fn a_command_that_is_given_up_leaves_nothing_behind() {
    let world = world().await;
    let container = world.start("echo ready; sleep 1000").await;
    let dir = tempdir();
    let file = dir.join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 1000", file.display());
    let command = ["sh", "-c", script.as_str()].map(str::to_owned);
    let mut exec = world.process.run(&container.id, &command);
    let pid = loop {
        assert!((&mut exec).now_or_never().is_none());
        if let Ok(pid) = std::fs::read_to_string(&file) {
            break pid.trim().to_owned();
        }
        tokio::task::yield_now().await;
    };
    drop(exec);
    gone(&pid).await;
    std::fs::remove_dir_all(dir).unwrap();
}

fn tempdir() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("steersman-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[tokio::test]
async fn dropping_the_runtime_ends_everything() {
    let world = world().await;
    let container = world.start("trap '' TERM HUP INT; sleep 1000 & echo $!; wait; sleep 1000").await;
    let pid = world.line(&container).await;
    drop(world);
    gone(&pid).await;
}

/// Not a test of its own: the program that the next test kills.
#[tokio::test]
#[ignore = "started by nothing_survives_a_program_that_is_killed"]
async fn a_program_with_a_container() {
    let world = world().await;
    let container = world.start("trap '' TERM HUP INT; sleep 1000 & echo $!; wait; sleep 1000").await;
    println!("pid {}", world.line(&container).await);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_survives_a_program_that_is_killed() {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "process::tests::a_program_with_a_container"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let pid = lines.find_map(|line| Some(line.split_once("pid ")?.1.to_owned())).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    gone(&pid).await;
}
