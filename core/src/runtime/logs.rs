//! What containers print, line by line.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use super::RuntimeError;

/// The ability to read what containers print.
#[async_trait]
pub trait Logs: Send + Sync {
    /// What the container has printed, oldest first, and with [`LogOptions::follow`] what it prints until it ends.
    /// May be repeated; the container may have exited. A runtime may have dropped the oldest lines.
    async fn read(
        &self,
        container: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, LogLine>, RuntimeError>;
}

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Whether to go on until the container ends.
    pub follow: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<usize>,
    /// Only what was printed since then.
    pub since: Option<Timestamp>,
}

/// A line that a container printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Where to.
    pub stream: LogStream,
    /// The line, without its end.
    pub text: Bytes,
    /// Whether it has no end yet: the next of the same stream goes on with it.
    pub partial: bool,
}

/// Where a container prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
