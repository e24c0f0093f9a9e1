//! The token by which a list goes on where its last page ended; upstream's format.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use steersman_core::store::Revision;
use steersman_core::{Error, Result};

use crate::schema::decode;

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The version of the list; `None` goes on with the newest.
    pub(super) revision: Option<Revision>,
    /// The key of the last object of the page before.
    pub(super) start: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    v: String,
    rv: i64,
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

/// Go's decoder does not look at the bits behind the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Upstream's keys start behind the last object of the page, which is the least key that is greater.
const BEHIND: char = '\0';

/// The token for what follows `last` in a list of a version.
pub(super) fn write(revision: Revision, last: &str) -> String {
    encode(i64::try_from(revision.0).unwrap_or(i64::MAX), last)
}

/// The token for what follows `last` at whatever version there is.
pub(super) fn write_inconsistent(last: &str) -> String {
    encode(-1, last)
}

/// Reads a token; 400 if it is none, `None` if there is none.
pub(super) fn read(token: &str) -> Result<Option<Token>> {
    if token.is_empty() {
        return Ok(None);
    }
    decoded(token)
        .map(Some)
        .map_err(|why| Error::bad_request(format!("invalid continue token: continue key is not valid{why}")))
}

/// What a token says, or how upstream words what is wrong with it.
fn decoded(token: &str) -> std::result::Result<Token, String> {
    let bytes = LENIENT
        .decode(token)
        .map_err(|_| format!(": illegal base64 data at input byte {}", first_fault(token)))?;
    let tree = decode::json(bytes).map_err(|why| format!(": {why}"))?.value;
    let written: Written = steersman_core::tree::from_value(tree).map_err(|why| format!(": {why}"))?;
    if written.v != VERSION {
        return Err(format!(": server does not recognize this encoded version {}", written.v));
    }
    if written.rv == 0 {
        return Err(format!(": incorrect encoded start resourceVersion (version {VERSION})"));
    }
    if written.start.is_empty() {
        return Err(format!(": encoded start key empty (version {VERSION})"));
    }
    let start = written.start.trim_end_matches(BEHIND).trim_start_matches('/');
    if start.split('/').any(|step| matches!(step, "" | "." | "..")) {
        return Err(format!(": {}", written.start));
    }
    let revision = u64::try_from(written.rv).ok().map(Revision);
    Ok(Token { revision, start: start.to_owned() })
}

/// Where a text ceases to be base64, as Go counts.
fn first_fault(token: &str) -> usize {
    let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    token.bytes().position(|byte| !is_symbol(byte)).unwrap_or(token.len().saturating_sub(1))
}

fn encode(rv: i64, last: &str) -> String {
    let written = Written { v: VERSION.to_owned(), rv, start: format!("{last}{BEHIND}") };
    let json = serde_json::to_vec(&written).expect("three plain fields can be written");
    URL_SAFE_NO_PAD.encode(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let token = read(&write(Revision(7), "ns/a")).unwrap().unwrap();
        assert_eq!(token, Token { revision: Some(Revision(7)), start: "ns/a".to_owned() });
        assert_eq!(read(&write_inconsistent("a")).unwrap().unwrap().revision, None);
        assert_eq!(read("").unwrap(), None);
    }

    #[test]
    fn nonsense_is_refused_in_upstreams_words() {
        let token = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let cases = [
            ("x".to_owned(), ": illegal base64 data at input byte 0"),
            ("ab%c".to_owned(), ": illegal base64 data at input byte 2"),
            ("bad".to_owned(), ": invalid character 'm' looking for beginning of value"),
            (token("{}"), ": server does not recognize this encoded version "),
            (
                token(r#"{"v":"meta.k8s.io/v1"}"#),
                ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1}"#), ": encoded start key empty (version meta.k8s.io/v1)"),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../a"}"#), ": ../a"),
        ];
        for (token, why) in cases {
            let error = read(&token).unwrap_err();
            assert_eq!(error.code(), 400, "{token}");
            assert_eq!(error.message(), format!("invalid continue token: continue key is not valid{why}"));
        }
    }
}
