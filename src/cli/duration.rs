//! Reads durations as they stand in flags: `2m0s`, `1.5h`, `300ms`, `0`.

use std::time::Duration;

use jiff::SignedDuration;

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration: SignedDuration = text.parse().map_err(|why| format!("{why}"))?;
    Duration::try_from(duration).map_err(|_| "it is negative".to_owned())
}
