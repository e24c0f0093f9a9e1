//! `pods/portforward`: connections to the ports of a pod, many on one.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use futures::future::{join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use http::HeaderMap;
use steersman_core::runtime::ByteStream;
use steersman_core::{Env, Error, Result};

use super::Connect;
use super::pod::Place;
use crate::http::answer::Answer;
use crate::http::upgrade::spdy::{self, Event};
use crate::http::upgrade::{Came, Channels, Gone, Line, Outbox, PIECES, Protocol, Upgrade, negotiate};

/// How many ports may be forwarded on one WebSocket: each takes two of its channels.
const PORTS: usize = 127;

/// Agrees on a protocol, and leaves the rest to what follows.
pub(super) fn answer(connect: &Connect<'_>, place: Place) -> Result<Answer> {
    agree(&connect.core.env, &connect.parts.headers, connect.query.all("ports"), place)
}

/// The same for whoever names the ports otherwise.
pub(in crate::http) fn agree<'q>(
    env: &Env,
    headers: &HeaderMap,
    named: impl Iterator<Item = &'q str>,
    place: Place,
) -> Result<Answer> {
    let handshake = negotiate(headers, Protocol::PORTS)?;
    let ports = match handshake.protocol() {
        Protocol::ChannelsV4 => ports(named)?,
        _ => Vec::new(),
    };
    let forward = Arc::new(Forward { place });
    let upgrade = Upgrade::new(env, &handshake, |line| async move {
        // Whichever way it ends, the client is gone or has nothing more to say.
        let _ended = match line.protocol() {
            Protocol::ChannelsV4 => forward.channels(&ports, Channels::prefixed(line)).await,
            _ => forward.streams(line).await,
        };
    });
    Ok(Answer::upgrade(handshake.headers, upgrade))
}

/// The ports that a client names for its channels.
fn ports<'q>(named: impl Iterator<Item = &'q str>) -> Result<Vec<u16>> {
    let texts = named.flat_map(|ports| ports.split(',')).filter(|port| !port.is_empty());
    let read = |text: &str| {
        let port = text.parse::<u16>().ok().filter(|port| *port != 0);
        port.ok_or_else(|| Error::bad_request(format!("unable to parse {text:?} as a port")))
    };
    let ports: Vec<u16> = texts.map(read).collect::<Result<_>>()?;
    match ports.len() {
        0 => Err(Error::bad_request("query parameter \"port\" is required")),
        1..=PORTS => Ok(ports),
        _ => Err(Error::bad_request(format!("at most {PORTS} ports can be forwarded at once"))),
    }
}

struct Forward {
    place: Place,
}

impl Forward {
    async fn connect(&self, port: u16, input: ByteStream) -> Result<ByteStream, String> {
        let pod = &self.place.pod;
        let connected = match self.place.location.reach() {
            Ok(kubelet) => kubelet.connect(pod, port, input).await.map_err(|why| why.to_string()),
            Err(why) => Err(why),
        };
        let [name, uid] =
            [&pod.metadata.name, &pod.metadata.uid].map(|text| text.as_deref().unwrap_or_default());
        connected.map_err(|why| format!("error forwarding port {port} to pod {name}, uid {uid}: {why}"))
    }

    /// Each port has two channels, for bytes and for what went wrong, which start with its number.
    async fn channels(&self, ports: &[u16], channels: Channels) -> Result<(), Gone> {
        let Channels { mut from, mut to } = channels;
        let mut inputs = Vec::with_capacity(ports.len());
        let mut connections = Vec::with_capacity(ports.len());
        for (number, port) in (0_u8..).zip(ports) {
            let (data, error) = (2 * number, 2 * number + 1);
            to.send(data, &port.to_le_bytes()).await?;
            to.send(error, &port.to_le_bytes()).await?;
            let (input, pieces) = mpsc::channel(PIECES);
            inputs.push(input);
            connections.push(self.channel(*port, pieces.boxed(), (data, error), to.clone()));
        }
        drop(to);
        let listening = async {
            while let Some(came) = from.next().await {
                let Came::Data(channel, piece) = came else { continue };
                let input = inputs.get_mut(usize::from(channel / 2)).filter(|_| channel % 2 == 0);
                if let Some(input) = input {
                    // A connection that has ended takes nothing more.
                    let _ = input.send(piece).await;
                }
            }
        };
        select(pin!(listening), pin!(join_all(connections))).await;
        Ok(())
    }

    async fn channel(
        &self,
        port: u16,
        input: ByteStream,
        (data, error): (u8, u8),
        mut to: Outbox,
    ) -> Result<(), Gone> {
        match self.connect(port, input).await {
            Ok(mut answer) => {
                while let Some(piece) = answer.next().await {
                    to.send(data, &piece).await?;
                }
                Ok(())
            }
            Err(why) => to.send(error, why.as_bytes()).await,
        }
    }

