//! What a fake container does.

use std::time::Duration;

use jiff::SignedDuration;
use steersman_core::runtime::{ContainerConfig, LogStream, PodSandboxConfig};

/// The annotation of a pod that says what its containers do; see [`Script::parse`].
pub const SCRIPT: &str = "fake.steersman.dev/script";

/// What one run of a fake container does. The default starts at once, serves at once, runs for ever, and ends at once
/// when it is asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// How long it takes to start.
    pub start: Duration,
    /// Why it cannot be started.
    pub start_error: Option<String>,
    /// How long it runs by itself; for ever if not given.
    pub run: Option<Duration>,
    /// The exit code when it ends by itself.
    pub exit_code: i32,
    /// How long after its start readiness and startup probes succeed.
    pub ready_after: Duration,
    /// How long after its start liveness probes fail; never if not given.
    pub dead_after: Option<Duration>,
    /// How long it takes to end once it is asked to; longer than its grace, and it is killed.
    pub stop: Duration,
    /// The exit code when it ends because it is asked to.
    pub stop_code: i32,
    /// The termination message it leaves.
    pub message: String,
    /// What it prints.
    pub prints: Vec<Printed>,
}

/// A line that a fake container prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// How long after its start.
    pub after: Duration,
    /// Where to.
    pub to: LogStream,
    /// The line, without its end.
    pub line: String,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            start: Duration::ZERO,
            start_error: None,
            run: None,
            exit_code: 0,
            ready_after: Duration::ZERO,
            dead_after: None,
            stop: Duration::ZERO,
            stop_code: 143,
            message: String::new(),
            prints: Vec::new(),
        }
    }
}

impl Printed {
    /// A line on standard output, at once.
    pub fn line(line: impl Into<String>) -> Self {
        Printed { after: Duration::ZERO, to: LogStream::Stdout, line: line.into() }
    }

    /// The same so long after the start.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Printed { after, ..self }
    }
}

impl Script {
    /// Reads a script such as `start=2s,run=1m,exit=1,ready=5s,dead=1h,stop=10s,crashes=3,print=hello`. With `crashes`,
    /// only so many runs end by themselves, and later ones run for ever; `attempt` counts the runs before. `print` may
    /// stand more than once. Fails with a sentence on what is not understood.
    pub fn parse(text: &str, attempt: u32) -> Result<Self, String> {
        let mut script = Script::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "start" => script.start = duration(value)?,
                "run" => script.run = Some(duration(value)?),
                "exit" => script.exit_code = number(value)?,
                "ready" => script.ready_after = duration(value)?,
                "dead" => script.dead_after = Some(duration(value)?),
                "stop" => script.stop = duration(value)?,
                "stopcode" => script.stop_code = number(value)?,
                "print" => script.prints.push(Printed::line(value)),
                "error" => script.start_error = Some(value.to_owned()),
                "crashes" if attempt >= number::<u32>(value)? => script.run = None,
                "crashes" => {}
                _ => return Err(format!("{name:?} is no part of a fake container's script")),
            }
        }
        Ok(script)
    }

    /// What the pod's annotation says, or else the default.
    pub(super) fn of(sandbox: &PodSandboxConfig, container: &ContainerConfig) -> Self {
        let Some(text) = sandbox.annotations.get(SCRIPT) else { return Script::default() };
        let read = Script::parse(text, container.attempt);
        read.unwrap_or_else(|error| Script { start_error: Some(error), ..Script::default() })
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    let parsed = parsed.ok().and_then(|parsed| Duration::try_from(parsed).ok());
    parsed.ok_or_else(|| format!("{text:?} is no duration"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_and_what_is_not_understood_is_refused() {
        let script = Script::parse("start=2s, run=1m,exit=3,ready=500ms,crashes=2", 1).unwrap();
        assert_eq!(script.start, Duration::from_secs(2));
        assert_eq!((script.run, script.exit_code), (Some(Duration::from_secs(60)), 3));
        assert_eq!(script.ready_after, Duration::from_millis(500));
        assert_eq!(Script::parse("run=1m,crashes=2", 2).unwrap().run, None);
        assert_eq!(
            Script::parse("jump=1", 0).unwrap_err(),
            "\"jump\" is no part of a fake container's script"
        );
        assert_eq!(Script::parse("run=x", 0).unwrap_err(), "\"x\" is no duration");
    }
}
