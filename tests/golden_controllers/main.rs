//! Replays what real Kubernetes controllers did: `tests/golden/controllers`, or the directory in `GOLDEN_DIR`.
//!
//! `GOLDEN_ONLY=prefix` narrows to scenarios whose name starts so. Prints passed/total per area and the first
//! difference of each failing scenario; fails below the counts that are recorded here and in `docs/support.md`.

mod corpus;
mod flags;
mod hashes;
mod kubelet;
mod nodes;
mod normal;
mod play;
mod slow;
mod snapshot;
#[path = "../golden/tally.rs"]
mod tally;
mod witness;
mod world;

use corpus::{Scenario, Step};
use snapshot::Snapshots;
use tally::Tally;

/// The scenarios of each area that must pass.
const RECORDED: &[(&str, usize)] = &[
    ("clusterrole-aggregation", 5),
    ("deployment", 47),
    ("disruption", 22),
    ("endpoints", 48),
    ("garbagecollector", 25),
    ("namespace", 8),
    ("nodeipam", 2),
    ("nodelifecycle", 15),
    ("podgc", 4),
    ("replicaset", 22),
    ("replicationcontroller", 12),
    ("resourcequota", 10),
    ("serviceaccount", 9),
];

#[test]
fn controllers_do_what_upstreams_did() {
    let scenarios = corpus::scenarios(&corpus::directory());
    let tally = Tally::of(&scenarios, |one| (&one.area, &one.name), |one| world::run(one, play));
    tally.conclude(RECORDED);
}

async fn play(scenario: &Scenario, player: &play::Player) -> Result<(), String> {
    let mut snapshots = Snapshots::default();
    for (number, step) in scenario.steps.iter().enumerate() {
        let difference = match step {
            Step::Do(action) => player.act(action, &snapshots).await,
            Step::Settle(quiet) => {
                player.settle(std::time::Duration::from_secs_f64(*quiet)).await;
                None
            }
            Step::Wait(condition) => player.wait(condition).await,
            Step::Expect(expect) => {
                snapshots.compare(&player.client, scenario, expect, &player.witness).await
            }
        };
        if let Some(difference) = difference {
            return Err(format!("step {number}: {difference}"));
        }
    }
    Ok(())
}
