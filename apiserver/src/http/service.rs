//! The server as a [`tower_service::Service`]: what listeners, and clients in this process, put requests into.
//!
//! Around [`Server::serve`] stands what protects the server from its clients: a limit to bodies, a deadline, a limit to
//! requests in flight, and a net under panics.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
#[cfg(feature = "http")]
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use steersman_core::env::Elapsed;
use steersman_core::error::Reason;
use steersman_core::{Env, Error, Result};

use super::answer::in_json;
use super::inflight::{InFlight, Limits};
use super::info::Info;
#[cfg(feature = "tls")]
use super::kubelet_port::KubeletPort;
use super::manner::Manner;
#[cfg(feature = "http")]
use super::upgrade::Sessions;
use super::{BODY, Body, body, gzip};
use crate::server::Server;
use crate::user::User;

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// An API server that takes requests with any body, or the port of a kubelet. Cloning shares, the limits too.
#[derive(Clone, Debug)]
pub struct Service {
    behind: Behind,
    in_flight: Arc<InFlight>,
    user: Option<User>,
    #[cfg(feature = "http")]
    sessions: Arc<Sessions>,
}

/// Who answers.
#[derive(Clone, Debug)]
enum Behind {
    Server(Arc<Server>),
    #[cfg(feature = "tls")]
    Kubelet(Arc<KubeletPort>),
}

impl Service {
    /// A service that [finds out](Server::serve) who makes each request.
    pub fn new(server: Arc<Server>, limits: Limits) -> Self {
        Self::of(Behind::Server(server), limits)
    }

    /// A service for the API servers that come to a kubelet.
    #[cfg(feature = "tls")]
    pub fn of_kubelet(port: KubeletPort) -> Self {
        Self::of(Behind::Kubelet(Arc::new(port)), Limits::NONE)
    }

    fn of(behind: Behind, limits: Limits) -> Self {
        Service {
            behind,
            in_flight: Arc::new(InFlight::new(limits)),
            user: None,
            #[cfg(feature = "http")]
            sessions: Arc::default(),
        }
    }

    fn env(&self) -> &Env {
        match &self.behind {
            Behind::Server(server) => &server.core().env,
            #[cfg(feature = "tls")]
            Behind::Kubelet(port) => port.env(),
        }
    }

    /// The same, taking every request for one of `user`'s.
    #[must_use]
    pub fn acting_as(self, user: User) -> Self {
        Service { user: Some(user), ..self }
    }

    /// From now on the server tells that it is not ready: it is about to stop.
    #[cfg(feature = "http")]
    pub(crate) fn drain(&self) {
        match &self.behind {
            Behind::Server(server) => server.core().draining.store(true, Ordering::Relaxed),
            #[cfg(feature = "tls")]
            Behind::Kubelet(_) => {}
        }
    }

    /// Waits for what runs on connections that were upgraded; dropping this cuts it off.
    #[cfg(feature = "http")]
    pub(crate) async fn ended(&self) {
        self.sessions.ended().await;
    }

    /// Answers a request. Never fails: what is wrong is in the answer.
    ///
    /// With the feature `http`, what the answer 101 leads to lasts as long as the service at most: it takes the
    /// connection over from hyper, whose server must let it (`with_upgrades`).
    pub async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let audit_id = self.audit_id(&request);
        #[cfg(feature = "http")]
        let on = request.extensions().get().cloned();
        let response = AssertUnwindSafe(self.limited(request)).catch_unwind().await;
        let mut response = response.unwrap_or_else(|_| panicked());
        #[cfg(feature = "http")]
        self.sessions.take_over(self.env(), on, &mut response);
        let headers = response.headers_mut();
        headers.insert(AUDIT_ID, audit_id);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
        response
    }

    /// Answers a request that wants to upgrade its connection. One that came over no connection gets one, within this
    /// process.
    #[cfg(feature = "http")]
    async fn upgrading<B>(self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_some() {
            return self.answer(request).await;
        }
        let (env, sessions) = (self.env().clone(), self.sessions.clone());
        sessions.within_process(&env, request, move |request| self.clone().answer(request)).await
    }

    /// What names the request in logs: the client's own word, or a new one.
    fn audit_id<B>(&self, request: &Request<B>) -> HeaderValue {
        let given = request.headers().get(AUDIT_ID).filter(|value| !value.is_empty()).cloned();
        let new = || HeaderValue::from_str(&self.env().uuid()).expect("a UUID is printable ASCII");
        let mut id = given.unwrap_or_else(new);
        // It never comes again: HTTP/2 is not to remember it, nor to compare it with all those before.
        id.set_sensitive(true);
        id
    }

    async fn limited<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let info = Info::of(request.method(), request.uri());
        #[cfg(feature = "tls")]
        if let Behind::Kubelet(_) = &self.behind {
            // Everything lasts as long as the API server likes.
            return Box::pin(self.whole(info, request)).await;
        }
        let manner = match Manner::of(request.method(), &info) {
            Ok(manner) => manner,
            Err(error) => return in_json(&error).into_response(),
        };
        let Some(_place) = self.in_flight.enter(&manner) else { return InFlight::refusal() };
        let encodings = gzip::is_accepted(request.headers());
        // In a place of its own, since it is moved, and a timeout has room for two.
        let whole = Box::pin(self.whole(info, request));
        let response = match manner.deadline() {
            Some(limit) => match self.env().timeout(limit, whole).await {
                Ok(response) => response,
                Err(Elapsed) => in_json(&too_slow()).into_response(),
            },
            None => whole.await,
        };
        if encodings && manner.may_be_compressed() { gzip::compress(response).await } else { response }
    }

    async fn whole<B>(&self, info: Info, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let body = match collect(body).await {
            Ok(body) => body,
            Err(error) => return in_json(&error).into_response(),
        };
        let request = Request::from_parts(parts, body);
        match (&self.behind, &self.user) {
            (Behind::Server(server), Some(user)) => server.call_about(info, user.clone(), request).await,
            (Behind::Server(server), None) => server.serve_about(info, request).await,
            #[cfg(feature = "tls")]
            (Behind::Kubelet(port), _) => port.call(request).await,
        }
    }
}

/// Reads a body to its end, but no more than is allowed.
async fn collect<B>(body: B) -> Result<Bytes>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(body::too_large()),
        Err(error) => Err(Error::bad_request(error.to_string())),
    }
}

fn too_slow() -> Error {
    Error::new(Reason::Timeout, "Timeout: request did not complete within the allotted timeout")
        .about("", "", "")
}

fn panicked() -> Response<Body> {
    tracing::error!("a request's handler panicked");
    let error = Error::new(
        Reason::InternalError,
        "This request caused apiserver to panic. Look in the logs for details.",
    );
    in_json(&error).into_response()
}

impl<B> tower_service::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        #[cfg(feature = "http")]
        if request.headers().contains_key(http::header::UPGRADE) {
            return service.upgrading(request).map(Ok).boxed();
        }
        service.answer(request).map(Ok).boxed()
    }
}
