//! A command's process with a client at its streams.

use std::future::ready;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Either, Shared, select};
use futures::stream::{self, BoxStream, StreamExt};
use pty_process::Pty;
use steersman_core::Env;
use steersman_core::runtime::{ByteStream, LogStream, RuntimeError, Said, Session, Stdio};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::{Child, ChildStdin};

use super::launch::Group;
use super::pieces::pieces;
use super::run::{LAST_WORDS, Run, code};
use super::terminal;

/// How a process has ended; shared by all that goes on beside it.
type Exit = Shared<BoxFuture<'static, Result<ExitStatus, String>>>;

/// Follows a process that was just launched beside a container to its end, or to the container's: then it is killed.
/// Dropping the session ends the process and its group.
pub(super) fn follow(
    env: &Env,
    beside: Arc<Run>,
    (mut child, group): (Child, Group),
    mut stdio: Stdio,
) -> Session {
    let feed = feed(child.stdin.take(), stdio.stdin.take()).boxed();
    let stdout = output(child.stdout.take(), LogStream::Stdout, stdio.stdout);
    let stderr = output(child.stderr.take(), LogStream::Stderr, stdio.stderr);
    to_its_end(env, beside, (child, group), feed, stream::select(stdout, stderr).boxed())
}

/// The same for a process at a terminal.
pub(super) fn follow_terminal(
    env: &Env,
    beside: Arc<Run>,
    launched: (Child, Group),
    terminal: Pty,
    stdio: Stdio,
) -> Session {
    let (reader, writer) = terminal.into_split();
    let output = output(Some(reader), LogStream::Stdout, stdio.stdout);
    let feed = terminal::feed(writer, stdio.stdin, stdio.sizes).boxed();
    to_its_end(env, beside, launched, feed, output)
}

fn to_its_end(
    env: &Env,
    beside: Arc<Run>,
    (mut child, group): (Child, Group),
    feed: BoxFuture<'static, ()>,
    output: BoxStream<'static, Said>,
) -> Session {
    let exit: Exit = async move {
        let status = match select(pin!(child.wait()), pin!(beside.ended())).await {
            Either::Left((status, _)) => status,
            Either::Right(((), wait)) => {
                group.kill();
                wait.await
            }
        };
        // Whatever the command has left behind goes with it, and lets go of the output.
        group.finish();
        status.map_err(|why| why.to_string())
    }
    .boxed()
    .shared();
    let (env, ended) = (env.clone(), exit.clone());
    let silence = async move {
        let _ = ended.await;
        env.sleep(LAST_WORDS).await;
    };
    let output = output.take_until(silence.boxed());
    let ended = exit.clone();
    let feeding = stream::once(async move {
        select(feed, ended).await;
    });
    let output = stream::select(output, feeding.filter_map(|()| ready(None)));
    output.chain(stream::once(exit.map(end))).boxed()
}

fn end(status: Result<ExitStatus, String>) -> Said {
    match status {
        Ok(status) => Said::Exited(code(status)),
        Err(why) => Said::Failed(RuntimeError::Unavailable(why)),
    }
}

/// Gives the process what comes in, and closes its input behind that.
async fn feed(to: Option<ChildStdin>, from: Option<ByteStream>) {
    let (Some(mut to), Some(mut from)) = (to, from) else { return };
    while let Some(piece) = from.next().await {
        // A process that has closed its input wants no more of it.
        if to.write_all(&piece).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// What a process prints; what nobody wants is read and thrown away.
fn output<R>(from: Option<R>, to: LogStream, wanted: bool) -> BoxStream<'static, Said>
where
    R: AsyncRead + Unpin + Send + 'static,
{
    let Some(from) = from else { return stream::empty().boxed() };
    pieces(from).filter(move |_| ready(wanted)).map(move |piece| Said::Output(to, piece)).boxed()
}
