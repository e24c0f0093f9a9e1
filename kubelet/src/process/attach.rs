//! Joins the process of a container.

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use steersman_core::runtime::{Attach, ContainerState, RuntimeError, Said, Session, Stdio};

use super::Process;
use super::exec::running;

#[async_trait]
impl Attach for Process {
    /// What is printed from now on, as it comes.
    async fn attach(&self, container: &str, stdio: Stdio) -> Result<Session, RuntimeError> {
        let run = running(self, container)?;
        let ended = run.ended();
        let session = run.console.attach(stdio, ended.clone());
        let end = stream::once(async move {
            ended.await;
            match run.container().state {
                ContainerState::Exited(exit) => Said::Exited(exit.code),
                _ => Said::Failed(RuntimeError::Unavailable("the container did not end".to_owned())),
            }
        });
        Ok(session.chain(end).boxed())
    }
}
