//! Asks another server with what a kubeconfig says: whom to trust, and what to show of oneself.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
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
    /// What a kubeconfig says of a webhook: its URL, and how to ask there.
    pub(crate) async fn of(file: &Path) -> Result<(String, Self), Failure> {
        let told = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let kubeconfig = Kubeconfig::read_from(file).map_err(|why| told(&why))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let config = config.map_err(|why| told(&why))?;
        let url = config.cluster_url.to_string();
        Ok((url, Self::new(config).map_err(|why| told(&why))?))
    }

    fn new(mut config: Config) -> Result<Self, Failure> {
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
