//! `pods/exec` and `pods/attach`: a client at the standard streams of a command, or of a container.

use std::pin::pin;

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use futures::future::select;
use futures::stream::{BoxStream, StreamExt};
use http::HeaderMap;
use steersman_core::runtime::{LogStream, Said, Session, Stdio, TerminalSize};
use steersman_core::tree::{Value, json, to_value};
use steersman_core::{Env, Error, Result};

use super::pod::Place;
use super::{Connect, Door};
use crate::http::answer::Answer;
use crate::http::query::Query;
use crate::http::upgrade::{Came, Channels, Gone, Line, Outbox, PIECES, Protocol, Upgrade, negotiate};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
pub(super) const STATUS: u8 = 3;
const RESIZE: u8 = 4;

/// What comes from the other side.
#[cfg(feature = "tls")]
pub(super) const OUTPUTS: [u8; 3] = [STDOUT, STDERR, STATUS];

/// How long a client may take to open its streams; upstream's `StreamCreationTimeout`.
const OPENING: std::time::Duration = std::time::Duration::from_secs(30);

/// Agrees on a protocol, and leaves the rest to what follows.
pub(super) fn answer(connect: &Connect<'_>, door: Door, place: Place) -> Result<Answer> {
    agree(&connect.core.env, &connect.parts.headers, Wanted::of(connect.query, door), place)
}

/// The same for whoever has read elsewhere what is wanted.
pub(in crate::http) fn agree(env: &Env, headers: &HeaderMap, wanted: Wanted, place: Place) -> Result<Answer> {
    let handshake = negotiate(headers, Protocol::REMOTE)?;
    let remote = Remote { env: env.clone(), place, wanted };
    let upgrade = Upgrade::new(env, &handshake, |line| remote.run(line));
    Ok(Answer::upgrade(handshake.headers, upgrade))
}

/// What a client wants, and which streams it has a use for.
pub(in crate::http) struct Wanted {
    pub(in crate::http) act: Act,
    pub(in crate::http) stdin: bool,
    pub(in crate::http) stdout: bool,
    pub(in crate::http) stderr: bool,
    pub(in crate::http) tty: bool,
}

pub(in crate::http) enum Act {
    Exec(Vec<String>),
    Attach,
}

impl Wanted {
    /// What a client asks this server for.
    pub(super) fn of(query: &Query, door: Door) -> Self {
        let command = query.all("command").map(str::to_owned).collect();
        let tty = query.flag("tty");
        Wanted {
            act: if door == Door::Exec { Act::Exec(command) } else { Act::Attach },
            stdin: query.flag("stdin"),
            stdout: query.flag("stdout"),
            // A terminal has one output only.
            stderr: query.flag("stderr") && !tty,
            tty,
        }
    }

    /// The streams that there are where channels are streams: their names, and their channels.
    pub(super) fn streams(&self) -> Vec<(&'static str, u8)> {
        let all = [
            ("error", STATUS, true),
            ("stdin", STDIN, self.stdin),
            ("stdout", STDOUT, self.stdout),
            ("stderr", STDERR, self.stderr),
            ("resize", RESIZE, self.tty),
        ];
        let wanted = all.into_iter().filter(|(.., wanted)| *wanted);
        wanted.map(|(name, channel, _)| (name, channel)).collect()
    }

    /// The lowest channel on which something is said: by nothing on it, the client learns that all is set up, as upstream
    /// does it.
    pub(super) fn lowest(&self) -> u8 {
        match (self.stdout, self.stderr) {
            (true, _) => STDOUT,
            (false, true) => STDERR,
            (false, false) => STATUS,
        }
    }
}

struct Remote {
    env: Env,
    place: Place,
    wanted: Wanted,
}

impl Remote {
    async fn run(self, line: Line) {
        let Some(Channels { from, to }) = self.channels(line).await else { return };
        let (stdin, input) = mpsc::channel(PIECES);
        let (sizes, resized) = mpsc::channel(PIECES);
        let stdio = Stdio {
            stdin: self.wanted.stdin.then(|| input.boxed()),
            stdout: self.wanted.stdout,
            stderr: self.wanted.stderr,
            tty: self.wanted.tty,
            sizes: resized.boxed(),
        };
        // A client that is gone ends what it has begun.
        select(pin!(listen(from, stdin, sizes)), pin!(self.speak(stdio, to))).await;
    }

