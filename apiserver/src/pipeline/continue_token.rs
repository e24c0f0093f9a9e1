//! The token by which a list goes on where its last page ended; upstream's format.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use steersman_core::store::Revision;
use steersman_core::{Error, Result};

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The version of the list; `None` goes on with the newest.
    pub(super) revision: Option<Revision>,
    /// The key of the last object of the page before.
    pub(super) start: String,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: String,
    rv: i64,
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

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
    let invalid = |why: &str| Error::bad_request(format!("continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid("illegal base64 data"))?;
    let written: Written = serde_json::from_slice(&bytes).map_err(|_| invalid("it is no JSON"))?;
    if written.v != VERSION {
        return Err(invalid("server does not recognize this encoded version"));
    }
    let start = written.start.trim_end_matches(BEHIND);
    if start.is_empty() || start.starts_with('/') || start.split('/').any(|step| step == "..") {
        return Err(invalid("encoded start key empty or invalid"));
    }
    let revision = u64::try_from(written.rv).ok().filter(|revision| *revision > 0).map(Revision);
    Ok(Some(Token { revision, start: start.to_owned() }))
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
    fn nonsense_is_refused() {
        for token in ["x", "!!", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"] {
            assert_eq!(read(token).unwrap_err().code(), 400, "{token}");
        }
    }
}
