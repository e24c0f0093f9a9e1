//! Starts a program in a process group of its own, such that it can never outlive the runtime.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pty_process::Pty;
use rustix::process::{Pid, Signal, getegid, geteuid, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::watchdog::Watchdog;

pub(super) const SHELL: &str = "/bin/sh";

/// Waits for a line, which comes once the watchdog knows of the group, and then becomes the program. Should this
/// program die before, there is no line. What follows the line is the program's.
const GATE: &str = r#"read -r _ || exit 125; exec "$0" "$@""#;

/// The same for a program whose input is empty.
const SHUT_GATE: &str = r#"read -r _ || exit 125; exec "$0" "$@" </dev/null"#;

/// The same for a program at a terminal, where the line comes by another way than what is typed.
const TERMINAL_GATE: &str = r#"read -r _ || exit 125; exec "$0" "$@" <&1"#;

/// What to start.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) working_dir: PathBuf,
    /// Whom it runs as; this program's own user and group if nothing is said.
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) input: Input,
}

/// What a program reads from its standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing.
    #[default]
    Empty,
    /// What is written to [`Child::stdin`].
    Piped,
}

/// A process group, killed when it is dropped.
#[derive(Debug)]
pub(super) struct Group {
    id: u32,
    ended: AtomicBool,
    watchdog: Arc<Watchdog>,
}

impl Program {
    /// Starts the program with its output piped. Fails with a sentence on what cannot be run.
    pub(super) async fn launch(&self, watchdog: &Arc<Watchdog>) -> Result<(Child, Group), String> {
        self.check()?;
        let mut shell = self.shell(if self.input == Input::Piped { GATE } else { SHUT_GATE });
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = shell.spawn().map_err(|why| self.failed(&why))?;
        self.open_gate(child, watchdog).await
    }

    /// One or the other.
    pub(super) async fn launch_either(
        &self,
        tty: bool,
        watchdog: &Arc<Watchdog>,
    ) -> Result<(Child, Group, Option<Pty>), String> {
        if tty {
            let (child, group, terminal) = self.launch_at_terminal(watchdog).await?;
            return Ok((child, group, Some(terminal)));
        }
        let (child, group) = self.launch(watchdog).await?;
        Ok((child, group, None))
    }

    /// Starts the program at a terminal of its own, which is its input and its output.
    pub(super) async fn launch_at_terminal(
        &self,
        watchdog: &Arc<Watchdog>,
    ) -> Result<(Child, Group, Pty), String> {
        self.check()?;
        let (terminal, its_end) = pty_process::open().map_err(|why| self.failed(&why))?;
        // It leads a session of its own, and with it a group.
        let shell = pty_process::Command::from(self.shell(TERMINAL_GATE)).stdin(Stdio::piped());
        let child = shell.spawn(its_end).map_err(|why| self.failed(&why))?;
        let (child, group) = self.open_gate(child, watchdog).await?;
        Ok((child, group, terminal))
    }

    /// The same at a terminal, which is told what kind of terminal it is.
    pub(super) fn at_terminal(mut self) -> Self {
        if self.env.iter().all(|(name, _)| name != "TERM") {
            self.env.push(("TERM".to_owned(), "xterm".to_owned()));
        }
        Program { input: Input::Empty, ..self }
    }

    async fn open_gate(&self, mut child: Child, watchdog: &Arc<Watchdog>) -> Result<(Child, Group), String> {
        let id = child.id().ok_or("the process ended before it began")?;
        let group = Group { id, ended: AtomicBool::new(false), watchdog: watchdog.clone() };
        watchdog.started(id).map_err(|why| self.failed(&why))?;
        let mut gate = child.stdin.take().ok_or("the process has no input")?;
        gate.write_all(b"\n").await.map_err(|why| self.failed(&why))?;
        child.stdin = (self.input == Input::Piped).then_some(gate);
        Ok((child, group))
    }

    fn failed(&self, why: &dyn fmt::Display) -> String {
        format!("exec: {:?}: {why}", self.command)
    }

    fn shell(&self, gate: &str) -> Command {
        let mut shell = Command::new(SHELL);
        shell.arg("-c").arg(gate).args(&self.command).env_clear();
        shell.envs(self.env.iter().map(|(name, value)| (name, value)));
        shell.current_dir(&self.working_dir);
        let (own_user, own_group) = (geteuid().as_raw(), getegid().as_raw());
        self.group.filter(|group| *group != own_group).map(|group| shell.gid(group));
        self.user.filter(|user| *user != own_user).map(|user| shell.uid(user));
        shell
    }

    /// Whether there is something to run, in the words of Go's `os/exec`.
    fn check(&self) -> Result<(), String> {
        self.check_identity()?;
        let name = self.command.first().ok_or("no command specified")?;
        if name.contains('/') {
            return runnable(&self.working_dir.join(name)).map_err(|why| format!("exec: {name:?}: {why}"));
        }
        let path = self.env.iter().rev().find(|(variable, _)| variable == "PATH");
        let path = path.map_or("", |(_, value)| value.as_str());
        let found = std::env::split_paths(path).any(|folder| runnable(&folder.join(name)).is_ok());
        found.then_some(()).ok_or_else(|| format!("exec: {name:?}: executable file not found in $PATH"))
    }

    /// Only root can become somebody else.
    fn check_identity(&self) -> Result<(), String> {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        let same =
            self.user.is_none_or(|wanted| wanted == user) && self.group.is_none_or(|wanted| wanted == group);
        if same || user == 0 {
            return Ok(());
        }
        let shown = |id: Option<u32>| id.map_or("any".to_owned(), |id| id.to_string());
        let (wanted_user, wanted_group) = (shown(self.user), shown(self.group));
        Err(format!("cannot run as user {wanted_user} and group {wanted_group}: this program is not root"))
    }
}

fn runnable(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err("permission denied".to_owned()),
        Err(_) => Err(format!("stat {}: no such file or directory", path.display())),
    }
}

impl Group {
    /// Asks every process of the group to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends every process of the group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends what is left of the group after its first process has ended; it is not touched again.
    pub(super) fn finish(&self) {
        self.kill();
        if !self.ended.swap(true, Ordering::SeqCst) {
            self.watchdog.ended(self.id);
        }
    }

    fn signal(&self, signal: Signal) {
        if self.ended.load(Ordering::SeqCst) {
            return;
        }
        let group = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        // A group whose processes have all ended is what was wanted.
        let _ = group.map(|group| kill_process_group(group, signal));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.finish();
    }
}
