//! Gives a new node the taint that keeps pods away until it is ready.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::tree::{Value, json};

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields};

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub(super) struct TaintNodesByCondition;

#[async_trait]
impl Admission for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is_about("", "nodes")
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if write.is(Operation::Create, "", "nodes") {
            let taints = fields(write.object).object("spec").list("taints");
            let has = |taint: &Value| taint.text("key") == NOT_READY && taint.text("effect") == "NoSchedule";
            if !taints.iter().any(has) {
                taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
            }
        }
        Ok(())
    }
}
