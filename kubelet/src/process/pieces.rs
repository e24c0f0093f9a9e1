//! What a process or a connection sends, as it comes.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, unfold};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once, in bytes: what nobody takes stays where it comes from.
const PIECE: usize = 16 * 1024;

/// Reads to the end, or until reading fails.
pub(super) fn pieces<R>(from: R) -> BoxStream<'static, Bytes>
where
    R: AsyncRead + Unpin + Send + 'static,
{
    unfold(from, |mut from| async move {
        let mut buffer = vec![0; PIECE];
        match from.read(&mut buffer).await {
            Ok(count @ 1..) => {
                buffer.truncate(count);
                Some((Bytes::from(buffer), from))
            }
            _ => None,
        }
    })
    .boxed()
}
