//! What a command in a fake container answers.

use std::sync::Arc;

use bytes::Bytes;
use steersman_core::runtime::{ContainerConfig, PodSandboxConfig};

/// A command that somebody runs in a fake container.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The pod.
    pub pod: &'a PodSandboxConfig,
    /// The container.
    pub container: &'a ContainerConfig,
    /// The command and its arguments.
    pub command: &'a [String],
}

/// What a command does. The default prints nothing and succeeds.
#[derive(Clone, Default)]
#[must_use]
pub struct Answer {
    pub(super) code: i32,
    pub(super) stdout: Bytes,
    pub(super) stderr: Bytes,
    pub(super) reader: Option<Reader>,
}

type Reader = Arc<dyn Fn(Bytes) -> Answer + Send + Sync>;

impl Answer {
    /// Prints this, and succeeds.
    pub fn text(stdout: impl Into<Bytes>) -> Self {
        Answer { stdout: stdout.into(), ..Answer::default() }
    }

    /// Complains of this, and ends with an exit code.
    pub fn failure(code: i32, stderr: impl Into<Bytes>) -> Self {
        Answer { code, stderr: stderr.into(), ..Answer::default() }
    }

    /// Reads what comes in on standard input, to its end or for 1 MiB, and answers to that.
    pub fn to_input(answer: impl Fn(Bytes) -> Answer + Send + Sync + 'static) -> Self {
        Answer { reader: Some(Arc::new(answer)), ..Answer::default() }
    }

    /// The same, also complaining of this.
    pub fn and_stderr(self, stderr: impl Into<Bytes>) -> Self {
        Answer { stderr: stderr.into(), ..self }
    }

    /// The same with an exit code.
    pub fn and_code(self, code: i32) -> Self {
        Answer { code, ..self }
    }

    /// What it answers to an input.
    pub(super) fn given(self, input: Bytes) -> Self {
        match self.reader {
            Some(reader) => Answer { reader: None, ..reader(input) },
            None => self,
        }
    }
}
