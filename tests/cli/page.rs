//! Another server on this machine, over HTTP/1.1: what it answers is up to the story.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What a client asks.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// A server for as long as it lives.
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Page {
    /// Answers at an address with a code and a body, one client after the other.
    pub(crate) fn serve(address: &str, answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (address, ends) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let told = ends.clone();
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever leaves in the middle has no use for an answer.
                let _ = exchange(stream, &answer);
            }
        });
        Page { address, ends, thread: Some(thread) }
    }
}

fn exchange(mut stream: TcpStream, answer: &impl Fn(&Asked) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (code, told) = answer(&Asked { method, path, body: String::from_utf8_lossy(&body).into_owned() });
    let length = told.len();
    let head = "Content-Type: application/json\r\nConnection: close";
    write!(stream, "HTTP/1.1 {code} OK\r\n{head}\r\nContent-Length: {length}\r\n\r\n{told}")
}

impl Drop for Page {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // It waits for somebody to come.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
