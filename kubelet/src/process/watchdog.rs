//! Sees to it that no process outlives the runtime, even when this program is killed.
//!
//! A shell in a process group of its own waits on a pipe that only this program holds. It is told of every process
//! group that starts and ends; when the pipe closes, for whatever reason, it kills the groups that are left. Unlike
//! a parent-death signal, that reaches the children of containers, too, and needs no unsafe code.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::launch::SHELL;

const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
groups=''
while read -r what group; do
  case $what in
    started) groups="$groups $group" ;;
    ended)
      left=''
      for other in $groups; do [ "$other" = "$group" ] || left="$left $other"; done
      groups=$left ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
"#;

#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Watchdog {
    pub(super) fn start() -> io::Result<Self> {
        let mut shell = Command::new(SHELL)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(shell.stdin.take());
        Ok(Watchdog { shell, pipe })
    }

    /// From now on, the group dies with this program.
    pub(super) fn started(&self, group: u32) -> io::Result<()> {
        self.tell("started", group)
    }

    /// The group is gone: its number may soon belong to somebody else.
    pub(super) fn ended(&self, group: u32) {
        if let Err(error) = self.tell("ended", group) {
            tracing::warn!(%error, "the watchdog of the process runtime is gone");
        }
    }

    fn tell(&self, what: &str, group: u32) -> io::Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *pipe {
            Some(pipe) => pipe.write_all(format!("{what} {group}\n").as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(error) = self.shell.wait() {
            tracing::warn!(%error, "the watchdog of the process runtime did not end");
        }
    }
}
