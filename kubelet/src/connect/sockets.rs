//! Connections by tokio's sockets.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use steersman_core::runtime::Verdict;

use super::{Get, authority};

/// How much of an answer is read until its status line is complete, in bytes.
const STATUS_LINE: u64 = 1024;

/// The status code of the answer, or what a probe is told where there is none. The rest of the answer is not read;
/// redirections are not followed.
pub(crate) async fn get(get: &Get) -> Result<u16, Verdict> {
    let failed = |why: String| Verdict::Failure(format!("Get {:?}: {why}", get.url()));
    let mut stream = connect(&get.host, get.port).await.map_err(failed)?;
    let head = exchange(&mut stream, &request(get)).await.map_err(|error| failed(error.to_string()))?;
    status(&head).ok_or_else(|| failed("malformed HTTP response".to_owned()))
}

/// Connects, and hangs up; fails with what a probe is told.
pub(crate) async fn open(host: &str, port: u16) -> Result<(), Verdict> {
    connect(host, port).await.map(drop).map_err(Verdict::Failure)
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let sentence = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => error.to_string(),
        };
        format!("dial tcp {}: connect: {why}", authority(host, port))
    };
    TcpStream::connect((host, port)).await.map_err(sentence)
}

/// Sends a request, and reads its answer until the status line is complete.
async fn exchange(stream: &mut TcpStream, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let mut limited = stream.take(STATUS_LINE);
    while !head.contains(&b'\n') && limited.read_buf(&mut head).await? > 0 {}
    Ok(head)
}

fn request(get: &Get) -> String {
    let has = |name: &str| get.headers.iter().any(|(there, _)| there.eq_ignore_ascii_case(name));
    let mut request = format!("GET {} HTTP/1.1\r\n", one_line(&get.path));
    if !has("host") {
        request.push_str(&format!("Host: {}\r\n", authority(&get.host, get.port)));
    }
    if !has("user-agent") {
        request.push_str("User-Agent: kube-probe/1.36\r\n");
    }
    if !has("accept") {
        request.push_str("Accept: */*\r\n");
    }
    for (name, value) in &get.headers {
        request.push_str(&format!("{}: {}\r\n", one_line(name), one_line(value)));
    }
    request + "Connection: close\r\n\r\n"
}

/// What a user has written must not break out of its line.
fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_lines() {
        let get = Get {
            host: "::1".to_owned(),
            port: 80,
            path: "/a\r\nX: y".to_owned(),
            headers: vec![("Host".to_owned(), "h".to_owned())],
        };
        let expected = "GET /aX: y HTTP/1.1\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\nHost: h\r\n\
                        Connection: close\r\n\r\n";
        assert_eq!(request(&get), expected);
        assert_eq!(get.url(), "http://[::1]:80/a\r\nX: y");
    }

    #[test]
    fn a_status_line_gives_its_code() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"SSH-2.0-x\r\n"), None);
        assert_eq!(status(b""), None);
    }

    #[tokio::test]
    async fn a_server_is_asked_and_a_closed_port_is_told_of() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Get { host: "127.0.0.1".to_owned(), port, path: "/ok".to_owned(), headers: Vec::new() };
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 503 No\r\n\r\n").await.unwrap();
        };
        let (code, ()) = tokio::join!(get(&asked), serve);
        assert_eq!(code, Ok(503));
        assert_eq!(open("127.0.0.1", port).await, Ok(()));
        drop(listener);
        let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
        assert_eq!(open("127.0.0.1", port).await, Err(Verdict::Failure(refused.clone())));
        let told = format!("Get \"http://127.0.0.1:{port}/ok\": {refused}");
        assert_eq!(get(&asked).await, Err(Verdict::Failure(told)));
    }
}
