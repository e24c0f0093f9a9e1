//! Another server on this machine, over HTTP or HTTPS: what it answers is up to the story.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use steersman::apiserver::listener::Certified;
use steersman::core::Env;
use steersman::core::env::Task;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server for as long as it lives.
pub(crate) struct Page {
    pub(crate) url: String,
    _task: Task<()>,
}

impl Page {
    /// Answers, given its own address, a path and a body with a code and a body; `None` is an answer that never comes.
    pub(crate) fn serve(
        env: &Env,
        answer: impl Fn(&str, &str, Bytes) -> Option<(u16, String)> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::over(env, None, answer)
    }

    /// The same over TLS.
    pub(crate) fn serve_tls(
        env: &Env,
        own: &Certified,
        answer: impl Fn(&str, &str, Bytes) -> Option<(u16, String)> + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::over(env, Some(acceptor(own)), answer)
    }

    fn over(
        env: &Env,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str, &str, Bytes) -> Option<(u16, String)> + Clone + Send + Sync + 'static,
    ) -> Self {
        let socket = anywhere();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", socket.local_addr().unwrap());
        socket.set_nonblocking(true).unwrap();
        let own = url.clone();
        let task = env.spawn("page", async move {
            let socket = TcpListener::from_std(socket).unwrap();
            while let Ok((stream, _)) = socket.accept().await {
                let (answer, own) = (answer.clone(), own.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, own) = (answer.clone(), own.clone());
                    async move {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        match answer(&own, &path, body) {
                            None => std::future::pending().await,
                            Some((code, body)) => {
                                let response =
                                    Response::builder().status(code).body(Full::new(Bytes::from(body)));
                                Ok::<_, Infallible>(response.unwrap())
                            }
                        }
                    }
                });
                // One client at a time, each with one question: a client that goes away frees the server.
                let mut server = hyper::server::conn::http1::Builder::new();
                let server = server.keep_alive(false);
                match &tls {
                    None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                    // Who does not trust the server leaves before he asks.
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                }
            }
        });
        Page { url, _task: task }
    }

    /// An address at which nobody listens.
    pub(crate) fn nobody() -> String {
        format!("http://{}", anywhere().local_addr().unwrap())
    }
}

fn acceptor(own: &Certified) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(own.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn anywhere() -> std::net::TcpListener {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}
