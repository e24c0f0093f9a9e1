//! Reads from Go API sources what the published schemas do not say: how a field is written when it is zero, what its
//! Go type is called in decoding errors, and its number in protobuf.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The types of one package (`core.v1`).
#[derive(Default)]
pub(crate) struct Package {
    /// The struct types, by name.
    pub(crate) structs: BTreeMap<String, Struct>,
    /// What other types are, by name: `string`, `map[core.v1.ResourceName]resource.Quantity`.
    pub(crate) names: BTreeMap<String, String>,
}

/// A struct type: its fields in order, and the names of the types it embeds.
#[derive(Default)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
    pub(crate) embeds: Vec<Embedded>,
}

/// A struct within a struct, whose fields are the outer one's in JSON.
pub(crate) struct Embedded {
    pub(crate) go: String,
    /// Its type with the package in full: `core.v1.VolumeSource`.
    pub(crate) full: String,
    pub(crate) number: Option<u32>,
}

/// One field of a struct type.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) json: String,
    pub(crate) go: String,
    /// Its type with packages in full: `[]core.v1.Container`.
    pub(crate) full: String,
    pub(crate) presence: &'static str,
    pub(crate) number: Option<u32>,
    /// What stands behind the marker `+default=`.
    pub(crate) default: Option<String>,
}

/// Reads every package that has a `types.go`, keyed by the last two steps of its path: `core.v1`.
pub(crate) fn read(root: &Path) -> io::Result<BTreeMap<String, Package>> {
    let mut packages = BTreeMap::new();
    visit(root, &mut packages)?;
    Ok(packages)
}

fn visit(dir: &Path, packages: &mut BTreeMap<String, Package>) -> io::Result<()> {
    if dir.join("types.go").is_file()
        && let Some(key) = key(dir.to_str().unwrap_or_default())
    {
        package(dir, &key, packages.entry(key.clone()).or_default())?;
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            visit(&entry.path(), packages)?;
        }
    }
    Ok(())
}

/// A package's name in the tables: the last two steps of its path.
fn key(path: &str) -> Option<String> {
    let steps: Vec<&str> = path.split('/').collect();
    let [.., group, version] = steps.as_slice() else { return None };
    Some(format!("{group}.{version}"))
}

fn package(dir: &Path, key: &str, package: &mut Package) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "go") {
            let source = std::fs::read_to_string(path)?;
            File { key, imports: imports(&source) }.parse(&source, package);
        }
    }
    Ok(())
}

/// The packages that a file imports, by the name that it gives them.
fn imports(source: &str) -> BTreeMap<String, String> {
    let lines = source.lines().map(|line| line.trim().trim_start_matches("import "));
    let imports = lines.filter_map(|line| {
        let (alias, path) = line.strip_suffix('"')?.split_once('"')?;
        let last = path.rsplit('/').next().unwrap_or_default();
        let alias = if alias.trim().is_empty() { last } else { alias.trim() };
        let is_version = last.starts_with('v') && path.contains("k8s.io");
        Some((alias.to_owned(), if is_version { key(path)? } else { last.to_owned() }))
    });
    imports.collect()
}

struct File<'a> {
    key: &'a str,
    imports: BTreeMap<String, String>,
}

impl File<'_> {
    fn parse(&self, source: &str, package: &mut Package) {
        let mut current: Option<(String, Struct)> = None;
        let mut default = None;
        for line in source.lines() {
            match &mut current {
                None => {
                    current = opened(line).map(|name| (name, Struct::default()));
                    package.names.extend(named(line).map(|(name, of)| (name.to_owned(), self.full(of))));
                }
                Some(_) if line.starts_with('}') => package.structs.extend(current.take()),
                Some((_, found)) => match line.trim().strip_prefix("// +default=") {
                    Some(value) => default = Some(value.to_owned()),
                    None => self.field(line.trim(), &mut default, found),
                },
            }
        }
    }

    fn field(&self, line: &str, default: &mut Option<String>, found: &mut Struct) {
        if line.starts_with("//") {
            return;
        }
        let Some((declaration, tags)) = line.split_once('`') else { return };
        let Some(tag) = tags.split_once("json:\"").and_then(|(_, rest)| rest.split('"').next()) else {
            return;
        };
        let mut options = tag.split(',');
        let name = options.next().unwrap_or_default();
        let options: Vec<&str> = options.collect();
        let (_, go) = declaration.trim().split_once(char::is_whitespace).unwrap_or(("", declaration.trim()));
        let (go, number) = (go.trim(), number(tags));
        let full = self.full(go.trim_start_matches('*'));
        if options.contains(&"inline") {
            found.embeds.push(Embedded { go: go.to_owned(), full, number });
        } else if name != "-" {
            let version = self.key.rsplit('.').next().unwrap_or_default();
            found.fields.push(Field {
                json: name.to_owned(),
                go: qualified(go.trim_start_matches('*'), version),
                full,
                presence: presence(go.starts_with('*'), &options),
                number,
                default: default.take(),
            });
        }
    }

    /// The type with the packages of its names in full.
    fn full(&self, go: &str) -> String {
        words(go, |word| match word.split_once('.') {
            Some((alias, name)) => {
                format!("{}.{name}", self.imports.get(alias).map_or(alias, String::as_str))
            }
            None if word.starts_with(char::is_uppercase) => format!("{}.{word}", self.key),
            None => word.to_owned(),
        })
    }
}

/// A type that is no struct of its own: `type Name of`.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, of) = line.strip_prefix("type ")?.split_once(' ')?;
    let of = of.trim_start_matches("= ").split(" //").next().unwrap_or_default().trim();
    (!of.ends_with('{') && !of.is_empty()).then_some((name, of))
}

/// The number in a tag such as `protobuf:"bytes,1,opt,name=metadata"`.
fn number(tags: &str) -> Option<u32> {
    tags.split_once("protobuf:\"")?.1.split(',').nth(1)?.parse().ok()
}

fn opened(line: &str) -> Option<String> {
    let name = line.strip_prefix("type ")?.strip_suffix(" struct {")?;
    Some(name.to_owned())
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
    words(go, |word| match word.split_once('.') {
        Some(("metav1" | "corev1" | "v1" | "apiextensionsv1", name)) => format!("v1.{name}"),
        None if word == "byte" => "uint8".to_owned(),
        None if word.starts_with(char::is_uppercase) => format!("{package}.{word}"),
        _ => word.to_owned(),
    })
}

/// The type with each of its names exchanged.
fn words(go: &str, exchange: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = go;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end.max(first.len_utf8()));
        out.push_str(&exchange(word));
        rest = tail;
    }
    out
}
