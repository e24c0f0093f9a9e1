//! CertificateSigningRequests: they tell who made them, which nobody can claim or change.

use serde_json::{Value, json};

use super::{Strategy, WriteContext};
use crate::tree::{Fill, Read, fields};

/// The fields of the spec that the server sets.
const OWN: [&str; 4] = ["username", "uid", "groups", "extra"];

/// The strategy of certificate signing requests.
pub(super) struct CertificateRequests;

impl Strategy for CertificateRequests {
    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        let spec = fields(object).object("spec");
        OWN.iter().for_each(|field| spec.drop_field(field));
        let user = cx.user;
        spec.put("username", user.name.as_str());
        if !user.uid.is_empty() {
            spec.put("uid", user.uid.as_str());
        }
        if !user.groups.is_empty() {
            spec.put("groups", user.groups.as_slice());
        }
        if !user.extra.is_empty() {
            spec.put("extra", json!(user.extra));
        }
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        fields(object).put("spec", old.at("spec").clone());
    }

    /// Upstream's field managers do not read the kind, and say nothing of it.
    fn has_owners(&self) -> bool {
        false
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
