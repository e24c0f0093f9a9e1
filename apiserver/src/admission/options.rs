//! The options of a request, as policies and webhooks are told them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{FieldValidation, WriteOptions};
use steersman_core::tree::{Value, json, to_value};

use super::Operation;
use crate::tree::{Fill, fields};

const GROUP_VERSION: &str = "meta.k8s.io/v1";

/// The options of a request.
#[derive(Clone, Copy, Default)]
pub(crate) enum Options<'a> {
    /// There are none: the server writes for its own sake.
    #[default]
    None,
    /// Those of a create.
    Create(&'a WriteOptions),
    /// Those of an update, and of a patch.
    Update(&'a WriteOptions),
    /// Those of a delete.
    Delete(&'a DeleteOptions),
}

impl Options<'_> {
    /// Those of an operation that a request comes to: an update may have to create.
    pub(crate) fn of(self, operation: Operation) -> Self {
        match (self, operation) {
            (Options::Update(options), Operation::Create) => Options::Create(options),
            (own, _) => own,
        }
    }

    /// As an object of upstream's kind; null if there are none.
    pub(crate) fn told(self) -> Value {
        match self {
            Options::None => Value::Null,
            Options::Create(options) => told("CreateOptions", options),
            Options::Update(options) => told("UpdateOptions", options),
            Options::Delete(options) => {
                let mut told = to_value(options).unwrap_or_default();
                name(&mut told, "DeleteOptions");
                told
            }
        }
    }
}

fn told(kind: &str, options: &WriteOptions) -> Value {
    let mut told = json!({});
    name(&mut told, kind);
    let own = fields(&mut told);
    if options.dry_run {
        own.put("dryRun", json!(["All"]));
    }
    if !options.field_manager.is_empty() {
        own.put("fieldManager", options.field_manager.as_str());
    }
    match options.field_validation {
        FieldValidation::Ignore => own.put("fieldValidation", "Ignore"),
        FieldValidation::Strict => own.put("fieldValidation", "Strict"),
        // What a client does not say is this.
        FieldValidation::Warn => {}
    }
    told
}

fn name(options: &mut Value, kind: &str) {
    let fields = fields(options);
    fields.put("kind", kind);
    fields.put("apiVersion", GROUP_VERSION);
}
