//! What every pod spec obeys, in a pod or in a template: defaults here, rules in the files beside.

mod containers;
mod defaults;
mod image;
mod volume_defaults;

pub(super) use defaults::default;
pub(super) use volume_defaults::default_claim;
