//! Posts to extenders over HTTP/1.1 without TLS, one connection a question.

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::http::Post;

/// Longer answers are refused (bytes): an answer may list 5,000 nodes in full.
const LONGEST: usize = 256 * 1024 * 1024;

/// Sends requests to `http://` addresses. Needs a tokio runtime. For HTTPS, implement [`Post`](crate::Post).
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHttp;

#[async_trait]
impl Post for PlainHttp {
    async fn post(&self, url: &str, body: Bytes) -> Result<(u16, Bytes), String> {
        let failed = |why: &dyn std::fmt::Display| format!("Post {url:?}: {why}");
        let uri: Uri = url.parse().map_err(|error| failed(&error))?;
        if uri.scheme_str() != Some("http") {
            return Err(failed(&"only http addresses are supported"));
        }
        let host = uri.host().ok_or_else(|| failed(&"no Host in request URL"))?;
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80)));
        let stream = TokioIo::new(stream.await.map_err(|error| failed(&error))?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|error| failed(&error))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, uri.authority().map_or(host, |authority| authority.as_str()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| failed(&error))?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
            let code = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await;
            Ok((code, body.map_err(|error| failed(&error))?.to_bytes()))
        };
        let (answer, connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
        match select(answer, connection).await {
            Either::Left((answer, _)) => answer,
            // The connection is closed, and what came before that is still to be read.
            Either::Right((_, answer)) => answer.await,
        }
    }
}