    /// Each connection is a pair of streams, opened by the client whenever it has a use for one.
    async fn streams(&self, line: Line) -> Result<(), Gone> {
        let (mut events, to) = spdy::open(line);
        let mut pairs = Pairs::default();
        let mut inputs: BTreeMap<u32, mpsc::Sender<Bytes>> = BTreeMap::new();
        let mut connections = FuturesUnordered::new();
        loop {
            let event = beside(&mut connections, events.next()).await;
            match event.ok_or(Gone)? {
                Event::Opened { stream, headers } => {
                    let Some(pair) = pairs.add(stream, &headers) else { continue };
                    let (input, pieces) = mpsc::channel(PIECES);
                    inputs.insert(pair.data, input);
                    connections.push(self.stream(pair, pieces.boxed(), to.clone()));
                }
                Event::Data { stream, bytes } => {
                    if let Some(input) = inputs.get_mut(&stream) {
                        // A connection that has ended takes nothing more.
                        let _ = beside(&mut connections, input.send(bytes)).await;
                    }
                }
                Event::Ended { stream } => drop(inputs.remove(&stream)),
            }
        }
    }

    async fn stream(&self, pair: Pair, input: ByteStream, mut to: mpsc::Sender<Bytes>) -> Result<(), Gone> {
        match self.connect(pair.port, input).await {
            Ok(mut answer) => {
                while let Some(piece) = answer.next().await {
                    send(&mut to, spdy::data(pair.data, &piece)).await?;
                }
            }
            Err(why) => send(&mut to, spdy::data(pair.error, why.as_bytes())).await?,
        }
        send(&mut to, [spdy::end(pair.error), spdy::end(pair.data)]).await
    }
}

/// Does something while the connections go on: what waits for one of them must not hold it up.
async fn beside<T>(connections: &mut FuturesUnordered<impl Future>, something: impl Future<Output = T>) -> T {
    let mut something = pin!(something);
    loop {
        tokio::select! {
            done = &mut something => return done,
            Some(_ended) = connections.next() => {}
        }
    }
}

async fn send(to: &mut mpsc::Sender<Bytes>, frames: impl IntoIterator<Item = Bytes>) -> Result<(), Gone> {
    for frame in frames {
        to.send(frame).await.map_err(|_| Gone)?;
    }
    Ok(())
}

/// The two streams of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    data: u32,
    error: u32,
    port: u16,
}

/// Streams whose partner has not come yet, by the name that both have; there are no more than streams are open.
#[derive(Default)]
struct Pairs(BTreeMap<String, (Option<u32>, Option<u32>)>);

impl Pairs {
    /// Adds a stream; gives the pair once both are there. Streams that say nothing sensible are left alone.
    fn add(&mut self, stream: u32, headers: &BTreeMap<String, String>) -> Option<Pair> {
        let port = headers.get("port")?.parse().ok().filter(|port| *port != 0)?;
        let is_error = match headers.get("streamtype")?.as_str() {
            "error" => true,
            "data" => false,
            _ => return None,
        };
        // Old clients open the error stream first, and give no name.
        let unnamed = || (if is_error { stream } else { stream.saturating_sub(2) }).to_string();
        let name = headers.get("requestid").cloned().unwrap_or_else(unnamed);
        let halves = self.0.entry(name.clone()).or_default();
        *(if is_error { &mut halves.1 } else { &mut halves.0 }) = Some(stream);
        let pair = Pair { data: halves.0?, error: halves.1?, port };
        self.0.remove(&name);
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query::Query;

    #[test]
    fn streams_find_their_partners() {
        let headers = |kind: &str, id: Option<&str>| {
            let named = [("streamtype", Some(kind)), ("port", Some("80")), ("requestid", id)];
            let given =
                named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
            given.collect::<BTreeMap<_, _>>()
        };
        let mut pairs = Pairs::default();
        assert_eq!(pairs.add(1, &headers("error", Some("0"))), None);
        assert_eq!(pairs.add(3, &headers("data", Some("1"))), None);
        let pair = |data, error| Some(Pair { data, error, port: 80 });
        assert_eq!(pairs.add(5, &headers("data", Some("0"))), pair(5, 1));
        assert_eq!(pairs.add(7, &headers("error", Some("1"))), pair(3, 7));
        assert_eq!(pairs.add(9, &headers("error", None)), None);
        assert_eq!(pairs.add(11, &headers("data", None)), pair(11, 9));
        assert_eq!(pairs.add(13, &headers("other", None)), None);
        assert!(pairs.0.is_empty());
    }

    #[test]
    fn ports_are_read() {
        let read = |text| ports(Query::parse(Some(text)).all("ports")).map_err(|error| error.to_string());
        assert_eq!(read("ports=80,81&ports=82"), Ok(vec![80, 81, 82]));
        assert_eq!(read(""), Err("query parameter \"port\" is required".to_owned()));
        for text in ["ports=0", "ports=x", "ports=70000"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&format!("ports={}", ["1"; 128].join(","))).is_err());
    }
}
