//! `proxy` of pods, services and nodes: which of them is meant, and what it answers.

#[cfg(feature = "http")]
pub(super) mod exchange;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{HeaderValue, LOCATION};
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints, Pod, Service};
use steersman_core::error::Reason;
use steersman_core::{Error, Result};

use super::Connect;
use super::kubelet::Location;
use super::pod::Place;
use crate::fault;
#[cfg(feature = "tls")]
use crate::fetch::ClientTls;
use crate::http::answer::Answer;
use crate::pipeline::Core;

/// What stands in the place of a name: `name`, `name:port` or `scheme:name:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named<'a> {
    scheme: &'a str,
    name: &'a str,
    port: &'a str,
}

impl<'a> Named<'a> {
    /// Upstream's `SplitSchemeNamePort`; `None` if it makes no sense.
    fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match *parts.as_slice() {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        let valid = !name.is_empty() && matches!(scheme, "" | "http" | "https");
        valid.then_some(Named { scheme, name, port })
    }
}

/// Answers what the pod, service or node answers.
pub(super) async fn answer(connect: &Connect<'_>, body: Bytes) -> Result<Answer> {
    let resource = connect.target.resource.resource.as_ref();
    let kind = resource.trim_end_matches('s');
    let invalid = || Error::bad_request(format!("invalid {kind} request {:?}", connect.target.name));
    let named = Named::parse(&connect.target.name).ok_or_else(invalid)?;
    if resource == "nodes" {
        return node(connect, named, body).await;
    }
    let (place, port) = match resource {
        "pods" => pod(connect, named).await?,
        _ => service(connect, named).await?,
    };
    let Some(path) = path(connect) else { return redirect(connect) };
    forward(connect, &Backend { place: &place, port, is_tls: named.scheme == "https", path }, body).await
}

/// What is proxied to.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "proxying needs a connection"))]
struct Backend<'a> {
    place: &'a Place,
    port: u16,
    is_tls: bool,
    path: &'a str,
}

#[cfg(feature = "http")]
async fn forward(connect: &Connect<'_>, to: &Backend<'_>, body: Bytes) -> Result<Answer> {
    exchange::forward(connect, to, body).await
}

#[cfg(not(feature = "http"))]
async fn forward(_: &Connect<'_>, _: &Backend<'_>, _body: Bytes) -> Result<Answer> {
    Err(Error::not_implemented("proxying needs a server with the feature `http`"))
}

/// The path behind `proxy`, as it was sent; `None` where there is not even a slash and the client is to add one.
fn path<'c>(connect: &Connect<'c>) -> Option<&'c str> {
    let all = connect.parts.uri.path();
    let steps = if connect.target.namespace.is_empty() { 5 } else { 7 };
    let behind = all.match_indices('/').nth(steps).map(|(at, _)| &all[at..]);
    let reads = matches!(connect.parts.method, Method::GET | Method::HEAD);
    behind.or((!reads).then_some("/"))
}

/// Links of pages work only below a path that ends in a slash; upstream's issue 4958.
fn redirect(connect: &Connect<'_>) -> Result<Answer> {
    let uri = &connect.parts.uri;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = HeaderValue::from_str(&format!("{}/{query}", uri.path())).map_err(Error::internal)?;
    Ok(Answer::bare(301).with(LOCATION, to))
}

/// What a node answers: its kubelet, or whoever listens at the port that is named.
async fn node(
    connect: &Connect<'_>,
    named: Named<'_>,
    #[cfg_attr(not(feature = "tls"), expect(unused, reason = "nodes of this process answer GET alone"))] body: Bytes,
) -> Result<Answer> {
    let location = Location::of(connect.core, named.name).await?;
    let Some(path) = path(connect) else { return redirect(connect) };
    #[cfg(feature = "tls")]
    if let Some(tls) = location.there() {
        return far_node(connect, named, &location, tls, path, body).await;
    }
    if !named.port.is_empty() && named.port != location.port.to_string() {
        return Err(Error::not_implemented("a node of this process has no other port than its kubelet's"));
    }
    let unreachable = |why| unavailable(format!("error trying to reach service: {why}"));
    let kubelet = location.reach().map_err(unreachable)?;
    if connect.parts.method != Method::GET {
        return Err(fault::unknown_method());
    }
    match kubelet.page(path.trim_matches('/')).await? {
        Some(page) => Answer::document(&page.media_type, page.content),
        None => Ok(Answer::no_page()),
    }
}

