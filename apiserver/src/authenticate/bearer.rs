//! Finds the bearer token of a request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

/// What a browser names, which cannot set `Authorization` on a WebSocket.
const PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// The token, if there is one.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    of_authorization(headers).or_else(|| of_protocol(headers))
}

fn of_authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let mut parts = value.trim().splitn(3, ' ');
    let scheme = parts.next().unwrap_or_default();
    let token = parts.next().unwrap_or_default();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

fn of_protocol(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let encoded =
        values.flat_map(|value| value.split(',')).find_map(|one| one.trim().strip_prefix(PROTOCOL))?;
    let token = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tokens_are_found() {
        let cases = [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            (" Bearer abc rest", Some("abc")),
            ("Bearer ", None),
            ("Bearer  abc", None),
            ("Basic abc", None),
        ];
        for (value, expected) in cases {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(token(&headers).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn a_websocket_brings_its_token_as_a_protocol() {
        let value = HeaderValue::from_static("v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj");
        let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, value)]);
        assert_eq!(token(&headers).as_deref(), Some("abc"));
    }
}
