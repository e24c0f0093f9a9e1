//! Replays requests to a real kube-apiserver: `tests/golden/api`, or the directory in `GOLDEN_DIR`.
//!
//! `GOLDEN_ONLY=prefix` narrows to cases whose name, or area, starts so. Prints passed/total per area and the first
//! difference of each failing case; fails below the counts that are recorded here and in `docs/support.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod corpus;
mod reduce;
mod replay;
mod unify;

/// The cases of each area that must pass.
const RECORDED: &[(&str, usize)] = &[
    ("01-defaulting", 162),
    ("02-validation", 503),
    ("03-updates", 196),
    ("04-patches", 143),
    ("05-reads", 70),
    ("06-watches", 18),
    ("07-deletion", 57),
    ("08-crds", 51),
    ("09-access", 65),
    ("10-admission", 18),
    ("11-discovery", 14),
    ("12-subresources", 28),
];

#[derive(Default)]
struct Count {
    passed: usize,
    total: usize,
}

#[test]
fn the_server_answers_as_upstreams_did() {
    let (directory, is_foreign) = corpus::directory();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut report = String::new();
    for (area, case) in corpus::cases(&directory) {
        let count = counts.entry(area.clone()).or_default();
        count.total += 1;
        match outcome(&case) {
            Ok(()) => count.passed += 1,
            Err(difference) => {
                let _ = writeln!(report, "{area} / {}\n    {difference}", case.name);
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
    if !is_foreign && std::env::var_os("GOLDEN_ONLY").is_none() {
        hold(&counts);
    }
}

fn hold(counts: &BTreeMap<String, Count>) {
    for (area, recorded) in RECORDED {
        let passed = counts.get(*area).map_or(0, |count| count.passed);
        assert!(passed >= *recorded, "{area}: {passed} cases pass, {recorded} are recorded");
    }
}

fn outcome(case: &corpus::Case) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| replay::replay(case))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(format!(
            "panicked: {}",
            text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
        ))
    })
}
