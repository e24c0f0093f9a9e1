//! `pods/log`: what a container has printed, as text.

use jiff::{SignedDuration, Timestamp};
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::kubelet::PodLogOptions;
use steersman_core::resource::GroupVersionKind;
use steersman_core::{Error, Result};

use super::Connect;
use super::pod::Place;
#[cfg(feature = "tls")]
use super::{far::Far, relay};
use crate::fault;
use crate::http::accept::{self, Form};
use crate::http::answer::Answer;
use crate::http::query::Query;

/// Answers with the log; with 204 if the pod is on no node yet.
pub(super) async fn answer(connect: &Connect<'_>) -> Result<Answer> {
    Form::of(&connect.parts.headers, connect.query, accept::Place::Object, false)?;
    let (target, name) = (connect.target, &connect.target.name);
    let options = options(connect.query, name, connect.core.env.now())?;
    let Some(Place { pod, container, location }) = Place::of_container(connect).await? else {
        return Ok(Answer::bare(204));
    };
    let place = format!("{}/{name}/{container}", target.namespace);
    #[cfg(feature = "tls")]
    if let Some(far) = Far::at(connect.core, &location) {
        let query = connect.parts.uri.query().unwrap_or_default();
        return relay::get(connect, &far, &format!("/containerLogs/{place}?{query}")).await;
    }
    let unreachable =
        |why| fault::bare(format!("Get \"https://{}/containerLogs/{place}\": {why}", location.authority));
    let kubelet = location.reach().map_err(unreachable)?;
    Ok(Answer::stream("text/plain", kubelet.logs(&pod, &container, &options).await?))
}

/// Reads the options, and checks them as upstream's `ValidatePodLogOptions` does.
pub(in crate::http) fn options(query: &Query, pod: &str, now: Timestamp) -> Result<PodLogOptions> {
    let [tail, limit, seconds] = ["tailLines", "limitBytes", "sinceSeconds"].map(|name| query.number(name));
    let (tail, limit, seconds) = (tail?, limit?, seconds?);
    let at = time(query.text("sinceTime"))?;
    let mut errors = ErrorList::new();
    let mut at_least = |name: &str, number: Option<i64>, least: i64, why: &str| {
        if let Some(number) = number.filter(|number| *number < least) {
            errors.push(field::Error::invalid(&Path::new(name), number, why));
        }
    };
    at_least("tailLines", tail, 0, "must be greater than or equal to 0");
    at_least("limitBytes", limit, 1, "must be greater than 0");
    if seconds.is_some() && at.is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(field::Error::forbidden(&Path::new(""), why));
    } else {
        at_least("sinceSeconds", seconds, 1, "must be greater than 0");
    }
    if query.has("stream") {
        errors.push(field::Error::forbidden(&Path::new("stream"), "may not be specified"));
    }
    if !errors.is_empty() {
        return Err(Error::invalid(&GroupVersionKind::new("", "v1", "PodLogOptions"), pod, &errors));
    }
    let ago = |seconds: i64| now.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let count = |number: Option<i64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    Ok(PodLogOptions {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        since: at.or(seconds.map(ago)),
        timestamps: query.flag("timestamps"),
        tail_lines: count(tail),
        limit_bytes: count(limit),
    })
}

/// A time as the API writes it; 400 in Go's words if it is none.
fn time(text: &str) -> Result<Option<Timestamp>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| {
        let layout = "2006-01-02T15:04:05Z07:00";
        Error::bad_request(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""))
    };
    text.parse().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<PodLogOptions> {
        options(&Query::parse(Some(query)), "p", "2026-01-01T00:01:00Z".parse().unwrap())
    }

    #[test]
    fn options_are_read() {
        let options = read("follow=true&tailLines=0&sinceSeconds=60&limitBytes=5&timestamps=1").unwrap();
        assert!(options.follow && options.timestamps && !options.previous);
        assert_eq!((options.tail_lines, options.limit_bytes), (Some(0), Some(5)));
        assert_eq!(options.since, "2026-01-01T00:00:00Z".parse().ok());
        assert_eq!(
            read("sinceTime=2025-01-01T00:00:00Z").unwrap().since,
            "2025-01-01T00:00:00Z".parse().ok()
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_upstreams_words() {
        let cases = [
            ("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
            ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
            ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
            (
                "sinceSeconds=1&sinceTime=2025-01-01T00:00:00Z",
                ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
            ("stream=Stdout", "stream: Forbidden: may not be specified"),
        ];
        for (query, expected) in cases {
            let error = read(query).unwrap_err();
            assert_eq!(error.code(), 422);
            assert_eq!(error.message(), format!("PodLogOptions \"p\" is invalid: {expected}"), "{query}");
        }
        assert_eq!(
            read("tailLines=x").unwrap_err().message(),
            "strconv.ParseInt: parsing \"x\": invalid syntax"
        );
        assert_eq!(read("sinceTime=x").unwrap_err().code(), 400);
    }
}
