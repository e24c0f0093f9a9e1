//! Numbered channels on a connection: as the first byte of every message, or as streams of SPDY.

use std::collections::BTreeMap;
use std::future::ready;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use futures::channel::mpsc;
use futures::stream::{BoxStream, StreamExt};
use steersman_core::runtime::ByteStream;

use super::Line;
use super::spdy::{self, Event};

/// The channel of version 5 by which others are closed.
const CLOSE: u8 = 255;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Came {
    /// Bytes on a channel.
    Data(u8, Bytes),
    /// A channel has ended.
    End(u8),
}

/// Channels, both ways.
pub(in crate::http) struct Channels {
    /// What comes in, until the client is gone.
    pub(in crate::http) from: BoxStream<'static, Came>,
    pub(in crate::http) to: Outbox,
}

/// Where what is sent goes. Dropping the last one closes the connection.
#[derive(Clone)]
pub(in crate::http) struct Outbox {
    to: mpsc::Sender<Bytes>,
    /// The stream of each channel, where they are streams.
    streams: Option<BTreeMap<u8, u32>>,
}

/// The client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Gone;

impl Channels {
    /// Channels as the first byte of every message.
    pub(in crate::http) fn prefixed(line: Line) -> Self {
        let from = came(line.from);
        Channels { from, to: Outbox { to: line.to, streams: None } }
    }

    /// Channels as streams of SPDY: waits until the client has opened one for each of `names`, which are found in the
    /// header `streamtype`. `None` if it goes without.
    pub(in crate::http) async fn streams(line: Line, names: &[(&str, u8)]) -> Option<Self> {
        let mut events = spdy::events(line.from, line.to.clone());
        let mut streams = BTreeMap::new();
        while streams.len() < names.len() {
            let Event::Opened { stream, headers } = events.next().await? else { continue };
            let wanted = headers.get("streamtype");
            let named = names.iter().find(|(name, _)| wanted.is_some_and(|wanted| wanted == name));
            streams.extend(named.map(|(_, channel)| (*channel, stream)));
        }
        Some(Self::over(events, streams, line.to))
    }

    /// Channels as streams of SPDY that this side opens: one for each of `names`, which the header `streamtype` tells.
    /// `None` if nobody is there.
    #[cfg(feature = "tls")]
    pub(in crate::http) async fn opened(line: Line, names: &[(&str, u8)]) -> Option<Self> {
        let kinds: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let (events, streams) = spdy::dial(line.from, line.to.clone(), &kinds).await?;
        let streams = names.iter().map(|(_, channel)| *channel).zip(streams).collect();
        Some(Self::over(events, streams, line.to))
    }

    fn over(events: BoxStream<'static, Event>, streams: BTreeMap<u8, u32>, to: mpsc::Sender<Bytes>) -> Self {
        let channels: BTreeMap<u32, u8> =
            streams.iter().map(|(channel, stream)| (*stream, *channel)).collect();
        let from = events.filter_map(move |event| {
            ready(match event {
                Event::Data { stream, bytes } => {
                    channels.get(&stream).map(|channel| Came::Data(*channel, bytes))
                }
                Event::Ended { stream } => channels.get(&stream).map(|channel| Came::End(*channel)),
                Event::Opened { .. } => None,
            })
        });
        Channels { from: from.boxed(), to: Outbox { to, streams: Some(streams) } }
    }
}

fn came(messages: ByteStream) -> BoxStream<'static, Came> {
    let came = messages.filter_map(|message| {
        ready(match message.as_ref() {
            [CLOSE, channel] => Some(Came::End(*channel)),
            [channel, ..] => Some(Came::Data(*channel, message.slice(1..))),
            [] => None,
        })
    });
    came.boxed()
}

impl Outbox {
    /// Sends bytes on a channel; waits while the client does not take what was sent before.
    pub(in crate::http) async fn send(&mut self, channel: u8, bytes: &[u8]) -> Result<(), Gone> {
        let Some(streams) = &self.streams else {
            let mut message = BytesMut::with_capacity(bytes.len() + 1);
            message.put_u8(channel);
            message.put_slice(bytes);
            return self.to.send(message.freeze()).await.map_err(|_| Gone);
        };
        // What nobody has opened a stream for is not sent.
        let Some(stream) = streams.get(&channel) else { return Ok(()) };
        for frame in spdy::data(*stream, bytes) {
            self.to.send(frame).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Ends the stream of a channel; channels in messages end with the connection.
    #[cfg(feature = "tls")]
    pub(in crate::http) async fn close(&mut self, channel: u8) -> Result<(), Gone> {
        let stream = self.streams.as_ref().and_then(|streams| streams.get(&channel)).copied();
        let Some(stream) = stream else { return Ok(()) };
        self.to.send(spdy::end(stream)).await.map_err(|_| Gone)
    }

    /// Ends every stream; channels in messages end with the connection.
    pub(in crate::http) async fn end(mut self) -> Result<(), Gone> {
        for stream in self.streams.unwrap_or_default().into_values() {
            self.to.send(spdy::end(stream)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}
