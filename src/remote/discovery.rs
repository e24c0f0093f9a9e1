//! Reads what a server serves, as aggregated discovery tells it (Kubernetes 1.30 and later).

use std::sync::Arc;

use http::Request;
use kube::client::Body;
use steersman_core::resource::{ApiResource, GroupVersionResource, Scope};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::{refusal, unreachable};

/// The form in which one answer tells of all groups.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

pub(super) async fn discover(client: &kube::Client) -> Result<Arc<[ApiResource]>> {
    let mut found = Vec::new();
    for root in ["/api", "/apis"] {
        let request = Request::get(root).header("accept", AGGREGATED).body(Body::empty());
        let answer = client.send(request.map_err(Error::internal)?).await.map_err(unreachable)?;
        let code = answer.status();
        let body = answer.into_body().collect_bytes().await.map_err(unreachable)?;
        if !code.is_success() {
            return Err(refusal(code.as_u16(), &body));
        }
        let groups: Value = serde_json::from_slice(&body).map_err(Error::internal)?;
        if groups["kind"] != "APIGroupDiscoveryList" {
            return Err(Error::internal("the API server is too old to tell of all its groups at once"));
        }
        items(&groups, "items").iter().for_each(|group| read(group, &mut found));
    }
    Ok(found.into())
}

fn read(group: &Value, found: &mut Vec<ApiResource>) {
    let name = text(&group["metadata"], "name");
    for version in items(group, "versions") {
        for resource in items(version, "resources") {
            let names = |list: &[Value], of: fn(&Value) -> String| -> Vec<_> {
                list.iter().map(|one| of(one).into()).collect()
            };
            let scope = if resource["scope"] == "Namespaced" { Scope::Namespaced } else { Scope::Cluster };
            let subresources = names(items(resource, "subresources"), |one| text(one, "subresource"));
            let verbs = names(items(resource, "verbs"), |one| one.as_str().unwrap_or_default().to_owned());
            let resource_name = text(resource, "resource");
            found.push(ApiResource {
                resource: GroupVersionResource::new(name.clone(), text(version, "version"), resource_name),
                kind: text(&resource["responseKind"], "kind").into(),
                scope,
                verbs: verbs.into(),
                subresources: subresources.into(),
            });
        }
    }
}

fn items<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], |list| list.as_slice())
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
