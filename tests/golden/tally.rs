//! Counts, area by area, which recorded cases still pass, and holds them to the counts that were reached before.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much of a difference is printed.
const MAX_SHOWN: usize = 4_000;

/// What came of the cases so far.
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
    /// Counts one case; `replay` gives the first difference, if there is one. A panic is a difference.
    pub(crate) fn count(&mut self, area: &str, name: &str, replay: impl FnOnce() -> Result<(), String>) {
        let count = self.areas.entry(area.to_owned()).or_default();
        count.total += 1;
        match catch_unwind(AssertUnwindSafe(replay)) {
            Ok(Ok(())) => count.passed += 1,
            Ok(Err(difference)) => self.report(area, name, &difference),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                self.report(area, name, &format!("panicked: {}", text.unwrap_or_default()));
            }
        }
    }

    fn report(&mut self, area: &str, name: &str, difference: &str) {
        let shown: String = difference.chars().take(MAX_SHOWN).collect();
        let _ = writeln!(self.report, "{area} / {name}\n    {shown}");
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
