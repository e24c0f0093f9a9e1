//! Replays what real Kubernetes controllers did: `tests/golden/controllers`, or the directory in `GOLDEN_DIR`.
//!
//! `GOLDEN_ONLY=prefix` narrows to scenarios whose name starts so. Prints passed/total per area and the first
//! difference of each failing scenario; fails below the counts that are recorded here and in `docs/support.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod corpus;
mod hashes;
mod kubelet;
mod nodes;
mod normal;
mod play;
mod snapshot;
mod witness;
mod world;

use corpus::{Scenario, Step};
use snapshot::Snapshots;

/// The scenarios of each area that must pass.
const RECORDED: &[(&str, usize)] = &[
    ("deployment", 46),
    ("disruption", 21),
    ("endpoints", 48),
    ("garbagecollector", 25),
    ("namespace", 7),
    ("nodelifecycle", 15),
    ("podgc", 4),
    ("replicaset", 22),
    ("serviceaccount", 9),
];

/// How many steps' worth of difference a failing scenario prints.
const MAX_SHOWN: usize = 400;

#[derive(Default)]
struct Count {
    passed: usize,
    total: usize,
}

#[test]
fn controllers_do_what_upstreams_did() {
    let (directory, is_foreign) = corpus::directory();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut report = String::new();
    for scenario in corpus::scenarios(&directory) {
        let count = counts.entry(scenario.area.clone()).or_default();
        count.total += 1;
        match replay(&scenario) {
            Ok(()) => count.passed += 1,
            Err(difference) => {
                let shown: String = difference.chars().take(MAX_SHOWN * 10).collect();
                let _ = writeln!(report, "{} / {}\n    {shown}", scenario.area, scenario.name);
            }
        }
    }
    println!("{report}");
    for (area, count) in &counts {
        println!(
            "{area:<24} {:>4}/{:<4} {:>4} %",
            count.passed,
            count.total,
            count.passed * 100 / count.total
        );
    }
    let is_narrowed = std::env::var_os("GOLDEN_ONLY").is_some();
    if !is_foreign && !is_narrowed {
        hold(&counts);
    }
}

fn hold(counts: &BTreeMap<String, Count>) {
    for (area, recorded) in RECORDED {
        let passed = counts.get(*area).map_or(0, |count| count.passed);
        assert!(passed >= *recorded, "{area}: {passed} scenarios pass, {recorded} are recorded");
    }
}

/// The first difference, if there is one.
fn replay(scenario: &Scenario) -> Result<(), String> {
    let played = catch_unwind(AssertUnwindSafe(|| world::run(scenario, play)));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
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
