//! CronJobs: defaults.

use serde_json::Value;

use crate::strategy::Strategy;
use crate::tree::{Fill, fields};

/// The strategy of cron jobs.
pub(in crate::strategy) struct CronJobs;

impl Strategy for CronJobs {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill_zero("concurrencyPolicy", "Allow");
        spec.fill("suspend", false);
        spec.fill("successfulJobsHistoryLimit", 3);
        spec.fill("failedJobsHistoryLimit", 1);
        let template = spec.object("jobTemplate");
        crate::strategy::pod_template::default(template.object("spec"));
    }
}
