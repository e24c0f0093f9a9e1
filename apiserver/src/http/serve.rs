//! The way in for requests of somebody yet unknown: who are you, then what do you want.

use bytes::Bytes;
use steersman_core::Error;
use steersman_core::error::Reason;

use super::{Body, answer};
use crate::server::Server;

impl Server {
    /// Finds out who makes the request, and answers it. Never fails: what is wrong is in the answer.
    ///
    /// This is what a listener calls. It puts the [`PeerCertificates`](crate::authenticate::PeerCertificates) of a TLS
    /// client into the request's extensions; everything else is in the headers.
    pub async fn serve(&self, request: http::Request<Bytes>) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let core = self.core();
        match core.authentication.of_request(&parts, core.env.now(), &**core).await {
            Ok(user) => self.call(user, http::Request::from_parts(parts, body)).await,
            Err(why) => {
                tracing::debug!(%why, "not authenticated");
                answer::of_error(&unauthorized()).into_response()
            }
        }
    }
}

/// 401, which tells nothing to those who guess.
fn unauthorized() -> Error {
    Error::new(Reason::Unauthorized, "Unauthorized")
}
