//! Opens connections to pods, for probes and hooks. Needs feature `tokio`, and says so without it.

#[cfg(feature = "tokio")]
mod sockets;
#[cfg(not(feature = "tokio"))]
mod without;

#[cfg(feature = "tokio")]
pub(crate) use sockets::{get, open};
#[cfg(not(feature = "tokio"))]
pub(crate) use without::{get, open};

/// A plain HTTP GET.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "nothing is sent without sockets"))]
    pub(crate) headers: Vec<(String, String)>,
}

impl Get {
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", authority(&self.host, self.port), self.path)
    }
}

/// `host:port`, with an IPv6 address in brackets.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
