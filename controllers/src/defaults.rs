//! The built-in controllers together, with upstream's flags as settings.

use steersman_core::Client;

use crate::clusterroleaggregation::ClusterRoleAggregation;
use crate::deployment::Deployments;
use crate::disruption::{Disruption, StalePodDisruptions};
use crate::endpoints::ServiceEndpoints;
use crate::endpointslice::EndpointSlices;
use crate::endpointslicemirroring::EndpointSliceMirroring;
use crate::garbagecollector::{self, GarbageCollectorOptions};
use crate::namespace::Namespaces;
use crate::nodeipam::NodeIpam;
use crate::nodelifecycle::{self, NodeLifecycleOptions, NodeTaints};
use crate::podgc::{self, PodGcOptions};
use crate::pvcprotection::PvcProtection;
use crate::pvprotection::PvProtection;
use crate::replicaset::ReplicaSets;
use crate::replication::ReplicationControllers;
use crate::resourcequota;
use crate::rootca::RootCa;
use crate::runner::Controllers;
use crate::serviceaccount::ServiceAccounts;
use crate::tainteviction;
use crate::tokens::{ServiceAccountTokens, Signer};
use crate::ttl::Ttl;

/// What kube-controller-manager runs, as far as it exists here (`docs/support.md`).
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    garbage_collector: GarbageCollectorOptions,
    node_lifecycle: NodeLifecycleOptions,
    pod_gc: PodGcOptions,
    root_ca: String,
    node_cidrs: Option<NodeIpam>,
    token_signer: Option<Signer>,
}

impl Defaults {
    /// How objects without owners are collected.
    #[must_use]
    pub fn garbage_collector(mut self, options: GarbageCollectorOptions) -> Self {
        self.garbage_collector = options;
        self
    }

    /// When nodes count as lost.
    #[must_use]
    pub fn node_lifecycle(mut self, options: NodeLifecycleOptions) -> Self {
        self.node_lifecycle = options;
        self
    }

    /// When pods are collected.
    #[must_use]
    pub fn pod_gc(mut self, options: PodGcOptions) -> Self {
        self.pod_gc = options;
        self
    }

    /// The certificate (PEM) published to every namespace; upstream's `--root-ca-file`.
    #[must_use]
    pub fn root_ca(mut self, certificate: impl Into<String>) -> Self {
        self.root_ca = certificate.into();
        self
    }

    /// The same for whoever has published none so far.
    #[must_use]
    pub fn default_root_ca(mut self, certificate: &str) -> Self {
        if self.root_ca.is_empty() {
            certificate.clone_into(&mut self.root_ca);
        }
        self
    }

    /// Gives every node a range of pod addresses; upstream's `--allocate-node-cidrs`.
    #[must_use]
    pub fn node_cidrs(mut self, ranges: NodeIpam) -> Self {
        self.node_cidrs = Some(ranges);
        self
    }

    /// Fills Secrets for service account tokens; upstream's `--service-account-private-key-file`.
    #[must_use]
    pub fn token_signer(mut self, signer: Signer) -> Self {
        self.token_signer = Some(signer);
        self
    }

    /// Adds them all.
    pub fn add_to(self, controllers: Controllers, client: &Client) -> Controllers {
        let Defaults { garbage_collector, node_lifecycle, pod_gc, root_ca, node_cidrs, token_signer } = self;
        let tokens = token_signer.map(|signer| ServiceAccountTokens::new(client, root_ca.as_str(), signer));
        let all = controllers
            .add(Deployments::default())
            .add(ReplicaSets)
            .add(ReplicationControllers)
            .add(ServiceEndpoints::default())
            .add(EndpointSlices::default())
            .add(EndpointSliceMirroring)
            .actor(Disruption::new(client))
            .add(StalePodDisruptions)
            .actor(Namespaces::new(client))
            .add(RootCa::new(root_ca))
            .add(ServiceAccounts)
            .add(NodeTaints)
            .add(Ttl)
            .add(ClusterRoleAggregation)
            .actor(PvcProtection::new(client))
            .add(PvProtection)
            .task("garbagecollector", move |context| garbagecollector::run(context, garbage_collector))
            .task("nodelifecycle", move |context| nodelifecycle::run(context, node_lifecycle))
            .task("tainteviction", tainteviction::run)
            .task("podgc", move |context| podgc::run(context, pod_gc))
            .task("resourcequota", resourcequota::run);
        let all = match node_cidrs {
            Some(ipam) => all.sweep(ipam),
            None => all,
        };
        match tokens {
            Some(tokens) => all.actor(tokens),
            None => all,
        }
    }
}
