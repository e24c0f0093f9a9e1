//! The kinds that make pods from a template, one file per kind.

mod cron_job;
mod daemon_set;
mod deployment;
mod job;
mod pod_templates;
mod replica_set;
mod replication_controller;
mod rules;
mod schedule;
mod stateful_set;

pub(super) use cron_job::CronJobs;
pub(super) use daemon_set::DaemonSets;
pub(super) use deployment::Deployments;
pub(super) use job::Jobs;
pub(super) use pod_templates::PodTemplates;
pub(super) use replica_set::ReplicaSets;
pub(super) use replication_controller::ReplicationControllers;
pub(super) use stateful_set::StatefulSets;
