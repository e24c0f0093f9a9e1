//! URLs: the library that Kubernetes adds to the language, over URLs as Go reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::eval::Outcome;
use super::failure::Failure;
use super::value::{Key, Map, Value};
use crate::go_url::{self, Url};

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (function, args) {
        ("url", [Value::String(text)]) => match go_url::request(text.as_str()) {
            Ok(_) => Ok(Value::Url(text.as_str().into())),
            Err(why) => Err(Failure::Error(format!("URL parse error during conversion from string: {why}"))),
        },
        ("isURL", [Value::String(text)]) => Ok(Value::Bool(go_url::request(text.as_str()).is_ok())),
        (_, [Value::Url(text)]) => Ok(part(function, &go_url::request(text).unwrap_or_default())?),
        _ => return None,
    })
}

fn part<'a>(function: &str, url: &Url<'_>) -> Option<Value<'a>> {
    let (name, port) = split_host(url.host);
    Some(match function {
        "getScheme" => Value::text(url.scheme.as_str()),
        "getHost" => Value::text(url.host),
        "getHostname" => Value::text(name),
        "getPort" => Value::text(port),
        "getEscapedPath" => Value::text(escaped_path(url.path)),
        "getQuery" => query(url.query),
        _ => return None,
    })
}

/// The name of a host without brackets, and its port.
fn split_host(host: &str) -> (&str, &str) {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = host.rsplit_once(':').filter(|(_, port)| is_port(port)).unwrap_or((host, ""));
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    (bare.unwrap_or(name), port)
}

/// The path as it is written if it may be written so, or as Go would write it.
fn escaped_path(path: &str) -> String {
    let may_stay = |byte: u8| is_plain(byte) || b"!'()*%[]".contains(&byte);
    if path.bytes().all(may_stay) {
        return path.to_owned();
    }
    let mut escaped = String::with_capacity(path.len());
    for byte in unescape(path, false).unwrap_or_default() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Whether Go leaves it as it is in a path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

/// The parameters of a query; what is malformed is left out.
fn query<'a>(text: &str) -> Value<'a> {
    let mut found: BTreeMap<Key, Vec<Value<'a>>> = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let read = |text| unescape(text, true).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if let (Some(key), Some(value)) = (read(key), read(value)) {
            found.entry(Key::String(key)).or_default().push(Value::text(value));
        }
    }
    let lists = found.into_iter().map(|(key, values)| (key, Value::list(values)));
    Value::Map(Map::Made(Arc::new(lists.collect())))
}

/// The bytes that a text stands for; `None` if an escape is malformed.
fn unescape(text: &str, is_query: bool) -> Option<Vec<u8>> {
    let (bytes, mut at) = (text.as_bytes(), 0);
    let mut read = Vec::with_capacity(bytes.len());
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digits = text.get(at + 1..at + 3).filter(|digits| !digits.starts_with('+'))?;
                read.push(u8::from_str_radix(digits, 16).ok()?);
                at += 2;
            }
            b'+' if is_query => read.push(b' '),
            byte => read.push(*byte),
        }
        at += 1;
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(function: &str, url: &str) -> String {
        let url = call("url", &[Value::text(url)]).unwrap().unwrap();
        match call(function, &[url]).unwrap().unwrap() {
            Value::String(text) => text.as_str().to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_parts_of_a_url_are_those_that_go_finds() {
        let cases = [
            ("/a", ["", "", "", "", "/a"]),
            ("HTTPS://EXAMPLE.com:443/../b", ["https", "EXAMPLE.com:443", "EXAMPLE.com", "443", "/../b"]),
            ("https://[::1]:80", ["https", "[::1]:80", "::1", "80", ""]),
            ("https://u:p@h/(x)/a b#c", ["https", "h", "h", "", "/%28x%29/a%20b%23c"]),
            ("https://h/a%2Fb", ["https", "h", "h", "", "/a%2Fb"]),
            ("a:b", ["a", "", "", "", ""]),
        ];
        for (url, expected) in cases {
            let functions = ["getScheme", "getHost", "getHostname", "getPort", "getEscapedPath"];
            assert_eq!(functions.map(|function| told(function, url)), expected.map(str::to_owned), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_told_as_go_tells_it() {
        let is_url = |text: &str| match call("isURL", &[Value::text(text)]).unwrap().unwrap() {
            Value::Bool(is_url) => is_url,
            other => panic!("{other:?}"),
        };
        for text in ["/a b", "*", "a:b", "https://x:99999", "https://a<b", "https://x?%zz"] {
            assert!(is_url(text), "{text}");
        }
        let cases = [
            ("abc", "invalid URI for request"),
            ("", "empty url"),
            ("?x", "invalid URI for request"),
            ("/%zz", "invalid URL escape \"%zz\""),
            ("http://a b/", "invalid character \" \" in host name"),
            ("http://a:b/", "invalid port \":b\" after host"),
            ("http://[::1", "missing ']' in host"),
        ];
        for (text, why) in cases {
            assert!(!is_url(text), "{text}");
            let Err(Failure::Error(told)) = call("url", &[Value::text(text)]).unwrap() else {
                panic!("{text} is no URL");
            };
            assert_eq!(
                told.to_string(),
                format!("URL parse error during conversion from string: parse {text:?}: {why}")
            );
        }
    }
}