/// The same for a node of another process. Its kubelet knows this server; nobody else is asked for a certificate.
#[cfg(feature = "tls")]
async fn far_node(
    connect: &Connect<'_>,
    named: Named<'_>,
    location: &Location,
    tls: &ClientTls,
    path: &str,
    body: Bytes,
) -> Result<Answer> {
    let invalid = || Error::bad_request(format!("invalid node request {:?}", connect.target.name));
    let kubelet = u16::try_from(location.port).map_err(Error::internal)?;
    let port = match named.port {
        "" => kubelet,
        text => text.parse().map_err(|_| invalid())?,
    };
    let anyone = (named.scheme == "https").then(|| ClientTls::trusting_anyone(None)).transpose()?;
    let tls = if port == kubelet { Some(tls) } else { anyone.as_ref() };
    exchange::forward_to_node(connect, (location.host(), port), tls, path, body).await
}

/// The pod, and the port of it: the one that is named, its first one, or 80.
async fn pod(connect: &Connect<'_>, named: Named<'_>) -> Result<(Place, u16)> {
    let pod = connect.core.newest_of::<Pod>(&connect.target.namespace, named.name).await?;
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let first = containers.flat_map(|one| one.ports.iter().flatten()).next();
    let port = match named.port {
        "" => first.map_or(Some(80), |port| u16::try_from(port.container_port).ok()),
        text => text.parse().ok(),
    };
    if ip(&pod).is_empty() {
        return Err(Error::bad_request("address not allowed"));
    }
    let unreachable = || unavailable(format!("error trying to reach service: invalid port {:?}", named.port));
    let port = port.ok_or_else(unreachable)?;
    Ok((placed(connect, pod).await?, port))
}

fn ip(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default()
}

async fn placed(connect: &Connect<'_>, pod: Arc<Pod>) -> Result<Place> {
    let place = Place::of_whole(connect, pod).await?;
    place.ok_or_else(|| Error::bad_request("address not allowed"))
}

/// One of the pods behind the service, and its port; upstream's `ServiceREST.ResourceLocation`.
async fn service(connect: &Connect<'_>, named: Named<'_>) -> Result<(Place, u16)> {
    let (core, namespace) = (connect.core, &connect.target.namespace);
    let service = core.newest_of::<Service>(namespace, named.name).await?;
    let port = port_name(&service, named)?;
    let endpoints = core.newest_of::<Endpoints>(namespace, named.name).await?;
    let none = |what: &str| unavailable(format!("no endpoints available for service {what:?}"));
    let subsets = endpoints.subsets.as_deref().unwrap_or_default();
    if subsets.is_empty() {
        return Err(none(named.name));
    }
    for subset in shuffled(core, subsets) {
        let is_it = |one: &&EndpointPort| one.name.as_deref().unwrap_or_default() == port;
        let Some(port) = subset.ports.iter().flatten().find(is_it) else { continue };
        for address in shuffled(core, subset.addresses.as_deref().unwrap_or_default()) {
            let Some(pod) = behind(connect, address).await else { continue };
            let port = u16::try_from(port.port).map_err(Error::internal)?;
            return Ok((placed(connect, pod).await?, port));
        }
    }
    Err(none(&connect.target.name))
}

/// The name of the port that is meant: a number stands for the name of the port that has it.
fn port_name(service: &Service, named: Named<'_>) -> Result<String> {
    let Ok(number) = named.port.parse::<i64>() else { return Ok(named.port.to_owned()) };
    let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let found = ports.find(|port| i64::from(port.port) == number);
    let none = || unavailable(format!("no service port {number} found for service {:?}", named.name));
    found.map(|port| port.name.clone().unwrap_or_default()).ok_or_else(none)
}

/// The same, from a random one on.
fn shuffled<'s, T>(core: &Core, all: &'s [T]) -> impl Iterator<Item = &'s T> {
    let start = usize::try_from(core.env.random_below(all.len() as u64)).unwrap_or(0);
    let (before, from) = all.split_at(start);
    from.iter().chain(before)
}

/// The pod that has the address, if one has: nothing else is proxied to.
async fn behind(connect: &Connect<'_>, address: &EndpointAddress) -> Option<Arc<Pod>> {
    let target = address.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"))?;
    let name = target.name.as_deref()?;
    let pod = connect.core.newest_of::<Pod>(&connect.target.namespace, name).await.ok()?;
    (ip(&pod) == address.ip).then_some(pod)
}

fn unavailable(why: String) -> Error {
    Error::new(Reason::ServiceUnavailable, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_ports_and_schemes() {
        let named = |scheme, name, port| Some(Named { scheme, name, port });
        let cases = [
            ("a", named("", "a", "")),
            ("a:80", named("", "a", "80")),
            ("https:a:80", named("https", "a", "80")),
            (":a:", named("", "a", "")),
            ("a:b:c", None),
            (":80", None),
            ("a:b:c:d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Named::parse(text), expected, "{text}");
        }
    }
}
