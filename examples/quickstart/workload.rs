//! The container: a small HTTP server that answers with its pod's name, its version and its process id.

use std::env;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

const PORT: u16 = 8080;

/// Longer requests than this are not read to their end.
const MAX_REQUEST_BYTES: usize = 4096;

/// Serves until SIGTERM, then finishes what was begun.
pub(crate) async fn serve(version: &str) -> io::Result<()> {
    let ip = env::var("POD_IP").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let listener = TcpListener::bind((ip.as_str(), PORT)).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    let answer = answer(version);
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                requests.spawn(respond(stream, answer.clone()));
            }
            _ = terminated.recv() => break,
            Some(_) = requests.join_next() => {}
        }
    }
    while requests.join_next().await.is_some() {}
    Ok(())
}

fn answer(version: &str) -> String {
    let var = |name: &str| env::var(name).unwrap_or_default();
    let greeting = var("GREETING");
    let body = format!("{greeting} {} {version} {}\n", var("POD_NAME"), std::process::id());
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

async fn respond(mut stream: TcpStream, answer: String) -> io::Result<()> {
    let mut request = vec![0; MAX_REQUEST_BYTES];
    let mut read = 0;
    while !request[..read].ends_with(b"\r\n\r\n") && read < request.len() {
        match stream.read(&mut request[read..]).await? {
            0 => return Ok(()),
            more => read += more,
        }
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
