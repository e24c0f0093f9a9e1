//! The checks: their names, their order, and what each of them asks.

use crate::pipeline::Core;

/// What upstream's server does while it starts, in the order in which it tells of it.
const STARTED: &[&str] = &[
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-wait-for-first-sync",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
];

/// Checks that only the older endpoints have, and those that only `/readyz` has; the rest stands between them.
const LIVE: [&[&str]; 2] = [&["ping", "log", "etcd", "loopback-serving-certificate"], &[]];
const READY: [&[&str]; 2] = [&["ping", "log", "informer-sync"], &["shutdown"]];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Healthz,
    Livez,
    Readyz,
}

impl Endpoint {
    pub(super) const ALL: [Endpoint; 3] = [Endpoint::Healthz, Endpoint::Livez, Endpoint::Readyz];

    /// The endpoint of a path, and the check it names.
    pub(super) fn of_path(path: &str) -> Option<(Self, &str)> {
        let rest = path.strip_prefix('/')?;
        let (name, check) = rest.split_once('/').unwrap_or((rest, ""));
        Some((Self::ALL.into_iter().find(|one| one.name() == name)?, check))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Endpoint::Healthz => "healthz",
            Endpoint::Livez => "livez",
            Endpoint::Readyz => "readyz",
        }
    }

    /// Its checks, in the order in which they are told.
    pub(super) fn checks(self) -> impl Iterator<Item = &'static str> {
        let [first, last] = match self {
            Endpoint::Healthz | Endpoint::Livez => LIVE,
            Endpoint::Readyz => READY,
        };
        first.iter().chain(STARTED).chain(last).copied()
    }
}

/// Whether a check holds. What is not asked for here was done before the server answered its first request.
pub(super) async fn holds(core: &Core, check: &str) -> bool {
    match check {
        "etcd" => core.store.revision().await.is_ok(),
        "shutdown" => !core.is_draining(),
        _ => true,
    }
}

/// Every path of every endpoint.
pub(crate) fn paths() -> impl Iterator<Item = String> {
    Endpoint::ALL.into_iter().flat_map(|endpoint| {
        let name = endpoint.name();
        std::iter::once(format!("/{name}"))
            .chain(endpoint.checks().map(move |check| format!("/{name}/{check}")))
    })
}
