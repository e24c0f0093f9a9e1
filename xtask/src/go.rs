//! Reads from Go API sources what the published schemas do not say: how a field is written when it is zero, and what
//! its Go type is called in decoding errors.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The struct types of one package (`core.v1`), by name.
pub(crate) type Package = BTreeMap<String, Struct>;

/// A struct type: its fields in order, and the names of the types it embeds.
#[derive(Default)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
    pub(crate) embeds: Vec<String>,
}

/// One field of a struct type.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) json: String,
    pub(crate) go: String,
    pub(crate) presence: &'static str,
}

/// Reads every package that has a `types.go`, keyed by the last two steps of its path: `core.v1`.
pub(crate) fn read(root: &Path) -> io::Result<BTreeMap<String, Package>> {
    let mut packages = BTreeMap::new();
    visit(root, &mut packages)?;
    Ok(packages)
}

fn visit(dir: &Path, packages: &mut BTreeMap<String, Package>) -> io::Result<()> {
    if dir.join("types.go").is_file() {
        let steps: Vec<_> = dir.iter().filter_map(|step| step.to_str()).collect();
        if let [.., group, version] = steps.as_slice() {
            packages.entry(format!("{group}.{version}")).or_default().append(&mut package(dir, version)?);
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

fn package(dir: &Path, name: &str) -> io::Result<Package> {
    let mut structs = Package::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "go") {
            parse(&std::fs::read_to_string(path)?, name, &mut structs);
        }
    }
    Ok(structs)
}

fn parse(source: &str, package: &str, structs: &mut Package) {
    let mut current: Option<(String, Struct)> = None;
    for line in source.lines() {
        match &mut current {
            None => current = opened(line).map(|name| (name, Struct::default())),
            Some(_) if line.starts_with('}') => structs.extend(current.take()),
            Some((_, found)) => field(line.trim(), package, found),
        }
    }
}

fn opened(line: &str) -> Option<String> {
    let name = line.strip_prefix("type ")?.strip_suffix(" struct {")?;
    Some(name.to_owned())
}

fn field(line: &str, package: &str, found: &mut Struct) {
    if line.starts_with("//") {
        return;
    }
    let Some((declaration, tags)) = line.split_once('`') else { return };
    let Some(tag) = tags.split_once("json:\"").and_then(|(_, rest)| rest.split('"').next()) else { return };
    let mut options = tag.split(',');
    let name = options.next().unwrap_or_default();
    let options: Vec<&str> = options.collect();
    let (_, go) = declaration.trim().split_once(char::is_whitespace).unwrap_or(("", declaration.trim()));
    if options.contains(&"inline") {
        found.embeds.push(go.trim().to_owned());
    } else if name != "-" {
        found.fields.push(Field {
            json: name.to_owned(),
            go: qualified(go.trim().trim_start_matches('*'), package),
            presence: presence(go.trim().starts_with('*'), &options),
        });
    }
}

/// How a zero value is written: `pointer` leaves out null only, `omit` leaves out zero, `omitzero` also a zero struct,
/// `always` writes zero, `null` writes null.
fn presence(pointer: bool, options: &[&str]) -> &'static str {
    match (pointer, options.contains(&"omitempty"), options.contains(&"omitzero")) {
        (true, true, _) => "pointer",
        (true, false, _) => "null",
        (false, _, true) => "omitzero",
        (false, true, false) => "omit",
        (false, false, false) => "always",
    }
}

/// The type as Go's reflection prints it: with the name of the package in front, not the import's alias.
fn qualified(go: &str, package: &str) -> String {
    let mut out = String::new();
    let mut rest = go;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end.max(first.len_utf8()));
        match word.split_once('.') {
            Some(("metav1" | "corev1" | "v1" | "apiextensionsv1", name)) => {
                out.push_str(&format!("v1.{name}"))
            }
            None if word == "byte" => out.push_str("uint8"),
            None if first.is_uppercase() => out.push_str(&format!("{package}.{word}")),
            _ => out.push_str(word),
        }
        rest = tail;
    }
    out
}
