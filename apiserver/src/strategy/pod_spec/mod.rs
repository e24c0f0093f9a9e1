//! What every pod spec obeys, in a pod or in a template: defaults and rules, a file for each part of a spec.

mod affinity;
mod app_armor;
mod containers;
mod defaults;
mod dns;
mod env;
mod handlers;
mod image;
mod items;
mod label_keys;
mod mounts;
mod overlaps;
mod platform;
mod ports;
mod projected;
mod resources;
mod restarts;
mod security;
mod selectors;
mod spread;
mod storage;
mod sysctls;
mod tolerations;
mod validate;
mod volume_defaults;
mod volumes;
mod warnings;
mod windows;

pub(super) use affinity::validate_selector as validate_node_selector;
pub(super) use app_armor::{APP_ARMOR, take_over as take_app_armor_over, warnings as app_armor_warnings};
pub(super) use containers::validate_image;
pub(super) use defaults::{default, drop_init_annotations};
pub(super) use items::{check_relative, check_steps};
pub(super) use platform::each_container;
pub(super) use resources::{
    check_container_name as validate_container_resource, is_extended as is_extended_resource, is_for_pods,
    validate_container as validate_resources, validate_name as validate_resource_name,
};
pub(super) use storage::{check_lun, check_storage_os as validate_storage_os, initiator_fault};
pub(super) use tolerations::{check_all as check_tolerations, validate as validate_tolerations};
pub(super) use validate::{Holder, MIRROR, validate};
pub(super) use volume_defaults::{default_claim, default_sources as default_volume_sources};
pub(super) use volumes::validate_source as validate_volume_source;
pub(super) use warnings::{
    Subject, of_bytes as bytes_warning, of_node_term as node_term_warnings,
    of_volume_source as volume_source_warnings, renamed as renamed_node_label, warnings,
};
