//! Warns of files in a volume that take each other's place.

use steersman_core::field::quote;
use steersman_core::tree::Value;

use crate::tree::{Read, is_zero};

/// A path in a volume, and in a projected one also what the file is of.
#[derive(Clone)]
struct File {
    path: String,
    shown: String,
}

/// The warnings for the volumes of a pod.
pub(super) fn warnings(volumes: &[Value]) -> Vec<String> {
    let mut warnings = Vec::new();
    for volume in volumes {
        for kind in ["configMap", "secret", "downwardAPI"] {
            let field = if kind == "secret" { "secretName" } else { "name" };
            let named = named(kind, volume.at(kind).text(field));
            of_files(volume, &named, files(volume.at(kind), ""), &mut warnings);
        }
        let mut all = Vec::new();
        for source in volume.at("projected").items("sources") {
            if is_zero(source) {
                warnings.push(format!(
                    "volume {} (Projected) has no sources provided",
                    quote(volume.text("name"))
                ));
            }
            all.extend(of_source(source));
        }
        of_files(volume, "Projected", all, &mut warnings);
    }
    warnings
}

/// A source as it is named in a warning.
fn named(kind: &str, name: &str) -> String {
    match kind {
        "configMap" => format!("ConfigMap {}", quote(name)),
        "secret" => format!("Secret {}", quote(name)),
        "downwardAPI" => "DownwardAPI".to_owned(),
        _ => "ServiceAccountToken".to_owned(),
    }
}

fn of_source(source: &Value) -> Vec<File> {
    let kinds = ["configMap", "secret", "downwardAPI", "serviceAccountToken"];
    let Some(kind) = kinds.into_iter().find(|kind| source.has(kind)) else { return Vec::new() };
    let (one, named) = (source.at(kind), named(kind, source.at(kind).text("name")));
    if kind == "serviceAccountToken" { vec![file(one, &named)] } else { files(one, &named) }
}

fn files(source: &Value, named: &str) -> Vec<File> {
    source.items("items").iter().map(|item| file(item, named)).collect()
}

fn file(item: &Value, named: &str) -> File {
    let path = item.text("path").trim_end_matches('/').to_owned();
    let shown = if named.is_empty() { quote(&path) } else { format!("{} ({named})", quote(&path)) };
    File { path, shown }
}

fn of_files(volume: &Value, named: &str, files: Vec<File>, warnings: &mut Vec<String>) {
    let name = quote(volume.text("name"));
    for (index, file) in files.iter().enumerate() {
        let others = files[..index].iter().filter(|other| overlap(&file.path, &other.path));
        warnings.extend(others.map(|other| {
            format!("volume {name} ({named}): overlapping paths: {} with {}", file.shown, other.shown)
        }));
    }
}

/// Whether two paths are one, or one is a directory on the way to the other.
fn overlap(path: &str, other: &str) -> bool {
    let inside = |path: &str, directory: &str| {
        path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !path.is_empty() && !other.is_empty() && (inside(path, other) || inside(other, path))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn files_that_hide_each_other_are_told() {
        let items = |paths: &[&str]| paths.iter().map(|path| json!({"path": path})).collect::<Vec<_>>();
        let cases = [
            (json!({"name": "v", "configMap": {"name": "c", "items": items(&["a", "b"])}}), ""),
            (
                json!({"name": "v", "configMap": {"name": "c", "items": items(&["a", "a/b"])}}),
                "volume \"v\" (ConfigMap \"c\"): overlapping paths: \"a/b\" with \"a\"",
            ),
            (
                json!({"name": "v", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "t/u"}}, {"downwardAPI": {"items": items(&["t"])}}
                ]}}),
                "volume \"v\" (Projected): overlapping paths: \"t\" (DownwardAPI) with \"t/u\" (ServiceAccountToken)",
            ),
            (
                json!({"name": "v", "projected": {"sources": [{}]}}),
                "volume \"v\" (Projected) has no sources provided",
            ),
        ];
        for (volume, warning) in cases {
            assert_eq!(warnings(&[volume]).join("; "), warning);
        }
    }
}
