//! Asks other servers over HTTP/1.1, a connection for each question.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::pin;
#[cfg(feature = "tls")]
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use steersman_core::{Env, Error, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use super::{Authorities, ClientTls, tls};
use super::{Fetch, Route};

/// Longer answers are refused, in bytes.
const LONGEST: usize = 3 * 1024 * 1024;

/// How long an answer may take if nothing else is said; upstream's `DefaultRequestTimeout` of webhooks.
const LIMIT: Duration = Duration::from_secs(30);

/// What went wrong on the way.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Asks at `http` addresses, and with the feature `tls` at `https` ones, of servers that those vouch for whom the request
/// names, else [`HttpFetch::tls`], else the system. A service of the cluster is asked where the request says that it answers. Needs the tokio runtime that its `Env` stands
/// for. Redirects are answers like others.
#[derive(Clone, Debug)]
pub struct HttpFetch {
    env: Env,
    limit: Duration,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
    /// Whom the system trusts, read when it is first needed.
    #[cfg(feature = "tls")]
    system: Arc<OnceLock<Result<ClientTls>>>,
}

impl HttpFetch {
    /// Waits 30 seconds for an answer, and trusts whom the system trusts.
    pub fn new(env: &Env) -> Self {
        HttpFetch {
            env: env.clone(),
            limit: LIMIT,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            system: Arc::default(),
        }
    }

    /// How long an answer may take, from the connection to its last byte.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Speaks TLS so at `https` addresses.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("no Host in request URL")?.trim_matches(['[', ']']);
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let address = match request.extensions().get::<Route>() {
            Some(Route(route)) => route.clone()?,
            None if host.contains(':') => format!("[{host}]:{port}"),
            None => format!("{host}:{port}"),
        };
        let stream = TcpStream::connect(&address).await.map_err(|why| undialled(&address, &why))?;
        if is_tls { self.over_tls(host, stream, request).await } else { exchange(stream, request).await }
    }

    #[cfg(feature = "tls")]
    async fn over_tls(
        &self,
        host: &str,
        stream: TcpStream,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Failure> {
        let own = request.extensions().get::<Authorities>();
        let own = own.map(|Authorities(pem)| ClientTls::new(pem, None)).transpose()?;
        let tls = match own.as_ref().or(self.tls.as_ref()) {
            Some(tls) => tls,
            None => self.system.get_or_init(ClientTls::of_the_system).as_ref().map_err(untrusted)?,
        };
        let stream = tls.connect(host, stream).await.map_err(|why| tls::untrusted(&why))?;
        exchange(stream, request).await
    }

    #[cfg(not(feature = "tls"))]
    async fn over_tls(&self, _: &str, _: TcpStream, _: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        Err("TLS needs the feature `tls`".into())
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let verb = if request.method() == Method::POST { "Post" } else { "Get" };
        let told = format!("{verb} \"{}\"", request.uri());
        let failed = |why: &dyn fmt::Display| Error::internal(format!("{told}: {why}"));
        match self.env.timeout(self.limit, self.ask(request)).await {
            Ok(answer) => answer.map_err(|why| failed(&why)),
            Err(_elapsed) => Err(failed(&"context deadline exceeded")),
        }
    }
}

/// What Go says where there is nobody who could vouch for a server.
#[cfg(feature = "tls")]
fn untrusted(why: &Error) -> Failure {
    format!("tls: failed to verify certificate: {}", why.message()).into()
}

/// What Go says of an address at which nobody answers.
fn undialled(address: &str, why: &io::Error) -> Failure {
    match why.kind() {
        ErrorKind::ConnectionRefused => format!("dial tcp {address}: connect: connection refused").into(),
        _ => format!("dial tcp {address}: {why}").into(),
    }
}

async fn exchange<I>(stream: I, mut request: Request<Bytes>) -> Result<Response<Bytes>, Failure>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let uri = std::mem::take(request.uri_mut());
    let authority = uri.authority().ok_or("no Host in request URL")?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    *request.uri_mut() =
        Uri::from(uri.path_and_query().cloned().unwrap_or(http::uri::PathAndQuery::from_static("/")));
    let answer = async {
        let (parts, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, LONGEST).collect().await?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection is closed, and what came before that is still to be read.
        Either::Right((_, answer)) => answer.await,
    }
}