    async fn channels(&self, line: Line) -> Option<Channels> {
        if line.protocol() != Protocol::Remote {
            return Some(Channels::prefixed(line));
        }
        self.env.timeout(OPENING, Channels::streams(line, &self.wanted.streams())).await.ok()?
    }

    /// Says what is said, and how it ended.
    async fn speak(&self, stdio: Stdio, mut to: Outbox) -> Result<(), Gone> {
        to.send(self.wanted.lowest(), &[]).await?;
        let status = match self.begin(stdio).await {
            Ok(session) => self.follow(session, &mut to).await?,
            Err(why) => internal(&why),
        };
        to.send(STATUS, status.to_string().as_bytes()).await?;
        to.end().await
    }

    /// An error is what the client is told.
    async fn begin(&self, stdio: Stdio) -> Result<Session, String> {
        let Place { pod, container, location } = &self.place;
        let kubelet = location.reach()?;
        let begun = match &self.wanted.act {
            _ if !(self.wanted.stdin || self.wanted.stdout || self.wanted.stderr) => {
                Err(Error::bad_request("you must specify at least 1 of stdin, stdout, stderr"))
            }
            Act::Exec(command) => kubelet.exec(pod, container, command, stdio).await,
            Act::Attach => kubelet.attach(pod, container, stdio).await,
        };
        begun.map_err(|why| format!("unable to upgrade connection: {why}"))
    }

    /// What is told of the end.
    async fn follow(&self, mut session: Session, to: &mut Outbox) -> Result<Value, Gone> {
        while let Some(said) = session.next().await {
            match said {
                Said::Output(LogStream::Stdout, piece) => to.send(STDOUT, &piece).await?,
                Said::Output(LogStream::Stderr, piece) => to.send(STDERR, &piece).await?,
                Said::Exited(code) => return Ok(self.exited(code)),
                Said::Failed(why) => {
                    let what = match self.wanted.act {
                        Act::Exec(_) => "error executing command in container",
                        Act::Attach => "error attaching to container",
                    };
                    return Ok(internal(&format!("{what}: {why}")));
                }
                _ => {}
            }
        }
        Ok(internal("the kubelet ended the session"))
    }

    /// A container's exit code is no concern of those who were attached.
    fn exited(&self, code: i32) -> Value {
        match self.wanted.act {
            Act::Attach => exited(0),
            Act::Exec(_) => exited(code),
        }
    }
}

/// What is told of a command that ended.
pub(super) fn exited(code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    let why = format!("command terminated with exit code {code}");
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: {why}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

/// What is told of a session that went wrong.
pub(super) fn internal(why: &str) -> Value {
    let error = Error::internal(why);
    to_value(error.status()).unwrap_or_default()
}

/// Takes what the client sends, until it is gone.
async fn listen(
    mut from: BoxStream<'static, Came>,
    stdin: mpsc::Sender<Bytes>,
    mut sizes: mpsc::Sender<TerminalSize>,
) {
    let mut stdin = Some(stdin);
    while let Some(came) = from.next().await {
        match came {
            Came::Data(STDIN, piece) => {
                // What nobody reads any more is thrown away.
                if let Some(to) = &mut stdin
                    && to.send(piece).await.is_err()
                {
                    stdin = None;
                }
            }
            Came::End(STDIN) => stdin = None,
            // Only the newest size matters: one that finds no room is made up for by the next.
            Came::Data(RESIZE, text) => drop(size(&text).map(|size| sizes.try_send(size))),
            Came::Data(..) | Came::End(_) => {}
        }
    }
}

fn size(text: &[u8]) -> Option<TerminalSize> {
    let size: Value = serde_json::from_slice(text).ok()?;
    let number = |name: &str| u16::try_from(size.get(name)?.as_u64()?).ok();
    Some(TerminalSize { width: number("Width")?, height: number("Height")? })
}
