//! Adds up what the rules of a schema cost at most, and refuses what is too much.

use steersman_core::field::{Error, ErrorList, Path};

/// The most that one expression may be estimated to cost for one object; upstream's limit.
const EXPRESSION_LIMIT: u64 = 10_000_000;

/// The most that all expressions of a schema may be estimated to cost; upstream's limit.
const SCHEMA_LIMIT: u64 = 100_000_000;

/// No more of the costliest rules are named than this.
const NAMED: usize = 4;

/// What the rules of one schema cost.
#[derive(Debug, Default)]
pub(super) struct Budget {
    total: u64,
    costliest: Vec<(u64, String)>,
}

impl Budget {
    /// Counts an expression that stands at `path`, and reports it if it alone costs too much.
    pub(super) fn observe(&mut self, what: &str, cost: u64, path: &Path<'_>, errors: &mut ErrorList) {
        if cost > EXPRESSION_LIMIT {
            errors.push(Error::forbidden(
                path,
                exceeds(&format!("estimated {what} cost"), cost, EXPRESSION_LIMIT),
            ));
        }
        self.total = self.total.saturating_add(cost);
        if cost >= SCHEMA_LIMIT / 100 {
            self.costliest.push((cost, path.to_string()));
            self.costliest.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
            self.costliest.truncate(NAMED);
        }
    }

    /// Reports the schema that stands at `path` if its rules together cost too much.
    pub(super) fn settle(&self, path: &Path<'_>, errors: &mut ErrorList) {
        if self.total <= SCHEMA_LIMIT {
            return;
        }
        for (_, at) in &self.costliest {
            let why =
                "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            errors.push(Error::forbidden(&Path::new(at), why));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        errors.push(Error::forbidden(path, exceeds(what, self.total, SCHEMA_LIMIT)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a factor that people read")]
fn exceeds(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and \
         maxLength where arrays, maps, and strings are declared)"
    )
}
