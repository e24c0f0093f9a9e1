//! The part of SPDY/3.1 that `kubectl` and kubelets speak: streams that one side opens, their bytes, and their ends.
//!
//! See <https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/>. There is no flow control: `kubectl` has
//! none either, and what is not read here is not read from the connection.

mod frame;
mod headers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use futures::SinkExt;
use futures::channel::mpsc;
use futures::stream::{BoxStream, StreamExt, unfold};
use steersman_core::runtime::ByteStream;

use super::Line;
use frame::Frame;
pub(in crate::http) use frame::{data, end};
use headers::Codec;

/// How many streams of one connection may be open.
const STREAMS: usize = 1000;

/// What the other side does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Event {
    /// It opens a stream; the headers' names are in small letters.
    Opened { stream: u32, headers: BTreeMap<String, String> },
    /// It sends something.
    Data { stream: u32, bytes: Bytes },
    /// It will send nothing more on the stream.
    Ended { stream: u32 },
}

/// The client's streams on a line, and where frames to it go.
pub(in crate::http) fn open(line: Line) -> (BoxStream<'static, Event>, mpsc::Sender<Bytes>) {
    (events(line.from, line.to.clone()), line.to)
}

/// What the client does, until it is gone or makes no sense; what the protocol wants to be answered is answered.
pub(super) fn events(from: ByteStream, to: mpsc::Sender<Bytes>) -> BoxStream<'static, Event> {
    Reader::new(from, to).events()
}

/// Opens streams of these types, and tells what the other side does, until it is gone or makes no sense; which streams they
/// are. `None` if nobody is there.
#[cfg(feature = "tls")]
pub(super) async fn dial(
    from: ByteStream,
    to: mpsc::Sender<Bytes>,
    kinds: &[&str],
) -> Option<(BoxStream<'static, Event>, Vec<u32>)> {
    let mut reader = Reader::new(from, to);
    // Who has asked for the connection counts its streams in odd numbers.
    let streams: Vec<u32> = (1..).step_by(2).take(kinds.len()).collect();
    for (stream, kind) in streams.iter().zip(kinds) {
        let block = reader.codec.write(&[("streamtype", kind)])?;
        reader.to.send(frame::open(*stream, &block)).await.ok()?;
        reader.open.insert(*stream);
    }
    Some((reader.events(), streams))
}

struct Reader {
    from: ByteStream,
    to: mpsc::Sender<Bytes>,
    buffer: BytesMut,
    codec: Codec,
    open: BTreeSet<u32>,
    /// What is yet to be told: two events at most.
    events: VecDeque<Event>,
}

impl Reader {
    fn new(from: ByteStream, to: mpsc::Sender<Bytes>) -> Self {
        Reader {
            from,
            to,
            buffer: BytesMut::new(),
            codec: Codec::default(),
            open: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    fn events(self) -> BoxStream<'static, Event> {
        unfold(self, |mut reader| async move { Some((reader.next().await?, reader)) }).boxed()
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match frame::take(&mut self.buffer) {
                Ok(Some(frame)) => self.take(frame).await?,
                Ok(None) => {
                    let piece = self.from.next().await?;
                    self.buffer.extend_from_slice(&piece);
                }
                Err(why) => {
                    tracing::debug!(%why, "who is at the other end speaks no SPDY");
                    return None;
                }
            }
        }
    }

    /// `None` once there is nobody to talk to.
    async fn take(&mut self, frame: Frame) -> Option<()> {
        match frame {
            Frame::SynStream { stream, fin, block } => {
                let headers = self.codec.read(&block)?;
                if self.open.len() >= STREAMS || !self.open.insert(stream) {
                    return self.to.send(frame::refuse(stream)).await.ok();
                }
                let block = self.codec.write(&[])?;
                self.to.send(frame::reply(stream, &block)).await.ok()?;
                self.events.push_back(Event::Opened { stream, headers });
                self.end(stream, fin);
            }
            // Headers that nobody asked for still belong to the one stream of compressed bytes.
            Frame::Headers { block } => drop(self.codec.read(&block)?),
            Frame::Data { stream, fin, bytes } => {
                if !bytes.is_empty() && self.open.contains(&stream) {
                    self.events.push_back(Event::Data { stream, bytes });
                }
                self.end(stream, fin);
            }
            Frame::Reset { stream } => self.end(stream, true),
            Frame::Ping(id) => self.to.send(frame::ping(id)).await.ok()?,
            Frame::GoAway | Frame::Other => {}
        }
        Some(())
    }

    fn end(&mut self, stream: u32, fin: bool) {
        if fin && self.open.remove(&stream) {
            self.events.push_back(Event::Ended { stream });
        }
    }
}

#[cfg(test)]
mod tests;
