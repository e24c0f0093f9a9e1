//! What the types of the tables are called in published documents.

/// The types that the tables name by a word of their own, with their published names.
const SCALARS: &[(&str, &str)] = &[
    ("fields-v1", "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"),
    ("int-or-string", "io.k8s.apimachinery.pkg.util.intstr.IntOrString"),
    ("json", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"),
    ("micro-time", "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"),
    ("patch", "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"),
    ("quantity", "io.k8s.apimachinery.pkg.api.resource.Quantity"),
    ("raw", "io.k8s.apimachinery.pkg.runtime.RawExtension"),
    ("schema-or-array", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray"),
    ("schema-or-bool", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool"),
    (
        "schema-or-strings",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    ),
    ("time", "io.k8s.apimachinery.pkg.apis.meta.v1.Time"),
];

/// Packages whose types are not published below `io.k8s.api`.
const PACKAGES: &[(&str, &str)] = &[
    ("apiextensions.v1", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"),
    ("apiregistration.v1", "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1"),
    ("meta.v1", "io.k8s.apimachinery.pkg.apis.meta.v1"),
    ("version", "io.k8s.apimachinery.pkg.version"),
];

/// The published name of a type of the tables: `io.k8s.api.core.v1.Pod` for `core.v1.Pod`.
pub(super) fn published(name: &str) -> String {
    if let Some((_, published)) = SCALARS.iter().find(|row| row.0 == name) {
        return (*published).to_owned();
    }
    let (package, kind) = name.rsplit_once('.').unwrap_or(("", name));
    match PACKAGES.iter().find(|row| row.0 == package) {
        Some((_, published)) => format!("{published}.{kind}"),
        None => format!("io.k8s.api.{name}"),
    }
}

/// The type of the tables that has a published name.
pub(super) fn of_published(published: &str) -> Option<String> {
    if let Some((name, _)) = SCALARS.iter().find(|row| row.1 == published) {
        return Some((*name).to_owned());
    }
    let (package, kind) = published.rsplit_once('.')?;
    match PACKAGES.iter().find(|row| row.1 == package) {
        Some((package, _)) => Some(format!("{package}.{kind}")),
        None => published.strip_prefix("io.k8s.api.").map(str::to_owned),
    }
}

/// The published name of a custom resource: its group backwards, its version, its kind.
pub(super) fn custom(group: &str, version: &str, kind: &str) -> String {
    let reversed: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{version}.{kind}", reversed.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_lead_back() {
        for name in
            ["core.v1.Pod", "meta.v1.ObjectMeta", "apiregistration.v1.APIService", "version.Info", "time"]
        {
            assert_eq!(of_published(&published(name)).as_deref(), Some(name));
        }
        assert_eq!(published("core.v1.Pod"), "io.k8s.api.core.v1.Pod");
        assert_eq!(custom("example.com", "v1", "Widget"), "com.example.v1.Widget");
    }
}
