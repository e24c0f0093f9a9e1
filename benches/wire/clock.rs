//! Takes the time: by the clock, and what processes spend on CPUs.

use std::fs;
use std::time::{Duration, Instant};

/// What something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) clock: Duration,
    /// The CPU time of the server; `None` if nobody said which processes it is.
    pub(crate) server: Option<Duration>,
    /// The CPU time of this process.
    pub(crate) client: Duration,
}

/// A moment, and what had been spent by then.
pub(crate) struct Start {
    at: Instant,
    server: Duration,
    client: Duration,
}

impl Start {
    pub(crate) fn now(server: &[u32]) -> Self {
        Start { at: Instant::now(), server: spent(server), client: own() }
    }

    /// What was spent since, by the same processes.
    pub(crate) fn took(&self, server: &[u32]) -> Took {
        let clock = self.at.elapsed();
        let known = spent(server).checked_sub(self.server).filter(|spent| !spent.is_zero());
        Took { clock, server: known, client: own().saturating_sub(self.client) }
    }
}

impl Took {
    /// What two cores that do nothing else would need.
    pub(crate) fn alone(&self) -> Duration {
        self.server.map_or(self.clock, |server| (server + self.client) / 2)
    }
}

/// What this process has spent on a CPU.
fn own() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// What the threads of processes have spent on CPUs, as Linux tells; zero elsewhere.
pub(crate) fn spent(processes: &[u32]) -> Duration {
    let threads = processes.iter().filter_map(|process| fs::read_dir(format!("/proc/{process}/task")).ok());
    let spent = threads.flatten().flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// The kilobytes that a process holds, by the name that Linux has for the count.
pub(crate) fn held(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}
