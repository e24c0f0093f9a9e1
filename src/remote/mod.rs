//! [`Api`] over the `kube` crate: any part of ours against any API server, here or far away.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, Request};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};
use kube::client::Body;
use steersman_core::api::{
    Api, Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchOptions, WatchStream,
    WriteOptions,
};
use steersman_core::resource::ApiResource;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result};

mod discovery;
mod request;
mod watch;

use request::{Query, patch_type, path};

/// An API server that a [`kube::Client`] reaches. Cloning shares.
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use steersman::core::{Client, Env};
/// use steersman::scheduler::{Profile, Profiles, Scheduler};
///
/// let client = Client::new(Arc::new(steersman::Remote::new(kube::Client::try_default().await?)));
/// let profiles = Profiles::new(vec![Profile::default()])?;
/// Scheduler::new(&Env::tokio(), &client, profiles).run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Remote(kube::Client);

impl Remote {
    /// What the client reaches, as the user that it is.
    pub fn new(client: kube::Client) -> Self {
        Remote(client)
    }

    /// Asks; the body of the answer, or the refusal in the server's words.
    async fn ask(&self, method: Method, uri: String, body: Option<&Value>, kind: &str) -> Result<Vec<u8>> {
        let text = body.map(serde_json::to_vec).transpose().map_err(Error::internal)?.unwrap_or_default();
        let request = Request::builder().method(method).uri(uri).header("accept", "application/json");
        let request = request.header("content-type", kind).body(Body::from(text)).map_err(Error::internal)?;
        let answer = self.0.send(request).await.map_err(unreachable)?;
        let code = answer.status();
        let body = answer.into_body().collect_bytes().await.map_err(unreachable)?;
        if code.is_success() { Ok(body.to_vec()) } else { Err(refusal(code.as_u16(), &body)) }
    }

    async fn write(&self, method: Method, target: &Target, body: &Value, query: Query) -> Result<Object> {
        let answer = self.ask(method, query.on(&path(target)), Some(body), JSON).await?;
        Object::from_json(answer)
    }
}

const JSON: &str = "application/json";

#[async_trait]
impl Api for Remote {
    async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object> {
        let query = Query::default().text("resourceVersion", &options.resource_version);
        Object::from_json(self.ask(Method::GET, query.on(&path(target)), None, JSON).await?)
    }

    async fn list(&self, target: &Target, options: &ListOptions) -> Result<ObjectList> {
        let uri = Query::of_list(options).on(&path(target));
        objects(&self.ask(Method::GET, uri, None, JSON).await?)
    }

    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        let uri = Query::of_watch(options).on(&path(target));
        let request = Request::get(uri).body(Vec::new()).map_err(Error::internal)?;
        match self.0.request_stream(request).await {
            Ok(lines) => Ok(watch::events(lines)),
            Err(kube::Error::Api(status)) => {
                let status = serde_json::to_vec(&*status).map_err(Error::internal)?;
                Err(refusal(500, &status))
            }
            Err(why) => Err(unreachable(why)),
        }
    }

    async fn create(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.write(Method::POST, target, &body, Query::of_write(options)).await
    }

    async fn update(&self, target: &Target, body: Value, options: &WriteOptions) -> Result<Object> {
        self.write(Method::PUT, target, &body, Query::of_write(options)).await
    }

    async fn patch(&self, target: &Target, patch: Patch, options: &WriteOptions) -> Result<Object> {
        let (kind, change) = patch_type(&patch)?;
        let uri = Query::of_write(options).on(&path(target));
        Object::from_json(self.ask(Method::PATCH, uri, Some(change), kind).await?)
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion> {
        let options = json!(options);
        let answer = self.ask(Method::DELETE, path(target), Some(&options), JSON).await?;
        match serde_json::from_slice::<Status>(&answer) {
            Ok(status) => Ok(Deletion::Done(Box::new(status))),
            Err(_) => Object::from_json(answer).map(Deletion::Pending),
        }
    }

    async fn delete_collection(
        &self,
        target: &Target,
        options: &DeleteOptions,
        list: &ListOptions,
    ) -> Result<ObjectList> {
        let (uri, options) = (Query::of_list(list).on(&path(target)), json!(options));
        objects(&self.ask(Method::DELETE, uri, Some(&options), JSON).await?)
    }

    async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        discovery::discover(&self.0).await
    }
}

/// Reads a list, whose items leave out what all of them have in common.
fn objects(answer: &[u8]) -> Result<ObjectList> {
    let mut list: Value = serde_json::from_slice(answer).map_err(Error::internal)?;
    let kind = list["kind"].as_str().unwrap_or_default().trim_end_matches("List").to_owned();
    let api_version = list["apiVersion"].take();
    let mut items = Vec::new();
    for item in list["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
        let mut item = item;
        if let Some(fields) = item.as_object_mut() {
            fields.entry("kind").or_insert_with(|| kind.as_str().into());
            fields.entry("apiVersion").or_insert_with(|| api_version.clone());
        }
        items.push(Object::from_value(&item)?);
    }
    let text = |field: &str| list["metadata"][field].as_str().unwrap_or_default().to_owned();
    Ok(ObjectList {
        items,
        resource_version: text("resourceVersion"),
        continue_token: text("continue"),
        remaining: list["metadata"]["remainingItemCount"].as_i64(),
    })
}

/// The refusal that a body tells of, or at least its code.
fn refusal(code: u16, body: &[u8]) -> Error {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) => Error::from_status(status),
        Err(_) => Error::from_status(Status {
            code: Some(code.into()),
            status: Some("Failure".to_owned()),
            message: Some(String::from_utf8_lossy(body).trim_end().to_owned()),
            ..Status::default()
        }),
    }
}

fn unreachable(why: kube::Error) -> Error {
    Error::internal(format!("the API server was not reached: {why}"))
}
