//! Stands in for etcd where a program starts one beside the API server. The API server keeps its objects itself, so all
//! that is left to do is to say that it is well.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use steersman::core::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::signals::Signals;

/// The longest request that is read, and for how long one is waited for.
const REQUEST: u64 = 8192;
const PATIENCE: Duration = Duration::from_secs(5);

/// Flags of etcd; any other is an error. The last one of the same name counts.
#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct Etcd {
    /// Where it says that it is well: `http://` and an address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:2379", value_parser = address)]
    listen_client_urls: SocketAddr,
    /// Taken and not used: nobody is told.
    #[arg(long, value_name = "URL")]
    advertise_client_urls: Option<String>,
    /// Taken and not used: there are no peers.
    #[arg(long, value_name = "URL")]
    listen_peer_urls: Option<String>,
    /// Taken and not used: nothing is kept.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,
    /// Taken and not used: nothing is written.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    unsafe_no_fsync: Option<bool>,
}

impl Etcd {
    pub(crate) async fn run(self) -> Outcome {
        let mut signals = Signals::hear()?;
        let env = Env::tokio();
        let listener = TcpListener::bind(self.listen_client_urls).await?;
        println!("ready: http://{}", listener.local_addr()?);
        tokio::select! {
            () = signals.stopped() => {}
            failed = listen(&env, listener) => failed?,
        }
        Ok(())
    }
}

async fn listen(env: &Env, listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // One at a time, for so long at most: whoever asks is the program that has started this one.
        if let Ok(Err(why)) = env.timeout(PATIENCE, answer(stream)).await {
            eprintln!("a request was not answered: {why}");
        }
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let mut reader = (&mut stream).take(REQUEST);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if reader.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (code, body) = match request.split(|byte| *byte == b' ').nth(1) {
        Some(b"/health") => ("200 OK", r#"{"health":"true","reason":""}"#),
        Some(b"/version") => ("200 OK", r#"{"etcdserver":"3.6.0","etcdcluster":"3.6.0"}"#),
        _ => ("404 Not Found", "404 page not found\n"),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {code}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

fn address(url: &str) -> Result<SocketAddr, String> {
    let address = url.strip_prefix("http://").ok_or("only http:// is spoken")?;
    let address = address.trim_end_matches('/').replace("localhost", "127.0.0.1");
    address.parse().map_err(|why| format!("{address}: {why}"))
}
