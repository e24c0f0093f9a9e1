//! The fields that a schema does not know, and what becomes of them.

use steersman_core::api::FieldValidation;
use steersman_core::field::Path;

use super::decode::Duplicates;

/// No more than this many fields are told of, so that a hostile object cannot make a huge answer; upstream's limit.
const TOLD: usize = 100;

/// The fields that were dropped while an object was read.
#[derive(Debug, Default)]
pub(super) struct Unknown(Vec<String>);

impl Unknown {
    /// Notes a field that was dropped.
    pub(super) fn note(&mut self, path: &Path<'_>) {
        if self.0.len() < TOLD {
            self.0.push(path.to_string());
        }
    }

    /// The warnings for what was dropped or given twice; if the client will have none of it, the error's text.
    pub(super) fn judge(self, duplicates: &Duplicates, wish: FieldValidation) -> Result<Vec<String>, String> {
        if wish == FieldValidation::Ignore || self.0.is_empty() && duplicates.is_empty() {
            return Ok(Vec::new());
        }
        match wish {
            FieldValidation::Strict => {
                Err(format!("strict decoding error: {}", duplicates.text_with(&self.0)))
            }
            FieldValidation::Warn | FieldValidation::Ignore => Ok(duplicates.told_with(&self.0)),
        }
    }
}
