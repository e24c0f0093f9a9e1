//! Checks projected volumes: files of several sources in one directory.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::items::{check_downward_item, check_file_path, check_key, check_mode};
use crate::strategy::checks;
use crate::tree::Read;

/// The sources that are not behind a gate which is off.
const KINDS: [&str; 4] = ["secret", "configMap", "downwardAPI", "serviceAccountToken"];

/// Checks the sources of a projected volume, and that no two have a file at one path.
pub(super) fn check(projected: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_mode(projected, "defaultMode", at, errors);
    let list = at.child("sources");
    let mut taken = Vec::new();
    for (index, source) in projected.items("sources").iter().enumerate() {
        let item = list.index(index);
        let given = KINDS.into_iter().filter(|kind| source.has(kind));
        let mut count = 0;
        for kind in given {
            count += 1;
            check_source(kind, source.at(kind), at, &item.child(kind), &mut taken, errors);
        }
        if count > 1 {
            errors.push(Error::forbidden(&item, "may not specify more than 1 volume type per source"));
        }
    }
}

/// Checks one source, which stands at `at` in the volume at `volume`; `taken` are the paths of those before it.
fn check_source<'a>(
    kind: &str,
    source: &'a Value,
    volume: &Path<'_>,
    at: &Path<'_>,
    taken: &mut Vec<&'a str>,
    errors: &mut ErrorList,
) {
    match kind {
        "serviceAccountToken" => return check_token(source, volume, at, errors),
        "downwardAPI" => {}
        _ => {
            checks::required(source, "name", at, errors);
        }
    }
    let list = at.child("items");
    for (index, item) in source.items("items").iter().enumerate() {
        let path = item.text("path");
        // Upstream shows the path of a file of the pod's own fields, else where it comes from.
        let shown = if kind == "downwardAPI" {
            check_downward_item(item, at, errors);
            path
        } else {
            check_key(item, &list.index(index), errors);
            source.text("name")
        };
        if taken.contains(&path) {
            errors.push(Error::invalid(volume, shown, "conflicting duplicate paths"));
        } else if !path.is_empty() {
            taken.push(path);
        }
    }
}

fn check_token(token: &Value, volume: &Path<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let seconds = token.int("expirationSeconds").unwrap_or_default();
    let why = if seconds < 600 {
        Some("may not specify a duration less than 10 minutes")
    } else if seconds > 1 << 32 {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    errors.extend(why.map(|why| Error::invalid(&at.child("expirationSeconds"), seconds, why)));
    if checks::required(token, "path", volume, errors) {
        check_file_path(token.text("path"), &volume.child("path"), errors);
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn files_of_several_sources_do_not_collide() {
        let item = |path: &str| json!([{"key": "k", "path": path}]);
        let cases = [
            (json!([{"secret": {"name": "s", "items": item("a")}}]), ""),
            (
                json!([
                    {"secret": {"name": "s", "items": item("a")}},
                    {"configMap": {"name": "c", "items": item("a")}}
                ]),
                "p: Invalid value: \"c\": conflicting duplicate paths",
            ),
            (
                json!([{"secret": {"name": "s"}, "configMap": {"name": "c"}}]),
                "p.sources[0]: Forbidden: may not specify more than 1 volume type per source",
            ),
            (
                json!([{"serviceAccountToken": {"expirationSeconds": 600, "path": "../x"}}]),
                "p.path: Invalid value: \"../x\": must not contain '..'",
            ),
        ];
        for (sources, why) in cases {
            let mut errors = ErrorList::new();
            check(&json!({"sources": sources}), &Path::new("p"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
