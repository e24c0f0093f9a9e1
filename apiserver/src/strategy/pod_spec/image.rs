//! Reads an image reference as far as the pull policy depends on it.

/// The pull policy of an image that names none: `Always` for the tag `latest`, given or implied.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag of an image; `latest` if it has neither tag nor digest; none if it has only a digest or is no reference.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match name[path_start..].find(':') {
        Some(colon) => (&name[..path_start + colon], Some(&name[path_start + colon + 1..])),
        None => (name, None),
    };
    if !is_repository(path) || tag == Some("") {
        return None;
    }
    tag.or(digest.is_none().then_some("latest"))
}

/// Whether the part before the tag can name a repository: lower case after the registry, which alone may have a port.
fn is_repository(path: &str) -> bool {
    let (registry, rest) = path.split_once('/').map_or(("", path), |(registry, rest)| (registry, rest));
    let lower = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-/".contains(&c))
    };
    lower(rest) && registry.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-:[]".contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_tag_is_always_pulled() {
        let digest = format!("img@sha256:{}", "0".repeat(64));
        let cases = [
            ("img", "Always"),
            ("img:latest", "Always"),
            ("reg:5000/img", "Always"),
            ("img:1", "IfNotPresent"),
            ("reg:5000/a/img:1", "IfNotPresent"),
            (&digest, "IfNotPresent"),
            ("", "IfNotPresent"),
            ("Img", "IfNotPresent"),
            (" img", "IfNotPresent"),
        ];
        for (image, policy) in cases {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
