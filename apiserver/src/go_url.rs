//! Takes addresses apart as Go's `url` does, and says in its words why that cannot be.

/// What of an address is judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// In lower case; empty if there is none.
    pub(crate) scheme: String,
    pub(crate) user: Option<&'a str>,
    pub(crate) host: &'a str,
    /// As it is written.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) fragment: &'a str,
}

/// Where in an address a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Other,
}

/// The parts of an address.
///
/// # Errors
/// Go's words for what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Url<'_>, String> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let url = split(rest, false).map_err(|why| format!("parse {rest:?}: {why}"))?;
    check_escapes(fragment, Part::Other).map_err(|why| format!("parse {text:?}: {why}"))?;
    Ok(Url { fragment, ..url })
}

/// The parts of what a request is for, as Go's `url.ParseRequestURI` finds them: it knows no fragments.
///
/// # Errors
/// Go's words for what is wrong with it.
pub(crate) fn request(text: &str) -> Result<Url<'_>, String> {
    let url = if text.is_empty() { Err("empty url".to_owned()) } else { split(text, true) };
    url.map_err(|why| format!("parse {text:?}: {why}"))
}

/// The parts of an address without a fragment, or of what a request is for, which is a path or begins with a scheme.
fn split(text: &str, is_request: bool) -> Result<Url<'_>, String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = scheme(text)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let url = Url { scheme: scheme.to_ascii_lowercase(), query, ..Url::default() };
    if !rest.starts_with('/') {
        let is_malformed = rest.split('/').next().is_some_and(|segment| segment.contains(':'));
        return match scheme {
            "" if text == "*" => Ok(Url { path: text, ..url }),
            "" if is_request => Err("invalid URI for request".to_owned()),
            "" if is_malformed => Err("first path segment in URL cannot contain colon".to_owned()),
            "" => check_escapes(rest, Part::Other).map(|()| Url { path: rest, ..url }),
            _ => Ok(url),
        };
    }
    let is_path = scheme.is_empty() && (is_request || rest.starts_with("///"));
    let Some(behind) = rest.strip_prefix("//").filter(|_| !is_path) else {
        return check_escapes(rest, Part::Other).map(|()| Url { path: rest, ..url });
    };
    let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    check_host(host)?;
    check_user(user.unwrap_or_default())?;
    check_escapes(path, Part::Other)?;
    Ok(Url { user, host, path, ..url })
}

/// What stands before the first colon, if that can be a scheme, and the rest.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn check_host(host: &str) -> Result<(), String> {
    let port = match (host.starts_with('['), host.rfind(']')) {
        (true, None) => return Err("missing ']' in host".to_owned()),
        (true, Some(end)) => &host[end + 1..],
        (false, _) => host.rfind(':').map_or("", |colon| &host[colon..]),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let fits = port.is_empty() || port.starts_with(':') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return Err(format!("invalid port {port:?} after host"));
    }
    check_escapes(host, Part::Host)
}

fn check_user(user: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    if !user.bytes().all(fits) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    check_escapes(user, Part::Other)
}

fn check_escapes(text: &str, part: Part) -> Result<(), String> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'%' {
            let escape = &bytes[at..bytes.len().min(at + 3)];
            let is_hex = escape.len() == 3 && escape[1..].iter().all(u8::is_ascii_hexdigit);
            let is_plain = is_hex && escape[1] < b'8' && escape != b"%25";
            if !is_hex || part == Part::Host && is_plain {
                return Err(format!("invalid URL escape {:?}", String::from_utf8_lossy(escape)));
            }
        }
        if part == Part::Host && byte.is_ascii() && !may_be_in_host(*byte) {
            return Err(format!("invalid character {:?} in host name", char::from(*byte).to_string()));
        }
    }
    Ok(())
}

fn may_be_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_as_go_takes_them_apart() {
        let url = |scheme: &str, user, host, path, query, fragment| {
            Ok(Url { scheme: scheme.to_owned(), user, host, path, query, fragment })
        };
        let cases = [
            ("HTTPS://x/a?b=c#d", url("https", None, "x", "/a", "b=c", "d")),
            ("https://u:p@x:80", url("https", Some("u:p"), "x:80", "", "", "")),
            ("https://[::1]:80/", url("https", None, "[::1]:80", "/", "", "")),
            ("https:///x", url("https", None, "", "/x", "", "")),
            ("localhost:80/x", url("localhost", None, "", "", "", "")),
            ("//x/y", url("", None, "x", "/y", "", "")),
            ("", url("", None, "", "", "", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_as_go_tells_it() {
        let cases = [
            ("://", "missing protocol scheme"),
            ("1.2.3.4:80/x", "first path segment in URL cannot contain colon"),
            ("https://x/%zz", "invalid URL escape \"%zz\""),
            ("https://x/%1", "invalid URL escape \"%1\""),
            ("https://x y/", "invalid character \" \" in host name"),
            ("https://x:abc/", "invalid port \":abc\" after host"),
            ("https://[::1/", "missing ']' in host"),
            ("https://a b@x/", "net/url: invalid userinfo"),
            ("https://x\n", "net/url: invalid control character in URL"),
        ];
        for (text, why) in cases {
            assert_eq!(parse(text), Err(format!("parse {text:?}: {why}")), "{text}");
        }
    }
}
