//! A steady stream of requests through the service address, and the count of what came back.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steersman::core::Env;
use steersman::core::env::Task;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(2);

/// What the stream has seen since it was last asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: usize,
    pub(crate) failed: usize,
    pub(crate) last_failure: String,
    /// Answers by version.
    pub(crate) versions: BTreeMap<String, usize>,
}

/// A running stream; dropping it ends it.
pub(crate) struct Traffic {
    tally: Arc<Mutex<Tally>>,
    _clients: Vec<Task<()>>,
}

/// What the workload says of itself.
pub(crate) struct Answer {
    pub(crate) pod: String,
    pub(crate) version: String,
    pub(crate) pid: i32,
}

impl Traffic {
    pub(crate) fn start(env: &Env, service: SocketAddr) -> Self {
        let tally = Arc::<Mutex<Tally>>::default();
        let client = |number: usize| {
            let env = env.child(&format!("client-{number}"));
            env.spawn("requests", stream(env.clone(), service, tally.clone()))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Traffic { tally, _clients: clients }
    }

    /// The count since the last call.
    pub(crate) fn take(&self) -> Tally {
        std::mem::take(&mut *lock(&self.tally))
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn stream(env: Env, service: SocketAddr, tally: Arc<Mutex<Tally>>) {
    loop {
        let outcome = env.timeout(PATIENCE, request(service)).await;
        count(&tally, outcome.unwrap_or_else(|late| Err(io::Error::other(late))));
        env.sleep(PAUSE).await;
    }
}

fn count(tally: &Mutex<Tally>, outcome: io::Result<Answer>) {
    let mut tally = lock(tally);
    match outcome {
        Ok(answer) => {
            tally.answered += 1;
            *tally.versions.entry(answer.version).or_default() += 1;
        }
        Err(error) => {
            tally.failed += 1;
            tally.last_failure = error.to_string();
        }
    }
}

/// One request over a connection of its own.
pub(crate) async fn request(service: SocketAddr) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(service).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.trim()).unwrap_or_default();
    let words: Vec<&str> = body.split(' ').collect();
    match words.as_slice() {
        [_, pod, version, pid] => {
            let pid = pid.parse().map_err(io::Error::other)?;
            Ok(Answer { pod: (*pod).to_owned(), version: (*version).to_owned(), pid })
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("an answer cut short: {text:?}"))),
    }
}
