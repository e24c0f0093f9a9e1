//! Pages for people who look into a running server: `/statusz` and `/flagz` (KEP-4827, KEP-4828), as text.

use std::fmt::Write;

use http::HeaderMap;
use http::header::ACCEPT;
use jiff::{SignedDuration, Timestamp, fmt::strtime};

use crate::discovery::GIT_VERSION;
use crate::http::Answer;
use crate::pipeline::Core;

const WARNING: &str = "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility \
                       guarantees and is for debugging purposes only.";

/// Paths of other pages that are of interest; upstream's list of a kube-apiserver.
const OTHERS: &[&str] = &["/healthz", "/livez", "/metrics", "/readyz", "/version"];

/// The paths of these pages.
pub(crate) const PATHS: [&str; 2] = ["/flagz", "/statusz"];

/// The answer of one of the pages; `None` if it is no such path.
pub(crate) fn answer(core: &Core, path: &str, headers: &HeaderMap) -> Option<Answer> {
    let page: fn(&Core) -> String = match path {
        "/statusz" => status,
        "/flagz" => flags,
        _ => return None,
    };
    Some(if takes_text(headers) { Answer::text(200, page(core)) } else { Answer::bare(406) })
}

fn takes_text(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut choices = texts.flat_map(|text| text.split(',')).map(|choice| choice.split(';').next());
    let is_text =
        |choice: Option<&str>| matches!(choice.unwrap_or_default().trim(), "text/plain" | "text/*" | "*/*");
    !headers.contains_key(ACCEPT) || choices.any(is_text)
}

fn status(core: &Core) -> String {
    let version = GIT_VERSION.trim_start_matches('v');
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    format!(
        "\nkube-apiserver statusz\n{WARNING}\n\nStarted: {}\nUp: {}\nGo version: none\nBinary version: {version}\n\
         Emulation version: {minor}\nPaths: {}\n",
        date(core.started),
        period(core.env.now().duration_since(core.started)),
        OTHERS.join(" "),
    )
}

/// What is set otherwise by a flag of upstream's.
fn flags(core: &Core) -> String {
    let mut text = format!("\nkube-apiserver flagz\n{WARNING}\n\n");
    let audiences = core.authentication.audiences.join(",");
    let flags = [
        ("anonymous-auth", core.authentication.anonymous.to_string()),
        ("api-audiences", format!("[{audiences}]")),
        ("authorization-mode", format!("[{}]", core.authorization.modes().join(","))),
    ];
    for (name, value) in flags {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// A moment as Go's `time.UnixDate` has it.
fn date(at: Timestamp) -> String {
    strtime::format("%a %b %e %H:%M:%S UTC %Y", at).unwrap_or_default()
}

fn period(long: SignedDuration) -> String {
    let seconds = long.as_secs();
    format!("{} hr {:02} min {:02} sec", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_periods_are_written_as_upstream_does() {
        assert_eq!(date("2024-10-06T21:03:43Z".parse().unwrap()), "Sun Oct  6 21:03:43 UTC 2024");
        assert_eq!(period(SignedDuration::from_secs(3676)), "1 hr 01 min 16 sec");
    }
}
