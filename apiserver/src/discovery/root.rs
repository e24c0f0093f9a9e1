//! Lists every path that is no resource.

use steersman_core::tree::{Value, json};

use super::groups::Groups;
use crate::{health, zpages};

const OTHERS: &[&str] = &[
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/apis/",
    "/metrics",
    "/metrics/slis",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/version",
];

/// What `/` tells.
pub(crate) fn paths(groups: &Groups) -> Value {
    let mut paths: Vec<String> = OTHERS.iter().map(|path| (*path).to_owned()).collect();
    for group in groups.legacy() {
        paths.extend(group.versions.iter().map(|version| format!("/api/{}", version.name)));
    }
    for group in groups.named() {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{}/{}", group.name, version.name)));
    }
    paths.extend(health::paths());
    paths.extend(zpages::PATHS.map(str::to_owned));
    paths.sort();
    json!({"paths": paths})
}
