//! Owns what runs on upgraded connections, and upgrades connections in this process.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{join, join_all};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use steersman_core::env::Task;
use steersman_core::error::Reason;
use steersman_core::{Env, Error};

use crate::http::answer::in_json;
use crate::http::{BODY, Body};

/// How many sessions one service may have; further ones are refused.
const MOST: usize = 10_000;

/// How much may be under way within this process, each way, in bytes.
const PIPE: usize = 64 * 1024;

/// The sessions of a service. Dropping it ends them.
#[derive(Default)]
pub(in crate::http) struct Sessions(Mutex<Vec<Task<()>>>);

impl Sessions {
    /// If the answer upgrades the connection, sees to what follows; `on` tells when hyper lets go of the connection.
    pub(in crate::http) fn take_over(&self, env: &Env, on: Option<OnUpgrade>, response: &mut Response<Body>) {
        if !matches!(response.body(), Body::Upgrade(_)) {
            return;
        }
        let body = std::mem::replace(response.body_mut(), Body::Full(Bytes::new()));
        let (Body::Upgrade(upgrade), Some(on)) = (body, on) else {
            *response = in_json(&Error::bad_request("Upgrade request required")).into_response();
            return;
        };
        let session = async move {
            match on.await {
                Ok(io) => upgrade.run(TokioIo::new(io)).await,
                Err(why) => tracing::debug!(%why, "a connection was not upgraded"),
            }
        };
        if !self.start(env, session) {
            *response = too_many();
        }
    }

    /// Waits until those that run now have ended; dropping this cuts them off.
    pub(in crate::http) async fn ended(&self) {
        let running = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        join_all(running).await;
    }

    /// `false` if there are too many.
    fn start(&self, env: &Env, session: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain_mut(|task| task.now_or_never().is_none());
        let has_room = running.len() < MOST;
        if has_room {
            running.push(env.spawn("session", session));
        }
        has_room
    }

    /// Puts a request that wants to upgrade its connection through a connection of its own, within this process:
    /// `answer` is the server at the other end.
    pub(in crate::http) async fn within_process<B, F>(
        &self,
        env: &Env,
        request: Request<B>,
        answer: impl Fn(Request<hyper::body::Incoming>) -> F + Send + 'static,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let (near, far) = tokio::io::duplex(PIPE);
        let answer = service_fn(move |request| answer(request).map(Ok::<_, Infallible>));
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), answer)
            .with_upgrades();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(near)).await;
        let (mut sender, connection) = match handshake {
            Ok(connected) => connected,
            Err(why) => return failed(&why),
        };
        let connection = join(serving, connection.with_upgrades()).map(drop);
        if !self.start(env, connection) {
            return too_many();
        }
        match sender.send_request(request).await {
            Ok(response) => whole(response).await,
            Err(why) => failed(&why),
        }
    }
}

/// The same answer, read to its end: what upgrades has no body, and what does not is an error.
async fn whole(response: Response<hyper::body::Incoming>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    if parts.status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Response::from_parts(parts, Body::Full(Bytes::new()));
    }
    let body = Limited::new(body, BODY).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Response::from_parts(parts, Body::Full(body))
}

fn too_many() -> Response<Body> {
    in_json(&Error::too_many_requests("too many sessions", 1)).into_response()
}

fn failed(why: &hyper::Error) -> Response<Body> {
    in_json(&Error::new(Reason::InternalError, why.to_string())).into_response()
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}
