//! The Kubernetes controllers as pure functions, and the [runner] that drives them.
//!
//! | controller | what it keeps true |
//! |---|---|
//! | [`clusterroleaggregation`] | ClusterRoles that are made of others have the rules of those |
//! | [`deployment`] | Deployments roll from one ReplicaSet to the next |
//! | [`disruption`] | every PodDisruptionBudget says how many of its pods may be disrupted now |
//! | [`endpoints`] | every service with a selector has its addresses in Endpoints |
//! | [`endpointslice`] | every service with a selector has its addresses in EndpointSlices |
//! | [`endpointslicemirroring`] | Endpoints written by hand are mirrored into EndpointSlices |
//! | [`garbagecollector`] | objects whose owners are gone are deleted |
//! | [`namespace`] | a namespace that is being deleted is emptied, then goes |
//! | [`nodeipam`] | every node has a range of pod addresses of its own |
//! | [`nodelifecycle`] | nodes that fall silent are tainted, and their pods not ready |
//! | [`podgc`] | pods that nobody else will remove are removed |
//! | [`pvcprotection`] | claims stay while pods use them |
//! | [`pvprotection`] | volumes stay while claims are bound to them |
//! | [`replicaset`] | there are as many pods of a template as asked for |
//! | [`replication`] | the same for those that still use ReplicationControllers |
//! | [`resourcequota`] | every ResourceQuota says how much its namespace uses |
//! | [`rootca`] | every namespace knows the cluster's certificate authority |
//! | [`serviceaccount`] | every namespace has a service account `default` |
//! | [`tainteviction`] | pods leave nodes whose taints they do not tolerate |
//! | [`tokens`] | Secrets for service account tokens hold one, while the account exists |
//! | [`ttl`] | kubelets know how long they may cache ConfigMaps and Secrets |
//!
//! [`Defaults`] adds them all to a set of [`Controllers`]; each can be added, and asked, alone:
//!
//! ```
//! use steersman_controllers::replicaset::ReplicaSets;
//! use steersman_controllers::runner::{Action, Operation};
//! use steersman_controllers::{Controller, View};
//! use steersman_core::k8s_openapi::api::apps::v1::ReplicaSet;
//! use steersman_core::k8s_openapi::api::core::v1::Pod;
//!
//! let set: ReplicaSet = steersman_core::tree::from_value(steersman_core::tree::json!({
//!     "metadata": {"name": "web", "namespace": "default", "uid": "1"},
//!     "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
//!         "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]},
//!     }},
//! }))?;
//! let view = View::fixed("2026-01-01T00:00:00Z".parse()?).with(&[set.clone()]).with::<Pod>(&[]);
//! let outcome = ReplicaSets.reconcile(&view, &set);
//! let created = |action: &&Action| matches!(action.operation, Operation::Create(..));
//! assert_eq!(outcome.actions().iter().filter(created).count(), 2, "two pods");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod claim;
pub mod clusterroleaggregation;
mod defaults;
pub mod deployment;
pub mod disruption;
pub mod endpoints;
pub mod endpointslice;
pub mod endpointslicemirroring;
mod finalizer;
pub mod garbagecollector;
mod monitors;
pub mod namespace;
pub mod nodeipam;
pub mod nodelifecycle;
mod pod_disruption;
pub mod podgc;
mod pods;
pub mod pvcprotection;
pub mod pvprotection;
pub mod replicaset;
pub mod replication;
pub mod resourcequota;
mod rhythm;
pub mod rootca;
pub mod runner;
mod service_pods;
pub mod serviceaccount;
mod specs;
pub mod tainteviction;
mod template;
pub mod tokens;
mod trigger_time;
pub mod ttl;

pub use defaults::Defaults;
pub use runner::{Actor, Controller, Controllers, Failure, Key, Outcome, Sources, Sweep, View};
