//! Agrees with a client on the protocol that a connection speaks from then on.

use http::HeaderMap;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use steersman_core::error::Reason;
use steersman_core::{Error, Result};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The header that names protocols on SPDY.
pub(in crate::http) const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Protocol {
    /// A WebSocket whose messages start with the number of a channel, which may be closed alone.
    ChannelsV5,
    /// The same, where channels close with the connection.
    ChannelsV4,
    /// A WebSocket that carries SPDY with streams for ports.
    Tunnel,
    /// SPDY, with a stream for each standard stream.
    Remote,
    /// SPDY, with streams for ports.
    Ports,
}

impl Protocol {
    /// The protocols for commands and attached clients.
    pub(in crate::http) const REMOTE: &[(&str, Protocol)] = &[
        ("v5.channel.k8s.io", Protocol::ChannelsV5),
        ("v4.channel.k8s.io", Protocol::ChannelsV4),
        ("v5.channel.k8s.io", Protocol::Remote),
        ("v4.channel.k8s.io", Protocol::Remote),
    ];

    /// The protocols for ports.
    pub(in crate::http) const PORTS: &[(&str, Protocol)] = &[
        ("SPDY/3.1+portforward.k8s.io", Protocol::Tunnel),
        ("v4.channel.k8s.io", Protocol::ChannelsV4),
        ("portforward.k8s.io", Protocol::Ports),
    ];

    /// Those of commands that are translated for kubelets that speak SPDY only.
    #[cfg(feature = "tls")]
    pub(in crate::http) const TRANSLATED: &[(&str, Protocol)] =
        &[("v5.channel.k8s.io", Protocol::ChannelsV5)];

    /// Those of ports that are unwrapped for such kubelets.
    #[cfg(feature = "tls")]
    pub(in crate::http) const TUNNELED: &[(&str, Protocol)] =
        &[("SPDY/3.1+portforward.k8s.io", Protocol::Tunnel)];

    pub(super) fn is_websocket(self) -> bool {
        matches!(self, Protocol::ChannelsV5 | Protocol::ChannelsV4 | Protocol::Tunnel)
    }
}

/// An agreement: the protocol, and the headers of the answer that says so.
pub(in crate::http) struct Handshake {
    protocol: Protocol,
    pub(in crate::http) headers: HeaderMap,
}

impl Handshake {
    /// What was agreed upon.
    pub(in crate::http) fn protocol(&self) -> Protocol {
        self.protocol
    }
}

/// Agrees on the first of the client's protocols that is `served`.
///
/// # Errors
/// 400 if the client does not ask for one, or in a way that makes no sense; 403 if it speaks none that is served.
pub(in crate::http) fn negotiate(
    request: &HeaderMap,
    served: &'static [(&'static str, Protocol)],
) -> Result<Handshake> {
    if asks(request, "websocket") {
        websocket(request, served)
    } else if asks(request, "spdy/3.1") {
        spdy(request, served)
    } else {
        Err(Error::bad_request("Upgrade request required"))
    }
}

/// Whether the client takes one of these protocols, on a WebSocket.
#[cfg(feature = "tls")]
pub(in crate::http) fn wants(request: &HeaderMap, served: &[(&str, Protocol)]) -> bool {
    let is_served = |asked| served.iter().any(|row| row.0 == asked);
    asks(request, "websocket") && words(request, &SEC_WEBSOCKET_PROTOCOL).any(is_served)
}

fn asks(request: &HeaderMap, to: &str) -> bool {
    has_word(request, CONNECTION, "upgrade") && has_word(request, UPGRADE, to)
}

fn websocket(request: &HeaderMap, served: &'static [(&'static str, Protocol)]) -> Result<Handshake> {
    if !has_word(request, SEC_WEBSOCKET_VERSION, "13") {
        return Err(Error::bad_request("websocket: unsupported version: 13 is served"));
    }
    let key = request.get(SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Error::bad_request("websocket: the handshake has no key"))?;
    let served = served.iter().filter(|row| row.1.is_websocket());
    let (name, protocol) = first(request, SEC_WEBSOCKET_PROTOCOL, served)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(Error::internal)?;
    let mut headers = switching("websocket");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    Ok(Handshake { protocol, headers })
}

fn spdy(request: &HeaderMap, served: &'static [(&'static str, Protocol)]) -> Result<Handshake> {
    let served = served.iter().filter(|row| !row.1.is_websocket());
    let (name, protocol) = first(request, STREAM_PROTOCOL, served)?;
    let mut headers = switching("SPDY/3.1");
    headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(name));
    Ok(Handshake { protocol, headers })
}

fn switching(to: &'static str) -> HeaderMap {
    let named = [(CONNECTION, "Upgrade"), (UPGRADE, to)];
    named.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// The first protocol of the client's that is served.
fn first(
    request: &HeaderMap,
    header: HeaderName,
    served: impl Iterator<Item = &'static (&'static str, Protocol)> + Clone,
) -> Result<(&'static str, Protocol)> {
    let asked: Vec<&str> = words(request, &header).collect();
    let found = asked.iter().find_map(|asked| served.clone().find(|row| row.0 == *asked));
    found.copied().ok_or_else(|| {
        let served: Vec<&str> = served.map(|row| row.0).collect();
        let why = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
            asked.join(" "),
            served.join(" ")
        );
        Error::new(Reason::Forbidden, why)
    })
}

fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    words(headers, &name).any(|there| there.eq_ignore_ascii_case(word))
}

/// The words of a header that lists them.
fn words<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(
        headers: &[(&'static str, &'static str)],
        served: &'static [(&'static str, Protocol)],
    ) -> String {
        let mut request = HeaderMap::new();
        for (name, value) in headers {
            request.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        match negotiate(&request, served) {
            Ok(handshake) => format!("{:?} {:?}", handshake.protocol, handshake.headers[UPGRADE]),
            Err(error) => format!("{} {error}", error.code()),
        }
    }

    #[test]
    fn the_clients_first_protocol_that_is_served_is_spoken() {
        let socket = |protocol: &'static str| {
            vec![
                ("connection", "keep-alive, Upgrade"),
                ("upgrade", "WebSocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("sec-websocket-protocol", protocol),
            ]
        };
        let spdy = |protocol: &'static str| {
            vec![("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", protocol)]
        };
        let cases = [
            (socket("v5.channel.k8s.io, v4.channel.k8s.io"), Protocol::REMOTE, "ChannelsV5 \"websocket\""),
            (socket("v5.channel.k8s.io, v4.channel.k8s.io"), Protocol::PORTS, "ChannelsV4 \"websocket\""),
            (socket("SPDY/3.1+portforward.k8s.io"), Protocol::PORTS, "Tunnel \"websocket\""),
            (spdy("v4.channel.k8s.io"), Protocol::REMOTE, "Remote \"SPDY/3.1\""),
            (spdy("portforward.k8s.io"), Protocol::PORTS, "Ports \"SPDY/3.1\""),
            (
                spdy("v1"),
                Protocol::PORTS,
                "403 unable to upgrade: unable to negotiate protocol: client supports [v1], \
                 server accepts [portforward.k8s.io]",
            ),
            (vec![], Protocol::REMOTE, "400 Upgrade request required"),
            (vec![("upgrade", "websocket")], Protocol::REMOTE, "400 Upgrade request required"),
        ];
        for (headers, served, expected) in cases {
            assert_eq!(agreed(&headers, served), expected);
        }
    }
}
