//! Whether the server is well: `/healthz`, `/livez` and `/readyz`, whole or one check at a time.
//!
//! The checks have upstream's names, so that what watches them by name keeps working. What upstream's hooks do while it
//! starts is done here before the first request is answered; those checks then hold.

mod checks;

use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};

use crate::http::{Answer, Query};
use crate::pipeline::Core;
use checks::Endpoint;

pub(crate) use checks::paths;

/// The answer of a path such as `/readyz` or `/livez/etcd`; `None` if it is no such path.
pub(crate) async fn answer(core: &Core, path: &str, query: &Query) -> Option<Answer> {
    let (endpoint, name) = Endpoint::of_path(path)?;
    if name.is_empty() {
        return Some(all(core, endpoint, query).await);
    }
    let check = endpoint.checks().find(|check| *check == name)?;
    let answer = if checks::holds(core, check).await {
        plain(200, "ok".to_owned())
    } else {
        plain(500, format!("internal server error: {name} does not hold\n"))
    };
    Some(answer)
}

/// Whether each check holds, as metrics; upstream's `/metrics/slis`.
pub(crate) async fn metrics(core: &Core) -> String {
    let mut text =
        "# HELP kubernetes_healthcheck Whether a check holds.\n# TYPE kubernetes_healthcheck gauge\n"
            .to_owned();
    for endpoint in Endpoint::ALL {
        for check in endpoint.checks() {
            let holds = u8::from(checks::holds(core, check).await);
            text +=
                &format!("kubernetes_healthcheck{{name=\"{check}\",type=\"{}\"}} {holds}\n", endpoint.name());
        }
    }
    text + "# EOF\n"
}

async fn all(core: &Core, endpoint: Endpoint, query: &Query) -> Answer {
    let mut excluded: Vec<&str> = query.all("exclude").filter(|name| !name.is_empty()).collect();
    let (mut told, mut failed) = (String::new(), false);
    for check in endpoint.checks() {
        let is_excluded = excluded.contains(&check);
        excluded.retain(|name| *name != check);
        let holds = is_excluded || checks::holds(core, check).await;
        failed |= !holds;
        told += &match (is_excluded, holds) {
            (true, _) => format!("[+]{check} excluded: ok\n"),
            (false, true) => format!("[+]{check} ok\n"),
            (false, false) => format!("[-]{check} failed: reason withheld\n"),
        };
    }
    if !excluded.is_empty() {
        let names: Vec<String> = excluded.iter().map(|name| format!("{name:?}")).collect();
        told += &format!("warn: some health checks cannot be excluded: no matches for {}\n", names.join(","));
    }
    let name = endpoint.name();
    match (failed, query.has("verbose")) {
        (true, _) => plain(500, format!("{told}{name} check failed\n")),
        (false, true) => plain(200, format!("{told}{name} check passed\n")),
        (false, false) => plain(200, "ok".to_owned()),
    }
}

fn plain(code: u16, text: String) -> Answer {
    Answer::text(code, text).with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}
