//! How many of the recorded requests are answered as upstream answered them.

/// The cases of each area that must pass.
pub(crate) const RECORDED: &[(&str, usize)] = &[
    ("01-defaulting", 206),
    ("02-validation", 815),
    ("03-updates", 291),
    ("04-patches", 158),
    ("05-reads", 203),
    ("06-watches", 53),
    ("07-deletion", 73),
    ("08-crds", 84),
    ("09-access", 76),
    ("10-admission", 94),
    ("11-discovery", 107),
    ("12-subresources", 48),
];
