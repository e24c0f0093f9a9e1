//! The API server as HTTP sees it: a request of the `http` crate in, a response out. No sockets here.
//!
//! A thin translation: the path says the target, method and query the verb and its options, the body is decoded by its
//! content type; everything else is the pipeline's.

mod accept;
mod answer;
mod body;
mod connect;
mod documents;
mod events;
#[cfg(feature = "tower")]
mod frames;
#[cfg(feature = "tower")]
mod gzip;
mod indent;
#[cfg(feature = "tower")]
mod inflight;
mod info;
mod issuer;
mod kind;
#[cfg(feature = "tls")]
mod kubelet_port;
mod list;
#[cfg(feature = "tower")]
mod manner;
mod options;
mod path;
mod query;
mod serve;
#[cfg(feature = "tower")]
mod service;
mod show;
mod unrecognized;
#[cfg(feature = "http")]
mod upgrade;
mod verbs;
mod warnings;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::pipeline::{Caller, Warnings};
use crate::server::Server;
use crate::user::User;
use accept::Form;
use info::Info;

pub(crate) use answer::Answer;
#[cfg(feature = "tower")]
pub use inflight::Limits;
#[cfg(feature = "tls")]
pub use kubelet_port::KubeletPort;
pub(crate) use query::Query;
#[cfg(feature = "tower")]
pub use service::Service;
#[cfg(feature = "http")]
pub use upgrade::Upgrade;

/// The largest body that is read; upstream's limit, in bytes.
const BODY: usize = 3 * 1024 * 1024;

/// The body of an answer.
#[non_exhaustive]
pub enum Body {
    /// All of it.
    Full(Bytes),
    /// A piece at a time: the events of a watch until it ends, or a list that is too long to be in memory as a whole.
    Chunks(BoxStream<'static, Bytes>),
    /// None, and the connection speaks another protocol from now on: see [`Service`].
    #[cfg(feature = "http")]
    Upgrade(Upgrade),
}

/// A text without its percent signs, or as it is if they cannot be read.
pub(crate) fn unescape(text: &str) -> String {
    path::decode(text).map_or_else(|| text.to_owned(), Cow::into_owned)
}

impl Server {
    /// Answers a request of `user`. Never fails: what is wrong is in the answer.
    pub async fn call(&self, user: User, request: http::Request<Bytes>) -> http::Response<Body> {
        let info = Info::of(request.method(), request.uri());
        self.call_about(info, user, request).await
    }

    /// The same for a request whose first line was read.
    async fn call_about(
        &self,
        info: Info,
        user: User,
        request: http::Request<Bytes>,
    ) -> http::Response<Body> {
        let agent = request.headers().get(http::header::USER_AGENT);
        let user_agent = agent.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let caller = Caller { user, user_agent, warnings: Some(Warnings::default()) };
        let core = self.core();
        let (started, counted) = (core.env.elapsed(), verbs::counted(core, request.method(), &info));
        let wants_body = request.method() != http::Method::HEAD;
        let (parts, body) = request.into_parts();
        let form = Form::of_error(&parts.headers, &info.query);
        let answer = match verbs::answer(core, &caller, verbs::Sent { info, form, parts, body }).await {
            Ok(answer) => answer,
            Err(error) => answer::of_error(core, form, &error),
        };
        let mut response = answer.into_response();
        if wants_body {
            response = response.map(|body| core.metrics.follow(&counted, body));
        } else {
            *response.body_mut() = Body::Full(Bytes::new());
        }
        core.metrics.answered(counted, response.status().as_u16(), core.env.elapsed() - started);
        response
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Full(bytes) => f.debug_tuple("Full").field(&bytes.len()).finish(),
            Body::Chunks(_) => f.write_str("Chunks"),
            #[cfg(feature = "http")]
            Body::Upgrade(_) => f.write_str("Upgrade"),
        }
    }
}
