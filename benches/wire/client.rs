//! A lean client: one connection, HTTP/2, with the windows of Go's. It sends bodies that are there already, looks at the
//! code of an answer, and counts its bytes: what a client makes of an object is its own affair.

use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Failure, Outcome};

/// What a server may send ahead of what was read, in bytes: for a request, and for a connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const PROTOBUF: HeaderValue = HeaderValue::from_static("application/vnd.kubernetes.protobuf");

/// Where a server is, and as whom to talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// `http` or `https`.
    pub(crate) scheme: String,
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) access: Access,
}

/// How one proves who one is.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Token(String),
    /// A certificate and its key, as PEM.
    Certificate(Vec<u8>, Vec<u8>),
}

impl Endpoint {
    /// What a URL names.
    pub(crate) fn new(url: &str, access: Access) -> Outcome<Self> {
        let url: http::Uri = url.parse()?;
        let scheme = url.scheme_str().ok_or("a URL begins with http:// or https://")?.to_owned();
        let authority = url.authority().ok_or("a URL names a host and a port")?.to_string();
        Ok(Endpoint { scheme, authority, access })
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) accept: HeaderValue,
    /// The code that the answer must have.
    pub(crate) code: u16,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Ask { method: Method::GET, path: path.into(), body: Bytes::new(), accept: JSON, code: 200 }
    }

    pub(crate) fn create(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Ask { method: Method::POST, path: path.into(), body: body.into(), accept: JSON, code: 201 }
    }
}

/// A connection. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Client {
    sender: SendRequest<Bytes>,
    base: String,
    authorization: Option<HeaderValue>,
}

/// The body of an answer, as it comes.
pub(crate) struct Arriving(RecvStream);

impl Arriving {
    /// The next piece; `None` behind the last.
    pub(crate) async fn piece(&mut self) -> Outcome<Option<Bytes>> {
        let Some(piece) = self.0.data().await.transpose()? else { return Ok(None) };
        self.0.flow_control().release_capacity(piece.len())?;
        Ok(Some(piece))
    }

    async fn whole(&mut self) -> Outcome<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

impl Client {
    pub(crate) async fn connect(endpoint: &Endpoint) -> Outcome<Self> {
        let stream = TcpStream::connect(&endpoint.authority).await?;
        stream.set_nodelay(true)?;
        let sender = match endpoint.scheme.as_str() {
            "https" => {
                let name = ServerName::try_from("localhost")?;
                let config = Arc::new(trusting(&endpoint.access)?);
                handshake(TlsConnector::from(config).connect(name, stream).await?).await?
            }
            _ => handshake(stream).await?,
        };
        Ok(Client {
            sender,
            base: format!("{}://{}", endpoint.scheme, endpoint.authority),
            authorization: match &endpoint.access {
                Access::Token(token) => Some(bearer(token)?),
                Access::Certificate(..) => None,
            },
        })
    }

    /// The same connection used by whom another token belongs to.
    pub(crate) fn with_token(&self, token: &str) -> Outcome<Self> {
        Ok(Client { authorization: Some(bearer(token)?), ..self.clone() })
    }

    /// The answer, once its headers are there and its code is the right one.
    pub(crate) async fn open(&self, ask: Ask) -> Outcome<Arriving> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.base, ask.path))
            .header(ACCEPT, ask.accept)
            .header(CONTENT_TYPE, JSON);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut body) = sender.send_request(request.body(())?, ask.body.is_empty())?;
        if !ask.body.is_empty() {
            body.send_data(ask.body, true)?;
        }
        let (head, body) = answer.await?.into_parts();
        let mut body = Arriving(body);
        if head.status == ask.code {
            return Ok(body);
        }
        let why = body.whole().await?;
        Err(format!("{}: {}: {}", ask.path, head.status, String::from_utf8_lossy(&why)).into())
    }

    /// The number of bytes in the answer, read to its end.
    pub(crate) async fn ask(&self, ask: Ask) -> Outcome<usize> {
        let mut body = self.open(ask).await?;
        let mut length = 0;
        while let Some(piece) = body.piece().await? {
            length += piece.len();
        }
        Ok(length)
    }

    /// The answer as a tree.
    pub(crate) async fn json(&self, ask: Ask) -> Outcome<serde_json::Value> {
        let body = self.open(ask).await?.whole().await?;
        Ok(serde_json::from_slice(&body)?)
    }
}

async fn handshake<I>(io: I) -> Outcome<SendRequest<Bytes>>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(io)
        .await?;
    // It ends with its last sender.
    tokio::spawn(async move {
        if let Err(why) = connection.await {
            eprintln!("a connection ended: {why}");
        }
    });
    Ok(sender)
}

fn bearer(token: &str) -> Outcome<HeaderValue> {
    Ok(HeaderValue::from_str(&format!("Bearer {token}"))?)
}

fn trusting(access: &Access) -> Result<ClientConfig, Failure> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    let mut config = match access {
        Access::Token(_) => config.with_no_client_auth(),
        Access::Certificate(certificate, key) => {
            let certificate = CertificateDer::from_pem_slice(certificate)?;
            config.with_client_auth_cert(vec![certificate], PrivateKeyDer::from_pem_slice(key)?)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Trusts whoever listens: the load is the same.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
