//! Reads the lines of a watch.

use futures::io::AsyncBufRead;
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use steersman_core::api::{WatchEvent, WatchStream};
use steersman_core::tree::{Value, from_value};
use steersman_core::{Error, Object, Result};

/// The events of a watch, one a line. It ends where the connection does; a line that is none is an error.
pub(super) fn events(lines: impl AsyncBufRead + Send + 'static) -> WatchStream {
    let lines = Box::pin(lines).lines();
    let read = lines.take_while(|line| std::future::ready(line.is_ok()));
    read.map(|line| event(&line.unwrap_or_default()).unwrap_or_else(WatchEvent::Error)).boxed()
}

fn event(line: &str) -> Result<WatchEvent> {
    let mut event: Value = serde_json::from_str(line).map_err(Error::internal)?;
    let object = event["object"].take();
    Ok(match event["type"].as_str().unwrap_or_default() {
        "ADDED" => WatchEvent::Added(Object::from_value(&object)?),
        "MODIFIED" => WatchEvent::Modified(Object::from_value(&object)?),
        "DELETED" => WatchEvent::Deleted(Object::from_value(&object)?),
        "BOOKMARK" => WatchEvent::Bookmark {
            resource_version: object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned(),
            initial_events_end: object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true",
        },
        "ERROR" => {
            let status: Status = from_value(object).map_err(Error::internal)?;
            WatchEvent::Error(Error::from_status(status))
        }
        other => return Err(Error::internal(format!("a watch has no events of type {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn lines_are_events() {
        let text = r#"{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}}
{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}
{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","code":410,"reason":"Expired","message":"too old"}}
nonsense
"#;
        let told = events(text.as_bytes()).map(|event| match event {
            WatchEvent::Added(object) => object.name().to_owned(),
            WatchEvent::Bookmark { resource_version, initial_events_end } => {
                format!("{resource_version} {initial_events_end}")
            }
            WatchEvent::Error(error) => error.code().to_string(),
            _ => "other".to_owned(),
        });
        assert_eq!(block_on(told.collect::<Vec<_>>()), ["a", "7 true", "410", "500"]);
    }
}
