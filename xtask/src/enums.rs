//! Reads from Go API sources which values the types marked `+enum` may have.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A value and what its comment says of it.
pub(crate) type Choice = (String, String);

/// The constants of one package.
#[derive(Default)]
pub(crate) struct Constants {
    /// The types marked `+enum`, by name.
    pub(crate) enums: BTreeMap<String, Vec<Choice>>,
    /// Every string constant, by name.
    pub(crate) values: BTreeMap<String, String>,
}

/// Reads every package that has a `types.go`, keyed by the last two steps of its path: `core.v1`.
pub(crate) fn read(root: &Path) -> io::Result<BTreeMap<String, Constants>> {
    let mut packages = BTreeMap::new();
    visit(root, &mut packages)?;
    Ok(packages)
}

fn visit(dir: &Path, packages: &mut BTreeMap<String, Constants>) -> io::Result<()> {
    if dir.join("types.go").is_file() {
        let steps: Vec<_> = dir.iter().filter_map(|step| step.to_str()).collect();
        if let [.., group, version] = steps.as_slice() {
            packages.insert(format!("{group}.{version}"), package(dir)?);
        }
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            visit(&entry.path(), packages)?;
        }
    }
    Ok(())
}

fn package(dir: &Path) -> io::Result<Constants> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "go") {
            sources.push(std::fs::read_to_string(path)?);
        }
    }
    let mut found = Constants::default();
    sources.iter().for_each(|source| types(source, &mut found));
    sources.iter().for_each(|source| constants(source, &mut found));
    found.enums.values_mut().for_each(|choices| choices.sort());
    Ok(found)
}

fn types(source: &str, found: &mut Constants) {
    let mut marked = false;
    for line in source.lines() {
        if line.starts_with("//") {
            marked |= line.trim() == "// +enum";
            continue;
        }
        let name = line.strip_prefix("type ").and_then(|rest| rest.strip_suffix(" string"));
        if let Some(name) = name.filter(|_| marked) {
            found.enums.insert(name.to_owned(), Vec::new());
        }
        marked = false;
    }
}

fn constants(source: &str, found: &mut Constants) {
    let mut comment: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("//") {
            comment.push(text.trim());
            continue;
        }
        if let Some((name, kind, value)) = constant(line) {
            found.values.insert(name.to_owned(), value.to_owned());
            if let Some(choices) = found.enums.get_mut(kind) {
                choices.push((value.to_owned(), about(name, &comment)));
            }
        }
        comment.clear();
    }
}

/// `Name Type = "value"`, with or without `const` in front.
fn constant(line: &str) -> Option<(&str, &str, &str)> {
    let (declaration, value) = line.split_once('=')?;
    let mut words = declaration.split_whitespace().filter(|word| *word != "const");
    let (name, kind) = (words.next()?, words.next()?);
    let value = value.trim().strip_prefix('"')?.split('"').next()?;
    Some((name, kind, value))
}

/// The comment without the constant's name, which upstream leaves out too.
fn about(name: &str, comment: &[&str]) -> String {
    let text = comment.join(" ");
    let text = text.trim();
    text.strip_prefix(name).map_or(text, str::trim_start).to_owned()
}
