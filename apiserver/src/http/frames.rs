//! An answer's body as [`http_body::Body`], so that hyper and tower can send it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use http_body::{Frame, SizeHint};

use super::Body;

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Body::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Full(bytes) => Poll::Ready(Some(std::mem::take(bytes))),
            Body::Chunks(chunks) => chunks.poll_next_unpin(cx),
            #[cfg(feature = "http")]
            Body::Upgrade(_) => Poll::Ready(None),
        };
        next.map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Chunks(_) => SizeHint::default(),
            #[cfg(feature = "http")]
            Body::Upgrade(_) => SizeHint::with_exact(0),
        }
    }
}
