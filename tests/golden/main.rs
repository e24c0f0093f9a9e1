//! Replays requests to a real kube-apiserver: `tests/golden/api`, or the directory in `GOLDEN_DIR`.
//!
//! `GOLDEN_ONLY=prefix` narrows to cases whose name, or area, starts so. Prints passed/total per area and the first
//! difference of each failing case; fails below the counts that are recorded here and in `docs/support.md`.

mod corpus;
mod reduce;
mod replay;
mod tally;
mod unify;

use tally::Tally;

/// The cases of each area that must pass.
const RECORDED: &[(&str, usize)] = &[
    ("01-defaulting", 196),
    ("02-validation", 796),
    ("03-updates", 281),
    ("04-patches", 157),
    ("05-reads", 194),
    ("06-watches", 49),
    ("07-deletion", 73),
    ("08-crds", 81),
    ("09-access", 76),
    ("10-admission", 18),
    ("11-discovery", 96),
    ("12-subresources", 45),
];

#[test]
fn the_server_answers_as_upstreams_did() {
    let mut tally = Tally::default();
    for (area, case) in corpus::cases(&corpus::directory()) {
        tally.count(&area, &case.name, || replay::replay(&case));
    }
    tally.conclude(RECORDED);
}
