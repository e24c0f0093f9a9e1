//! Asks another server with what a kubeconfig says: whom to trust, and what to show of oneself.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use steersman::apiserver::Fetch;
use steersman::core::{Error, Result};

use crate::Failure;

/// How long an answer may take; upstream's `DefaultRequestTimeout` of webhooks.
const LIMIT: Duration = Duration::from_secs(30);

/// Longer answers are refused, in bytes.
const LONGEST: usize = 3 * 1024 * 1024;

/// Asks the server of a kubeconfig.
pub(crate) struct KubeFetch(Client);

impl KubeFetch {
    pub(crate) fn new(mut config: kube::Config) -> Result<Self, Failure> {
        // Requests bring their own path.
        let mut parts = config.cluster_url.into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        config.cluster_url = Uri::from_parts(parts)?;
        (config.connect_timeout, config.read_timeout) = (Some(LIMIT), Some(LIMIT));
        Ok(KubeFetch(Client::try_from(config)?))
    }
}

#[async_trait]
impl Fetch for KubeFetch {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let answer = self.0.send(request.map(Body::from)).await.map_err(Error::internal)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(Error::internal)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
