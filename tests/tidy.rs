//! Holds the tree to the house's rules: the star of crates, the shape of files, the words that may stand in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates that may meet only in the facade.
const CRATES: &[&str] =
    &["core", "store", "apiserver", "scheduler", "controllers", "kubelet", "netproxy", "sim"];

/// What core may build on; the optional ones are behind features.
const CORE_MAY_USE: &[&str] = &[
    "async-trait",
    "bytes",
    "compact_str",
    "fastrand",
    "futures",
    "jiff",
    "k8s-openapi",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tracing",
];

/// File names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["utils.rs", "util.rs", "helpers.rs", "common.rs", "types.rs", "manager.rs", "misc.rs"];

const MAX_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("a workspace has packages").clone()
}

fn dependencies<'a>(package: &'a Value, kinds: &[Option<&str>]) -> BTreeSet<&'a str> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|one| kinds.contains(&one["kind"].as_str())).filter_map(|one| one["name"].as_str()).collect()
}

/// Every Rust file of ours, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let folders = CRATES.iter().copied().chain(["src", "xtask", "examples", "benches", "tests", "fuzz"]);
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            found.push((path.strip_prefix(root()).expect("below the root").to_owned(), text));
        }
    }
}

fn is_generated(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "generated")
}

#[test]
fn every_crate_depends_on_core_and_on_no_sibling() {
    for package in packages() {
        let name = package["name"].as_str().expect("packages have names");
        let Some(folder) = name.strip_prefix("steersman-") else { continue };
        assert!(CRATES.contains(&folder), "{name} is not in ARCHITECTURE.md");
        let siblings: Vec<_> = dependencies(&package, &[None, Some("dev"), Some("build")])
            .into_iter()
            .filter(|one| one.starts_with("steersman") && *one != "steersman-core" && *one != name)
            .collect();
        assert!(siblings.is_empty(), "{name} depends on {siblings:?}: only the facade may know two crates");
    }
}

#[test]
fn core_builds_on_little() {
    let packages = packages();
    let core = packages.iter().find(|one| one["name"] == "steersman-core").expect("core exists");
    let extra: Vec<_> = dependencies(core, &[None])
        .into_iter()
        .filter(|one| !CORE_MAY_USE.contains(one) && *one != "steersman-core")
        .collect();
    assert!(extra.is_empty(), "core depends on {extra:?}");
}

#[test]
fn no_library_selects_a_kubernetes_version() {
    for package in packages() {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let selects = dependency["features"].as_array().into_iter().flatten();
            let versions: Vec<_> =
                selects.filter(|one| one.as_str().is_some_and(|f| f.starts_with("v1_"))).collect();
            let is_library_choice = dependency["name"] == "k8s-openapi" && dependency["kind"].is_null();
            assert!(!is_library_choice || versions.is_empty(), "{} selects {versions:?}", package["name"]);
        }
    }
}

#[test]
fn every_file_opens_with_what_it_does() {
    for (path, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        let is_generated = is_generated(&path);
        assert!(first.starts_with("//! ") || is_generated, "{} does not open with `//! …`", path.display());
    }
}

#[test]
fn no_file_is_too_long_or_badly_named() {
    for (path, text) in sources() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(!EMPTY_NAMES.contains(&name), "{} says nothing about what is inside", path.display());
        let lines = text.lines().count();
        let is_generated = is_generated(&path);
        assert!(
            lines <= MAX_LINES || is_generated,
            "{} has {lines} lines: find its second idea",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_open() {
    let open = ["TODO", "FIXME", "XXX", "../shared", "/work/"];
    for (path, text) in sources() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for word in open {
            assert!(!text.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

#[test]
fn the_facade_shows_every_crate_and_the_docs_name_them() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    for name in CRATES {
        assert!(architecture.contains(&format!("| `{name}` |")), "ARCHITECTURE.md does not describe {name}");
    }
}

#[test]
fn every_example_is_run_by_ci() {
    let ci = fs::read_to_string(root().join(".ci/run")).expect(".ci/run exists");
    for entry in fs::read_dir(root().join("examples")).expect("examples exist").flatten() {
        let path = entry.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_example =
            path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists();
        assert!(!is_example || ci.contains(&name), ".ci/run does not run examples/{name}");
    }
}
