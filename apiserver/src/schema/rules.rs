//! What the value of a custom resource must fulfil besides its type.

/// The value rules of one schema node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {}
