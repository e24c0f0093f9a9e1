//! Commands and attached clients that speak WebSocket, towards a kubelet that speaks SPDY only.
//!
//! Upstream's `StreamTranslatorHandler`: <https://kep.k8s.io/4006>. The client's channels are the kubelet's streams, but for
//! the one that tells how it ended, which is read and told anew.

use std::collections::BTreeSet;
use std::pin::pin;

use bytes::BytesMut;
use futures::future::{Either, select};
use futures::stream::{BoxStream, StreamExt};
use steersman_core::Result;
use steersman_core::tree::Value;

use super::far::{Far, Refused};
use super::remote::{self, STATUS, Wanted, internal};
use super::{Connect, Door};
use crate::http::answer::Answer;
use crate::http::upgrade::{Came, Channels, Gone, Io, Line, Outbox, Protocol, Upgrade, negotiate, talk};
use crate::tree::Read;

/// The protocols that the kubelet may choose from; on SPDY there is no difference between them.
const OFFERED: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// How much a kubelet may say of the end, in bytes.
const LAST_WORDS: usize = 64 * 1024;

/// Agrees with the client at once, and tells it on its connection if the kubelet does not.
pub(super) fn answer(connect: &Connect<'_>, door: Door, far: Far, path: String) -> Result<Answer> {
    let handshake = negotiate(&connect.parts.headers, Protocol::TRANSLATED)?;
    let translator = Translator { far, path, wanted: Wanted::of(connect.query, door) };
    let upgrade = Upgrade::new(&connect.core.env, &handshake, |line| translator.run(line));
    Ok(Answer::upgrade(handshake.headers, upgrade))
}

struct Translator {
    far: Far,
    path: String,
    wanted: Wanted,
}

impl Translator {
    async fn run(self, line: Line) {
        let Channels { from, mut to } = Channels::prefixed(line);
        // Whichever way it ends, the client is gone or has been told.
        let _ended = self.speak(from, &mut to).await;
    }

    async fn speak(&self, from: BoxStream<'static, Came>, to: &mut Outbox) -> Result<(), Gone> {
        to.send(self.wanted.lowest(), &[]).await?;
        let status = match self.dial().await {
            Ok(io) => {
                let streams = self.wanted.streams();
                talk(Protocol::Remote, io, |line| carry(line, &streams, from, to)).await?
            }
            Err(why) => internal(&why),
        };
        to.send(STATUS, status.to_string().as_bytes()).await
    }

    async fn dial(&self) -> Result<Io, String> {
        self.far.spdy(&self.path, &OFFERED).await.map_err(|refused| match refused {
            Refused::Unreachable(why) => {
                format!("error sending request: Post {:?}: {why}", self.far.url(&self.path))
            }
            Refused::Told(_, text) => format!("unable to upgrade connection: {text}"),
        })
    }
}

/// Carries what is said from one side to the other until the kubelet has said everything; what is to be told of the end.
async fn carry(
    line: Line,
    streams: &[(&str, u8)],
    near: BoxStream<'static, Came>,
    to: &mut Outbox,
) -> Result<Value, Gone> {
    let ended = || internal("the kubelet ended the session");
    let Some(Channels { from, to: far }) = Channels::opened(line, streams).await else { return Ok(ended()) };
    let told = match select(pin!(listen(near, far)), pin!(follow(from, streams, to))).await {
        // A client that is gone ends what it has begun.
        Either::Left(((), _)) => return Err(Gone),
        Either::Right((told, _)) => told?,
    };
    // Upstream takes a connection that broke for a success.
    Ok(told.map_or_else(ended, |told| verdict(&told).unwrap_or_else(|why| internal(&why))))
}

/// Passes on what the client sends, until it is gone.
async fn listen(mut near: BoxStream<'static, Came>, far: Outbox) {
    let mut far = Some(far);
    while let Some(came) = near.next().await {
        let Some(to) = &mut far else { continue };
        let sent = match came {
            Came::Data(channel, piece) => to.send(channel, &piece).await,
            Came::End(channel) => to.close(channel).await,
        };
        // A kubelet that takes nothing more may still have something to say.
        if sent.is_err() {
            far = None;
        }
    }
}

/// Passes on what the kubelet prints until all of it has come; what it says of the end, or `None` if it never does.
async fn follow(
    mut from: BoxStream<'static, Came>,
    streams: &[(&str, u8)],
    to: &mut Outbox,
) -> Result<Option<BytesMut>, Gone> {
    let mut told = BytesMut::new();
    let mut open: BTreeSet<u8> = remote::OUTPUTS.into_iter().collect();
    open.retain(|channel| streams.iter().any(|(_, there)| there == channel));
    while !open.is_empty() {
        match from.next().await {
            Some(Came::Data(STATUS, piece)) => {
                let room = LAST_WORDS.saturating_sub(told.len()).min(piece.len());
                told.extend_from_slice(&piece[..room]);
            }
            Some(Came::Data(channel, piece)) => to.send(channel, &piece).await?,
            Some(Came::End(channel)) => drop(open.remove(&channel)),
            None => break,
        }
    }
    Ok((!told.is_empty() || !open.contains(&STATUS)).then_some(told))
}

