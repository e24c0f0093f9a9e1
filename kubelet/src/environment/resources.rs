//! The values of `resourceFieldRef`: what a container may learn of its requests and limits.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceFieldSelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;
use steersman_core::Quantity;

use super::Sources;

/// The request or limit that the selector names, divided by its divisor and rounded up. A limit that is not set is
/// what the node has; a request that is not set is 0.
pub(super) fn value(
    selector: &ResourceFieldSelector,
    container: &Container,
    sources: &Sources<'_>,
) -> Result<String, String> {
    let container = match selector.container_name.as_deref() {
        None | Some("") => container,
        Some(name) => named(name, sources).ok_or_else(|| format!("container {name} not found"))?,
    };
    let path = selector.resource.as_str();
    let unsupported = || format!("unsupported container resource : {path}");
    let (list, resource) = path.split_once('.').ok_or_else(unsupported)?;
    let needs = container.resources.as_ref();
    let limits = needs.and_then(|needs| needs.limits.as_ref());
    let requests = needs.and_then(|needs| needs.requests.as_ref());
    let get = |list: Option<&BTreeMap<String, Wire>>| list.and_then(|list| list.get(resource)).cloned();
    let quantity = match list {
        "limits" => get(limits).or_else(|| get(Some(sources.allocatable))),
        "requests" => get(requests),
        _ => return Err(unsupported()),
    };
    divide(quantity, selector.divisor.as_ref(), resource == "cpu")
}

fn named<'a>(name: &str, sources: &'a Sources<'_>) -> Option<&'a Container> {
    let spec = sources.pod.spec.as_ref()?;
    spec.containers.iter().chain(spec.init_containers.iter().flatten()).find(|there| there.name == name)
}

fn divide(quantity: Option<Wire>, divisor: Option<&Wire>, is_cpu: bool) -> Result<String, String> {
    let parse = |wire: &Wire| Quantity::try_from(wire).map_err(|error| error.to_string());
    let number = |quantity: &Quantity| if is_cpu { quantity.milli_value() } else { quantity.value() };
    let total = quantity.as_ref().map(parse).transpose()?.map_or(0, |quantity| number(&quantity));
    let divisor = divisor.map(parse).transpose()?.filter(|divisor| !divisor.is_zero());
    let divisor = divisor.map_or(if is_cpu { 1000 } else { 1 }, |divisor| number(&divisor)).max(1);
    Ok(total.saturating_add(divisor - 1).div_euclid(divisor).to_string())
}
