//! Connections to the ports of pods: TCP to the pod's address.

use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use steersman_core::runtime::{ByteStream, Ports, RuntimeError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::pieces::pieces;
use super::{Process, not_found};

#[async_trait]
impl Ports for Process {
    /// A pod in the machine's network is reached at 127.0.0.1.
    async fn connect(&self, sandbox: &str, port: u16, input: ByteStream) -> Result<ByteStream, RuntimeError> {
        let within = self.0.state().ready(sandbox).ok_or_else(|| not_found(sandbox))?;
        let address = SocketAddr::from((within.ip.unwrap_or(Ipv4Addr::LOCALHOST), port));
        let refused = |why| RuntimeError::Unavailable(format!("dial tcp4 {address}: connect: {why}"));
        let (from, to) = TcpStream::connect(address).await.map_err(refused)?.into_split();
        let sending = stream::once(send(to, input)).filter_map(|()| ready(None));
        // The connection ends with the answer, though the client may have more to say.
        let answer = pieces(from).map(Some).chain(stream::iter([None]));
        let both = stream::select(answer, sending);
        Ok(both.take_while(|piece| ready(piece.is_some())).filter_map(ready).boxed())
    }
}

async fn send(mut to: OwnedWriteHalf, mut input: ByteStream) {
    while let Some(piece) = input.next().await {
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // If this fails, the other end has gone and needs no telling.
    let _ = to.shutdown().await;
}
