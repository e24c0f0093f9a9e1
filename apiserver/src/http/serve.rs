//! The way in for requests of somebody yet unknown: who are you, then what do you want.

use bytes::Bytes;
use http::request::Parts;
use steersman_core::error::Reason;
use steersman_core::{Error, Result};

use super::accept::Form;
use super::info::Info;
use super::{Body, answer};
use crate::authenticate::impersonate;
use crate::authorize::Access;
use crate::pipeline::Core;
use crate::server::Server;
use crate::user::User;

impl Server {
    /// Finds out who makes the request, and answers it. Never fails: what is wrong is in the answer.
    ///
    /// This is what a listener calls. It puts the [`PeerCertificates`](crate::authenticate::PeerCertificates) of a TLS
    /// client into the request's extensions; everything else is in the headers.
    pub async fn serve(&self, request: http::Request<Bytes>) -> http::Response<Body> {
        let info = Info::of(request.method(), request.uri());
        self.serve_about(info, request).await
    }

    /// The same for a request whose first line was read.
    pub(super) async fn serve_about(
        &self,
        info: Info,
        request: http::Request<Bytes>,
    ) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let core = self.core();
        let form = Form::of_error(&parts.headers, &info.query);
        let user = match core.authentication.of_request(&parts, core.env.now(), &**core).await {
            Ok(user) => user,
            Err(why) => {
                tracing::debug!(%why, "not authenticated");
                return answer::of_error(core, form, &unauthorized()).into_response();
            }
        };
        match acting(core, user, &info, &parts).await {
            Ok(user) => self.call_about(info, user, http::Request::from_parts(parts, body)).await,
            Err(error) => answer::of_error(core, form, &error).into_response(),
        }
    }
}

/// As whom the user acts: as himself, or as whom he impersonates.
async fn acting(core: &Core, user: User, info: &Info, parts: &Parts) -> Result<User> {
    match impersonate::wanted(&parts.headers)? {
        None => Ok(user),
        Some(wanted) => {
            let access = Access { user: &user, verb: &info.verb, asked: info.asked(), cluster: core };
            impersonate::allowed(&core.authorization, &access, wanted).await
        }
    }
}

/// 401, which tells nothing to those who guess.
fn unauthorized() -> Error {
    Error::new(Reason::Unauthorized, "Unauthorized")
}
