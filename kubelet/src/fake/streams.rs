//! What runs between clients and fake containers: logs, commands, attached clients, ports. All of it scripted.

use std::pin::pin;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use futures::stream::{self, BoxStream, StreamExt};
use steersman_core::runtime::{
    Attach, ByteStream, Exec, ExecOutput, LogLine, LogOptions, LogStream, Logs, Ports, RuntimeError, Said,
    Session, Stdio,
};

use super::answer::{Answer, Asked};
use super::{Fake, Inner, not_found};

/// How much of its standard input a scripted command reads, in bytes.
const INPUT: usize = 1 << 20;

impl Fake {
    /// Completes when the container ends.
    async fn ended(&self, container: &str) -> Result<BoxFuture<'static, ()>, RuntimeError> {
        let options = LogOptions { follow: true, tail_lines: Some(0), ..LogOptions::default() };
        let lines = Logs::read(self, container, &options).await?;
        Ok(lines.for_each(|_| std::future::ready(())).boxed())
    }

    fn answer(&self, container: &str, command: &[String]) -> Result<Answer, RuntimeError> {
        let (asked, answers) = {
            let state = self.0.state();
            (state.running(container).ok_or_else(|| not_found(container))?, state.answers.clone())
        };
        let (pod, container) = (&*asked.0, &*asked.1);
        Ok(answers.map_or_else(Answer::default, |answers| answers(&Asked { pod, container, command })))
    }
}

#[async_trait]
impl Exec for Fake {
    /// What [`Fake::answering`] says; without it every command succeeds and prints nothing.
    async fn run(&self, container: &str, command: &[String]) -> Result<ExecOutput, RuntimeError> {
        let answer = self.answer(container, command)?.given(Bytes::new());
        let output = [answer.stdout, answer.stderr].concat().into();
        Ok(ExecOutput { code: answer.code, output })
    }

    async fn stream(
        &self,
        container: &str,
        command: &[String],
        mut stdio: Stdio,
    ) -> Result<Session, RuntimeError> {
        let answer = self.answer(container, command)?;
        let end = self.ended(container).await?;
        let said = async move {
            let input = match (&answer.reader, stdio.stdin.take()) {
                (Some(_), Some(stdin)) => match select(pin!(collect(stdin)), end).await {
                    Either::Left((input, _)) => input,
                    // What still reads ends with its container.
                    Either::Right(_) => return stream::iter(vec![Said::Exited(137)]),
                },
                _ => Bytes::new(),
            };
            let answer = answer.given(input);
            let output = [(LogStream::Stdout, answer.stdout), (LogStream::Stderr, answer.stderr)];
            let wanted = output.into_iter().filter(move |(to, text)| stdio.wants(*to) && !text.is_empty());
            let said = wanted.map(|(to, text)| Said::Output(to, text));
            stream::iter(said.chain([Said::Exited(answer.code)]).collect::<Vec<_>>())
        };
        Ok(stream::once(said).flatten().boxed())
    }
}

async fn collect(mut from: ByteStream) -> Bytes {
    let mut all = BytesMut::new();
    while all.len() < INPUT
        && let Some(piece) = from.next().await
    {
        all.extend_from_slice(&piece[..piece.len().min(INPUT - all.len())]);
    }
    all.freeze()
}

#[async_trait]
impl Logs for Fake {
    /// What its script and [`Fake::print`] say, the newest mebibyte of it.
    async fn read(
        &self,
        container: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, LogLine>, RuntimeError> {
        let log = self.0.state().log(container).ok_or_else(|| not_found(container))?;
        let lines = log.read(options);
        if !options.follow {
            return Ok(lines);
        }
        let following = (Arc::downgrade(&self.0), lines);
        Ok(stream::unfold(following, |(inner, lines)| next_line(inner, lines)).boxed())
    }
}

type Following = (Weak<Inner>, BoxStream<'static, LogLine>);

/// Waits for a line; what a script says happens when somebody waits here.
async fn next_line(
    inner: Weak<Inner>,
    mut lines: BoxStream<'static, LogLine>,
) -> Option<(LogLine, Following)> {
    loop {
        let due = inner.upgrade()?.next_due();
        match select(lines.next(), due).await {
            Either::Left((line, _)) => return line.map(|line| (line, (inner, lines))),
            Either::Right(_) => {}
        }
    }
}

#[async_trait]
impl Attach for Fake {
    /// What is printed from now on; nobody reads what comes in.
    async fn attach(&self, container: &str, stdio: Stdio) -> Result<Session, RuntimeError> {
        self.0.state().running(container).ok_or_else(|| not_found(container))?;
        let options = LogOptions { follow: true, tail_lines: Some(0), ..LogOptions::default() };
        let lines = Logs::read(self, container, &options).await?;
        let (inner, id) = (Arc::downgrade(&self.0), container.to_owned());
        let end = stream::once(async move {
            let code = inner.upgrade().and_then(|inner| inner.state().exit_code(&id));
            Said::Exited(code.unwrap_or(137))
        });
        Ok(crate::log::said(lines, stdio).chain(end).boxed())
    }
}

#[async_trait]
impl Ports for Fake {
    /// Who serves there, as [`Fake::serving`] says; without it nobody does.
    async fn connect(&self, sandbox: &str, port: u16, input: ByteStream) -> Result<ByteStream, RuntimeError> {
        let (pod, servers) = {
            let state = self.0.state();
            (state.ready(sandbox).ok_or_else(|| not_found(sandbox))?, state.servers.clone())
        };
        let answer = servers.and_then(|servers| servers(&pod, port, input));
        let refused =
            || RuntimeError::Unavailable(format!("dial tcp4: port {port}: connect: connection refused"));
        answer.ok_or_else(refused)
    }
}