/// Reads what the kubelet says of the end, as client-go does, and says it to the client.
fn verdict(told: &[u8]) -> Result<Value, String> {
    if told.is_empty() {
        return Ok(remote::exited(0));
    }
    let status: Value = serde_json::from_slice(told).map_err(|why| {
        format!("error stream protocol error: {why} in {:?}", String::from_utf8_lossy(told))
    })?;
    match (status.text("status"), status.text("reason")) {
        ("Success", _) => Ok(remote::exited(0)),
        ("Failure", "NonZeroExitCode") => exit_code(&status).map(remote::exited),
        ("Failure", _) => Err(status.text("message").to_owned()),
        _ => Err("error stream protocol error: unknown error".to_owned()),
    }
}

fn exit_code(status: &Value) -> Result<i32, String> {
    let details = status.get("details").ok_or("error stream protocol error: details must be set")?;
    let causes = details.at("causes").as_array().into_iter().flatten();
    let cause = causes.into_iter().find(|cause| cause.text("reason") == "ExitCode");
    let code = cause.ok_or("error stream protocol error: no ExitCode cause given")?.text("message");
    let invalid = |_| format!("error stream protocol error: invalid exit code value {code:?}");
    code.parse::<u8>().map(i32::from).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::SinkExt;
    use futures::executor::block_on;
    use futures::future::join;

    use super::*;

    const STREAMS: [(&str, u8); 3] = [("error", STATUS), ("stdin", 0), ("stdout", 1)];

    /// A kubelet that prints back what it is given, and says this of the end.
    async fn cat(line: Line, end: &str) {
        let Channels { mut from, mut to } = Channels::streams(line, &STREAMS).await.unwrap();
        while let Some(Came::Data(0, piece)) = from.next().await {
            to.send(1, &piece).await.unwrap();
        }
        to.send(STATUS, end.as_bytes()).await.unwrap();
        to.end().await.unwrap();
    }

    #[test]
    fn channels_are_carried_to_streams_and_back() {
        let ([mut client, near], [line, there]) = (Line::pair(), Line::pair());
        let story = async {
            for message in [&b"\0in"[..], b"\0to", b"\xff\0"] {
                client.to.send(Bytes::from_static(message)).await.unwrap();
            }
            let Channels { from, mut to } = Channels::prefixed(near);
            let end = r#"{"status": "Success"}"#;
            let (told, ()) = join(carry(line, &STREAMS, from, &mut to), cat(there, end)).await;
            drop(to);
            (told, client.from.collect::<Vec<Bytes>>().await)
        };
        let (told, printed) = block_on(story);
        assert_eq!(told, Ok(remote::exited(0)));
        assert_eq!(printed, [&b"\x01in"[..], b"\x01to"]);
    }

    #[test]
    fn a_kubelet_that_goes_without_a_word_has_failed_and_a_client_that_goes_ends_it() {
        let ([client, near], [line, there]) = (Line::pair(), Line::pair());
        let Channels { from, mut to } = Channels::prefixed(near);
        drop(there);
        let told = block_on(carry(line, &STREAMS, from, &mut to));
        assert_eq!(told, Ok(internal("the kubelet ended the session")));

        let [line, _there] = Line::pair();
        drop(client);
        let gone = futures::stream::empty().boxed();
        assert_eq!(block_on(carry(line, &STREAMS, gone, &mut to)), Err(Gone));
    }

    #[test]
    fn what_a_kubelet_says_of_the_end_is_told_anew() {
        let protocol = |why: &str| Err(format!("error stream protocol error: {why}"));
        let exit = |causes: &str| {
            format!(
                r#"{{"status": "Failure", "reason": "NonZeroExitCode", "details": {{"causes": {causes}}}}}"#
            )
        };
        let cases = [
            (String::new(), Ok(remote::exited(0))),
            (r#"{"status": "Success"}"#.to_owned(), Ok(remote::exited(0))),
            (exit(r#"[{"reason": "ExitCode", "message": "7"}]"#), Ok(remote::exited(7))),
            (exit("[]"), protocol("no ExitCode cause given")),
            (
                exit(r#"[{"reason": "ExitCode", "message": "256"}]"#),
                protocol("invalid exit code value \"256\""),
            ),
            (
                r#"{"status": "Failure", "reason": "NonZeroExitCode"}"#.to_owned(),
                protocol("details must be set"),
            ),
            (r#"{"status": "Failure", "message": "no"}"#.to_owned(), Err("no".to_owned())),
            ("{}".to_owned(), protocol("unknown error")),
        ];
        for (told, expected) in cases {
            assert_eq!(verdict(told.as_bytes()), expected, "{told}");
        }
        assert!(verdict(b"no JSON").unwrap_err().ends_with(" in \"no JSON\""));
    }
}
