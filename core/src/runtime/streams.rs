//! What runs between a client and a container while both last: commands with their streams, attached containers,
//! connections to ports.
//!
//! Everything is a stream of pieces in each direction. A piece is read only when the other side has room for it; the
//! end of a stream is the end of what it carries; dropping what a runtime gave ends what stands behind it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use super::{LogStream, RuntimeError};

/// Bytes as they come, in pieces of any size, until whoever sends them is done.
pub type ByteStream = BoxStream<'static, Bytes>;

/// What a command or a container says while a client listens: output as it comes, then its end.
pub type Session = BoxStream<'static, Said>;

/// A piece of a [`Session`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// It printed something. On a terminal everything is [`LogStream::Stdout`].
    Output(LogStream, Bytes),
    /// It ended with this exit code, 128 plus the signal where a signal ended it. Nothing follows.
    Exited(i32),
    /// It could not be followed to its end. Nothing follows.
    Failed(RuntimeError),
}

/// The client's ends of the standard streams.
pub struct Stdio {
    /// What is read from standard input; its end is the end of the file. `None` is an empty file.
    pub stdin: Option<ByteStream>,
    /// Whether standard output is wanted.
    pub stdout: bool,
    /// Whether standard error is wanted.
    pub stderr: bool,
    /// Whether the three are to be a terminal.
    pub tty: bool,
    /// How large the terminal is, now and whenever that changes.
    pub sizes: BoxStream<'static, TerminalSize>,
}

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Stdio {
    /// Both outputs, no input and no terminal.
    pub fn output() -> Self {
        Stdio { stdin: None, stdout: true, stderr: true, tty: false, sizes: stream::empty().boxed() }
    }

    /// The same with an input.
    #[must_use]
    pub fn with_stdin(self, stdin: ByteStream) -> Self {
        Stdio { stdin: Some(stdin), ..self }
    }

    /// Whether that stream is wanted.
    pub fn wants(&self, stream: LogStream) -> bool {
        match stream {
            LogStream::Stdout => self.stdout,
            LogStream::Stderr => self.stderr,
        }
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio")
            .field("stdin", &self.stdin.is_some())
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}

/// The ability to join a running container.
#[async_trait]
pub trait Attach: Send + Sync {
    /// What the container prints from now on, until it ends; what comes in on standard input goes to the container, if
    /// it has one. May be repeated: several clients may be attached. Dropping the session leaves the container be.
    async fn attach(&self, container: &str, stdio: Stdio) -> Result<Session, RuntimeError>;
}

/// The ability to reach the ports of pods from the node.
#[async_trait]
pub trait Ports: Send + Sync {
    /// Opens a TCP connection to a port in a ready sandbox: `input` is sent, its end closes that direction, and what
    /// comes back is what the pod answers until it closes. Dropping that closes the connection. Fails where nobody
    /// listens. Repeating opens another one.
    async fn connect(&self, sandbox: &str, port: u16, input: ByteStream) -> Result<ByteStream, RuntimeError>;
}
