//! Keeps the newest lines that a container has printed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use futures::stream::{BoxStream, Stream, StreamExt, unfold};
use steersman_core::runtime::{LogLine, LogOptions, Said, Stdio};

/// How much a log keeps, in bytes; the oldest lines go first.
const BYTES: usize = 1 << 20;

/// What a line counts besides its text, in bytes.
const OVERHEAD: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<LogLine>,
    /// The number of the first line kept.
    first: usize,
    bytes: usize,
    closed: bool,
    /// Who waits for more: at most one for each reader.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Log {
    /// Adds a line, unless nothing more is to be printed.
    pub(crate) fn push(&self, line: LogLine) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.bytes += line.text.len() + OVERHEAD;
        state.lines.push_back(line);
        while state.bytes > BYTES
            && let Some(oldest) = state.lines.pop_front()
        {
            state.bytes -= oldest.text.len() + OVERHEAD;
            state.first += 1;
        }
        state.wake();
    }

    /// Nothing more will be printed.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.wake();
    }

    pub(crate) fn read(self: &Arc<Self>, options: &LogOptions) -> BoxStream<'static, LogLine> {
        let (from, end) = self.state().range(options);
        let end = (!options.follow).then_some(end);
        unfold((self.clone(), from), move |(log, at)| async move {
            let (line, at) = log.next(at, end).await?;
            Some((line, (log, at + 1)))
        })
        .boxed()
    }

    /// The first line kept from number `at` on, and its number.
    async fn next(&self, at: usize, end: Option<usize>) -> Option<(LogLine, usize)> {
        loop {
            let more = {
                let mut state = self.state();
                let at = at.max(state.first);
                if end.is_some_and(|end| at >= end) {
                    return None;
                }
                if let Some(line) = state.lines.get(at - state.first) {
                    return Some((line.clone(), at));
                }
                if state.closed {
                    return None;
                }
                let (wake, woken) = oneshot::channel();
                state.waiting.push(wake);
                woken
            };
            more.await.ok()?;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(());
        }
    }

    /// From which line on, and how far the log goes now.
    fn range(&self, options: &LogOptions) -> (usize, usize) {
        let since = options.since.map_or(0, |since| self.lines.partition_point(|line| line.at < since));
        let tail = options.tail_lines.map_or(0, |tail| self.lines.len().saturating_sub(tail));
        (self.first + since.max(tail), self.first + self.lines.len())
    }
}

/// Lines as an attached client sees them.
pub(crate) fn said(
    lines: impl Stream<Item = LogLine> + Send + 'static,
    stdio: Stdio,
) -> impl Stream<Item = Said> + Send + 'static {
    let wanted = lines.filter(move |line| std::future::ready(stdio.wants(line.stream)));
    wanted.map(|line| {
        let mut text = line.text.to_vec();
        text.extend((!line.partial).then_some(b'\n'));
        Said::Output(line.stream, text.into())
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use jiff::Timestamp;
    use steersman_core::runtime::LogStream;

    use super::*;

    fn line(second: i64, text: &str) -> LogLine {
        let at = Timestamp::from_second(second).unwrap();
        let text = Bytes::copy_from_slice(text.as_bytes());
        LogLine { at, stream: LogStream::Stdout, text, partial: false }
    }

    fn read(log: &Arc<Log>, options: LogOptions) -> Vec<String> {
        let lines = log.read(&options).map(|line| String::from_utf8(line.text.to_vec()).unwrap());
        lines.collect::<Vec<_>>().now_or_never().unwrap()
    }

    #[test]
    fn the_tail_and_what_is_newer_can_be_read() {
        let log = Arc::new(Log::default());
        for (second, text) in [(1, "a"), (2, "b"), (3, "c")] {
            log.push(line(second, text));
        }
        let all = LogOptions::default();
        assert_eq!(read(&log, all), ["a", "b", "c"]);
        assert_eq!(read(&log, LogOptions { tail_lines: Some(2), ..all }), ["b", "c"]);
        assert_eq!(read(&log, LogOptions { since: Timestamp::from_second(3).ok(), ..all }), ["c"]);
    }

    #[test]
    fn a_follower_reads_until_the_log_is_closed() {
        let log = Arc::new(Log::default());
        let mut follower = log.read(&LogOptions { follow: true, ..LogOptions::default() });
        assert!(follower.next().now_or_never().is_none());
        log.push(line(1, "a"));
        assert_eq!(follower.next().now_or_never().unwrap().unwrap().text, "a");
        log.close();
        assert!(follower.next().now_or_never().unwrap().is_none());
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let log = Arc::new(Log::default());
        for number in 0..40 {
            log.push(line(number, &"x".repeat(BYTES / 20)));
        }
        assert!(read(&log, LogOptions::default()).len() < 20);
    }
}
