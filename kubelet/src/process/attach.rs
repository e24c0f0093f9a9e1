//! Joins the process of a container.

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use steersman_core::runtime::{Attach, ContainerState, LogOptions, RuntimeError, Said, Session, Stdio};

use super::Process;
use super::exec::running;

#[async_trait]
impl Attach for Process {
    /// What is printed from now on, line by line. A container has no standard input: what comes in is not read.
    async fn attach(&self, container: &str, stdio: Stdio) -> Result<Session, RuntimeError> {
        let run = running(self, container)?;
        let options = LogOptions { follow: true, tail_lines: Some(0), ..LogOptions::default() };
        let lines = run.log.read(&options);
        let end = stream::once(async move {
            run.ended().await;
            match run.container().state {
                ContainerState::Exited(exit) => Said::Exited(exit.code),
                _ => Said::Failed(RuntimeError::Unavailable("the container did not end".to_owned())),
            }
        });
        Ok(crate::log::said(lines, stdio).chain(end).boxed())
    }
}
