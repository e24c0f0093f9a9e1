//! The port of a kubelet: logs, commands, ports and pages of one node, for the API servers of its cluster.
//!
//! The counterpart of [`connect`](super::connect): paths, parameters and protocols are those of upstream's kubelet at port
//! 10250, and what is said on a connection is said by the same code on both sides.

mod access;
mod asked;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use k8s_openapi::api::core::v1::Pod;
use steersman_core::error::Reason;
use steersman_core::{Client, Env, Error, Kubelet, Result};

use super::Body;
use super::answer::Answer;
use super::connect::{Act, Location, Place, Wanted, agree_on_ports, agree_on_streams, log_options};
use super::query::Query;
use crate::authenticate::ClientCertificates;
use asked::{Asked, Whom};

/// What answers at the port of a node's kubelet; a [`Service`](super::Service) and a listener bring it there.
pub struct KubeletPort {
    env: Env,
    client: Client,
    node: String,
    kubelet: Arc<dyn Kubelet>,
    authorities: ClientCertificates,
}

impl KubeletPort {
    /// Answers for the `kubelet` of a node. Clients show a certificate that `authorities` vouch for, or a token that the
    /// API server behind `client` knows, and may do what that server lets them do with the node: upstream's
    /// `authentication.webhook` and `authorization.mode: Webhook`.
    pub fn new(
        env: &Env,
        client: &Client,
        node: &str,
        kubelet: impl Kubelet,
        authorities: ClientCertificates,
    ) -> Self {
        KubeletPort {
            env: env.clone(),
            client: client.clone(),
            node: node.to_owned(),
            kubelet: Arc::new(kubelet),
            authorities,
        }
    }

    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    /// Answers a request; what is wrong is told as text.
    pub(super) async fn call(&self, request: Request<Bytes>) -> Response<Body> {
        let (parts, _) = request.into_parts();
        let answer = match self.answer(&parts).await {
            Ok(answer) => answer,
            Err(error) => Answer::text(error.code(), format!("{}\n", error.message())),
        };
        answer.into_response()
    }

    async fn answer(&self, parts: &Parts) -> Result<Answer> {
        access::check(self, parts).await?;
        let query = Query::parse(parts.uri.query());
        match Asked::of(parts.uri.path()) {
            Asked::Log(whom) => self.log(&whom, &query).await,
            Asked::Exec(whom) => {
                let command = query.all("command").map(str::to_owned).collect();
                self.streams(&whom, &query, Act::Exec(command), parts).await
            }
            Asked::Attach(whom) => self.streams(&whom, &query, Act::Attach, parts).await,
            Asked::Ports(whom) => {
                agree_on_ports(&self.env, &parts.headers, query.all("port"), self.place(&whom).await?)
            }
            Asked::Page(path) => self.page(path, &parts.method).await,
        }
    }

    async fn log(&self, whom: &Whom<'_>, query: &Query) -> Result<Answer> {
        let options = log_options(query, whom.pod, self.env.now())?;
        let pod = self.pod(whom).await?;
        Ok(Answer::stream("text/plain", self.kubelet.logs(&pod, whom.container, &options).await?))
    }

    async fn streams(&self, whom: &Whom<'_>, query: &Query, act: Act, parts: &Parts) -> Result<Answer> {
        let tty = query.flag("tty");
        let wanted = Wanted {
            act,
            stdin: query.flag("input"),
            stdout: query.flag("output"),
            // A terminal has one output only.
            stderr: query.flag("error") && !tty,
            tty,
        };
        agree_on_streams(&self.env, &parts.headers, wanted, self.place(whom).await?)
    }

    async fn page(&self, path: &str, method: &Method) -> Result<Answer> {
        if method != Method::GET {
            return Err(Error::new(Reason::MethodNotAllowed, "405: Method Not Allowed"));
        }
        match self.kubelet.page(path).await? {
            Some(page) => Answer::document(&page.media_type, page.content),
            None => Ok(Answer::no_page()),
        }
    }

    async fn place(&self, whom: &Whom<'_>) -> Result<Place> {
        let (pod, container) = (self.pod(whom).await?, whom.container.to_owned());
        Ok(Place { pod, container, location: Location::here(self.kubelet.clone()) })
    }

    /// The pod that is meant, if it is one of this node.
    async fn pod(&self, whom: &Whom<'_>) -> Result<Arc<Pod>> {
        let gone = || Error::new(Reason::NotFound, "pod does not exist");
        let pod = self.client.namespaced::<Pod>(whom.namespace).get(whom.pod).await;
        let pod = pod.map_err(|error| if error.is_not_found() { gone() } else { error })?;
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let is_it = whom.uid.is_none_or(|uid| pod.metadata.uid.as_deref() == Some(uid));
        if node == Some(&self.node) && is_it { Ok(pod) } else { Err(gone()) }
    }
}

impl fmt::Debug for KubeletPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeletPort").field("node", &self.node).finish_non_exhaustive()
    }
}
