//! Counts, area by area, which recorded cases still pass, and holds them to the counts that were reached before.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

/// How much of a difference is printed.
const MAX_SHOWN: usize = 4_000;

/// The first difference, if there is one. A panic is a difference.
type Outcome = Result<(), String>;

/// What came of the cases.
#[derive(Default)]
pub(crate) struct Tally {
    areas: BTreeMap<String, Count>,
    report: String,
}

#[derive(Default)]
struct Count {
    passed: usize,
    total: usize,
}

impl Tally {
    /// Replays the cases, as many at once as there are processors; `names` gives a case's area and name.
    pub(crate) fn of<C: Sync>(
        cases: &[C],
        names: impl Fn(&C) -> (&str, &str),
        replay: impl Fn(&C) -> Outcome + Sync,
    ) -> Self {
        let mut tally = Tally::default();
        for (case, outcome) in cases.iter().zip(outcomes(cases, replay)) {
            let (area, name) = names(case);
            tally.count(area, name, outcome);
        }
        tally
    }

    fn count(&mut self, area: &str, name: &str, outcome: Outcome) {
        let count = self.areas.entry(area.to_owned()).or_default();
        count.total += 1;
        match outcome {
            Ok(()) => count.passed += 1,
            Err(difference) => {
                let shown: String = difference.chars().take(MAX_SHOWN).collect();
                let _ = writeln!(self.report, "{area} / {name}\n    {shown}");
            }
        }
    }

    /// Prints the differences and the counts. Fails where fewer cases pass than are `recorded`, unless they are
    /// somebody else's (`GOLDEN_DIR`) or only some of them (`GOLDEN_ONLY`).
    #[expect(clippy::print_stdout, reason = "the counts are what a replay is run for")]
    pub(crate) fn conclude(&self, recorded: &[(&str, usize)]) {
        println!("{}", self.report);
        for (area, Count { passed, total }) in &self.areas {
            println!("{area:<24} {passed:>4}/{total:<4} {:>4} %", passed * 100 / total);
        }
        if ["GOLDEN_DIR", "GOLDEN_ONLY"].iter().any(|name| std::env::var_os(name).is_some()) {
            return;
        }
        for (area, recorded) in recorded {
            let passed = self.areas.get(*area).map_or(0, |count| count.passed);
            assert!(passed >= *recorded, "{area}: {passed} cases pass, {recorded} are recorded");
        }
    }
}

/// What came of each case, in their order.
fn outcomes<C: Sync>(cases: &[C], replay: impl Fn(&C) -> Outcome + Sync) -> Vec<Outcome> {
    let (rest, outcomes) = (Mutex::new(cases.iter().enumerate()), Mutex::new(BTreeMap::new()));
    let next = || rest.lock().expect("nobody panics with the lock").next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((number, case)) = next() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| replay(case))).unwrap_or_else(panicked);
                    outcomes.lock().expect("nobody panics with the lock").insert(number, outcome);
                }
            });
        }
    });
    outcomes.into_inner().expect("nobody panics with the lock").into_values().collect()
}

fn panicked(panic: Box<dyn Any + Send>) -> Outcome {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Err(format!("panicked: {}", text.unwrap_or_default()))
}
