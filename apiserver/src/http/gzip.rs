//! Compresses large answers for clients that take gzip.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, StreamExt};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use http::{HeaderMap, Response};

use super::Body;

/// Smaller answers are not worth the time, in bytes; upstream's threshold.
const WORTH_IT: usize = 128 * 1024;

/// How much is compressed before others get their turn, in bytes.
const STEP: usize = 64 * 1024;

/// Whether the client takes gzip.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        matches!(parts.next(), Some("gzip" | "*")) && parts.all(|part| !matches!(part, "q=0" | "q=0.0"))
    })
}

/// The same answer, compressed if that is worth it.
pub(super) fn compress(response: Response<Body>) -> Response<Body> {
    let is_large = matches!(response.body(), Body::Full(bytes) if bytes.len() > WORTH_IT);
    if !is_large || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Body::Full(bytes) = body else { return Response::from_parts(parts, body) };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::Chunks(chunks(bytes).boxed()))
}

/// The compressed bytes, made as they are asked for.
fn chunks(bytes: Bytes) -> impl futures::Stream<Item = Bytes> {
    let encoder = GzEncoder::new(Vec::with_capacity(STEP), Compression::fast());
    stream::unfold(Some((bytes, encoder)), async |state| {
        let (mut rest, mut encoder) = state?;
        if rest.is_empty() {
            let last = encoder.finish().expect("writing to memory cannot fail");
            return Some((last.into(), None));
        }
        let step = rest.split_to(rest.len().min(STEP));
        encoder.write_all(&step).expect("writing to memory cannot fail");
        let ready = std::mem::take(encoder.get_mut());
        Some((ready.into(), Some((rest, encoder))))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures::executor::block_on;
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_large_answer_comes_out_as_it_went_in() {
        let text: Vec<u8> = (0..WORTH_IT + 7).map(|at| (at % 251) as u8).collect();
        let response = compress(Response::new(Body::Full(text.clone().into())));
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        let Body::Chunks(chunks) = response.into_body() else { panic!("it was not compressed") };
        let compressed = block_on(chunks.collect::<Vec<_>>()).concat();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut plain).unwrap();
        assert!(plain == text && compressed.len() < text.len());
    }

    #[test]
    fn a_small_answer_stays_as_it_is() {
        let response = compress(Response::new(Body::Full(Bytes::from_static(b"small"))));
        assert!(matches!(response.body(), Body::Full(_)) && response.headers().is_empty());
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
