//! Runs commands beside a container's process, with the same variables and working directory.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::future::join3;
use steersman_core::runtime::{ContainerState, Exec, ExecOutput, RuntimeError};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Process;
use super::launch::Program;
use super::run::code;

/// How much of each stream of a command's output is kept, in bytes. The rest is read and thrown away.
const OUTPUT: usize = 64 * 1024;

#[async_trait]
impl Exec for Process {
    /// Keeps the first 64 KiB of each stream; standard error follows standard output.
    async fn run(&self, container: &str, command: &[String]) -> Result<ExecOutput, RuntimeError> {
        let run = self.0.run(container)?;
        if !matches!(run.container().state, ContainerState::Running { .. }) {
            return Err(RuntimeError::Unavailable("container not running".to_owned()));
        }
        let program = Program { command: command.to_vec(), ..run.program.clone() };
        let (mut child, group) =
            program.launch(&self.0.watchdog).await.map_err(RuntimeError::StartContainer)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let wait = async {
            let status = child.wait().await;
            // Whatever the command has left behind goes with it, and lets go of the output.
            group.finish();
            status
        };
        let (status, stdout, stderr) = join3(wait, keep(stdout), keep(stderr)).await;
        let status = status.map_err(|error| RuntimeError::Unavailable(error.to_string()))?;
        let output = [stdout, stderr].concat();
        Ok(ExecOutput { code: code(status), output: Bytes::from(output) })
    }
}

async fn keep<R: AsyncRead + Unpin>(from: Option<R>) -> BytesMut {
    let mut kept = BytesMut::new();
    let Some(mut from) = from else { return kept };
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count.min(OUTPUT - kept.len())]);
    }
    kept
}
