//! Makes pods from a template, and tells templates apart by a hash.

use k8s_openapi::Resource as _;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::Resource;
use steersman_core::owner::controller_reference;
use steersman_core::tree::{Value, json};

/// The longest name that a pod can have.
const NAME_LIMIT: usize = 253;

/// The JSON of a pod for `owner`, named after it with a generated suffix, as its template says.
pub(crate) fn pod_for<O: Resource>(owner: &O, template: &PodTemplateSpec) -> Value {
    let asked = template.metadata.as_ref();
    let owner_metadata = owner.metadata();
    let metadata = ObjectMeta {
        generate_name: Some(prefix(owner_metadata.name.as_deref().unwrap_or_default())),
        namespace: owner_metadata.namespace.clone(),
        labels: asked.and_then(|asked| asked.labels.clone()),
        annotations: asked.and_then(|asked| asked.annotations.clone()),
        finalizers: asked.and_then(|asked| asked.finalizers.clone()),
        owner_references: Some(vec![controller_reference(owner)]),
        ..ObjectMeta::default()
    };
    let mut pod = json!({"apiVersion": Pod::API_VERSION, "kind": Pod::KIND, "metadata": metadata});
    if let Some(spec) = &template.spec {
        pod["spec"] = json!(spec);
    }
    pod
}

/// What the names of an owner's pods begin with; the dash is left out where it would make the beginning too long.
fn prefix(owner: &str) -> String {
    if owner.len() < NAME_LIMIT { format!("{owner}-") } else { owner.to_owned() }
}

/// A short name for the content of a template: FNV-1a (32 bits) of its JSON with fields and keys in alphabetical
/// order, followed by the collision count if there is one; printed in decimal digits, each replaced by a letter that
/// is allowed in names. Upstream hashes Go's printed form of the template, which is no contract.
pub(crate) fn hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let json = serde_json::to_vec(template).expect("every typed object has a JSON form");
    let suffix = collisions.map(|count| i64::from(count).to_le_bytes());
    let hash = json
        .iter()
        .chain(suffix.iter().flatten())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    safe_encode(&hash.to_string())
}

/// Replaces each character by one that makes no words and is allowed in names; upstream's `SafeEncodeString`.
fn safe_encode(text: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    text.bytes().map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(image: &str) -> PodTemplateSpec {
        let template = json!({
            "metadata": {"labels": {"b": "2", "a": "1"}},
            "spec": {"containers": [{"name": "c", "image": image}]}
        });
        steersman_core::tree::from_value(template).unwrap()
    }

    #[test]
    fn a_hash_says_what_a_template_contains_and_nothing_else() {
        let hashes = [
            hash(&template("app:1"), None),
            hash(&template("app:2"), None),
            hash(&template("app:1"), Some(0)),
            hash(&template("app:1"), Some(1)),
        ];
        assert_eq!(hashes[0], hash(&template("app:1"), None));
        for (index, one) in hashes.iter().enumerate() {
            assert!(hashes[index + 1..].iter().all(|other| other != one), "{hashes:?}");
        }
    }

    #[test]
    fn a_hash_is_the_same_on_every_machine() {
        assert_eq!(hash(&PodTemplateSpec::default(), None), "5859f96865");
    }
}
