//! Compresses large answers for clients that take gzip.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use http::{HeaderMap, Response};

use super::Body;

/// Smaller answers are not worth the time, in bytes; upstream's threshold.
const WORTH_IT: usize = 128 * 1024;

/// How much of a whole is compressed in one go, in bytes.
const STEP: usize = 64 * 1024;

/// What is compressed is sent once it is this much, in bytes.
const READY: usize = 16 * 1024;

/// Whether the client takes gzip.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        matches!(parts.next(), Some("gzip" | "*")) && parts.all(|part| !matches!(part, "q=0" | "q=0.0"))
    })
}

/// The same answer, compressed if that is worth it. What comes in pieces is looked at until it is known to be large.
pub(super) async fn compress(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let pieces = match body {
        Body::Full(bytes) if bytes.len() > WORTH_IT => cut(bytes).boxed(),
        Body::Chunks(mut chunks) => match beginning(&mut chunks).await {
            Beginning::OfMuch(first) => stream::iter(first).chain(chunks).boxed(),
            Beginning::All(bytes) => return Response::from_parts(parts, Body::Full(bytes)),
        },
        small => return Response::from_parts(parts, small),
    };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::Chunks(compressed(pieces).boxed()))
}

/// What an answer in pieces begins with.
enum Beginning {
    /// More than is sent as it is.
    OfMuch(Vec<Bytes>),
    /// That is all there is.
    All(Bytes),
}

async fn beginning(chunks: &mut BoxStream<'static, Bytes>) -> Beginning {
    let (mut first, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        length += chunk.len();
        first.push(chunk);
        if length > WORTH_IT {
            return Beginning::OfMuch(first);
        }
    }
    Beginning::All(first.concat().into())
}

/// Bytes in pieces that are compressed in one go.
fn cut(mut bytes: Bytes) -> impl Stream<Item = Bytes> {
    stream::iter(std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(STEP)))
    }))
}

/// The compressed pieces, made as they are asked for.
fn compressed(pieces: BoxStream<'static, Bytes>) -> impl Stream<Item = Bytes> {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    stream::unfold(Some((pieces, encoder)), async |state| {
        let (mut pieces, mut encoder) = state?;
        while let Some(piece) = pieces.next().await {
            encoder.write_all(&piece).expect("writing to memory cannot fail");
            if encoder.get_ref().len() >= READY {
                let ready = std::mem::take(encoder.get_mut());
                return Some((ready.into(), Some((pieces, encoder))));
            }
        }
        let last = encoder.finish().expect("writing to memory cannot fail");
        Some((last.into(), None))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures::executor::block_on;
    use http::HeaderMap;

    use super::*;

    /// An answer as a client reads it that takes gzip, and whether it was compressed.
    fn read(body: Body) -> (Vec<u8>, bool) {
        let response = block_on(compress(Response::new(body)));
        let is_compressed = response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let sent = match response.into_body() {
            Body::Chunks(chunks) => block_on(chunks.collect::<Vec<_>>()).concat(),
            Body::Full(bytes) => bytes.to_vec(),
            #[cfg(feature = "http")]
            Body::Upgrade(_) => Vec::new(),
        };
        if !is_compressed {
            return (sent, false);
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&sent[..]).read_to_end(&mut plain).unwrap();
        assert!(sent.len() < plain.len());
        (plain, true)
    }

    #[test]
    fn a_large_answer_comes_out_as_it_went_in_whole_or_in_pieces() {
        for length in [5, WORTH_IT, WORTH_IT + 1, 3 * WORTH_IT + 7] {
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let pieces: Vec<Bytes> = text.chunks(30_000).map(Bytes::copy_from_slice).collect();
            let bodies = [Body::Full(text.clone().into()), Body::Chunks(stream::iter(pieces).boxed())];
            for body in bodies {
                let (plain, is_compressed) = read(body);
                assert!(plain == text, "{length}");
                assert_eq!(is_compressed, length > WORTH_IT, "{length}");
            }
        }
    }

    #[test]
    fn clients_say_whether_they_take_gzip() {
        let cases = [("gzip", true), ("deflate, gzip;q=1.0", true), ("gzip;q=0", false), ("br", false)];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(text));
            assert_eq!(is_accepted(&headers), expected, "{text}");
        }
    }
}
