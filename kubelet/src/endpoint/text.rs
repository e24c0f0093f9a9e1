//! Lines of a log as the text that a client reads.

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use steersman_core::kubelet::PodLogOptions;
use steersman_core::runtime::{ByteStream, LogLine, LogStream};

/// The text, a line a piece, until its limit.
pub(super) fn of(lines: BoxStream<'static, LogLine>, options: &PodLogOptions) -> ByteStream {
    let writer = Writer {
        timestamps: options.timestamps,
        left: options.limit_bytes.unwrap_or(usize::MAX),
        goes_on: [false; 2],
    };
    stream::unfold((lines, writer), |(mut lines, mut writer)| async move {
        // What has reached its limit ends, though the next line may be long in coming.
        if writer.left == 0 {
            return None;
        }
        let piece = writer.write(&lines.next().await?);
        Some((piece, (lines, writer)))
    })
    .boxed()
}

struct Writer {
    timestamps: bool,
    /// How many bytes may still be written.
    left: usize,
    /// Whether the next line of each stream goes on with the one before it.
    goes_on: [bool; 2],
}

impl Writer {
    fn write(&mut self, line: &LogLine) -> Bytes {
        let goes_on = &mut self.goes_on[usize::from(line.stream == LogStream::Stderr)];
        let is_new = !std::mem::replace(goes_on, line.partial);
        let mut text = BytesMut::with_capacity(line.text.len() + 32);
        if self.timestamps && is_new {
            text.put_slice(time(line.at).as_bytes());
            text.put_u8(b' ');
        }
        text.put_slice(&line.text);
        if !line.partial {
            text.put_u8(b'\n');
        }
        text.truncate(self.left);
        self.left -= text.len();
        text.freeze()
    }
}

/// With nine digits behind the second, as upstream's log lines have them.
fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn written(options: &PodLogOptions) -> String {
        let line = |text: &'static str, partial| LogLine {
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            stream: LogStream::Stdout,
            text: Bytes::from(text),
            partial,
        };
        let lines = [line("one", false), line("tw", true), line("o", false), line("rest", true)];
        // A log that is followed does not end by itself.
        let endless = stream::iter(lines).chain(stream::pending()).boxed();
        let mut text = of(endless, options);
        let mut all = String::new();
        while let Some(Some(piece)) = text.next().now_or_never() {
            all += std::str::from_utf8(&piece).unwrap();
        }
        all
    }

    #[test]
    fn lines_have_their_ends_and_their_times() {
        assert_eq!(written(&PodLogOptions::default()), "one\ntwo\nrest");
        let at = "2026-01-02T03:04:05.500000000Z";
        let timestamps = PodLogOptions { timestamps: true, ..PodLogOptions::default() };
        assert_eq!(written(&timestamps), format!("{at} one\n{at} two\n{at} rest"));
    }

    #[test]
    fn a_text_ends_at_its_limit() {
        for (limit, expected) in [(2, "on"), (4, "one\n"), (6, "one\ntw")] {
            let options = PodLogOptions { limit_bytes: Some(limit), ..PodLogOptions::default() };
            assert_eq!(written(&options), expected);
        }
        let lines = stream::pending().boxed();
        let mut text = of(lines, &PodLogOptions { limit_bytes: Some(0), ..PodLogOptions::default() });
        assert_eq!(text.next().now_or_never(), Some(None));
    }
}
