//! What becomes of plugins that have changed a write before others did: the chain runs once more, and then only those
//! of them that asked for it.

use std::collections::BTreeSet;

use serde_json::Value;

/// A policy, its binding, and the namespace and name of its parameters.
type Key = [String; 4];

/// What the two runs of a chain over one write know of each other; upstream's `ReinvocationContext`.
#[derive(Debug, Default)]
pub struct Reinvocation {
    /// Whether this is the second run.
    again: bool,
    /// Whether there is to be one.
    wanted: bool,
    /// Those that asked to be invoked again, and have been invoked since the last change.
    invoked: BTreeSet<Key>,
    /// Those whose turn it is again.
    due: BTreeSet<Key>,
    /// The object as policies left it.
    left: Option<Value>,
}

impl Reinvocation {
    /// Begins the second run, if one is wanted.
    pub(crate) fn restart(&mut self) -> bool {
        let restarts = self.wanted && !self.again;
        self.again = true;
        restarts
    }

    /// Policies take the object up, which others may have changed since they left it.
    pub(crate) fn resume(&mut self, object: &Value) {
        if self.again && self.left.as_ref().is_some_and(|left| left != object) {
            self.due.append(&mut self.invoked);
        }
    }

    /// Policies leave the object.
    pub(crate) fn pause(&mut self, object: &Value) {
        self.left = Some(object.clone());
    }

    /// Whether a policy is invoked in this run.
    pub(crate) fn invokes(&self, key: [&str; 4]) -> bool {
        !self.again || self.due.contains(&key.map(str::to_owned))
    }

    /// A policy was invoked.
    pub(crate) fn invoked(&mut self, key: [&str; 4], is_reinvocable: bool, has_changed: bool) {
        if has_changed {
            self.due.append(&mut self.invoked);
            self.wanted = true;
        }
        if is_reinvocable {
            self.invoked.insert(key.map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_was_invoked_before_a_change_is_invoked_again_if_he_asked_for_it() {
        let keys = [["a", "", "", ""], ["b", "", "", ""], ["c", "", "", ""]];
        let mut runs = Reinvocation::default();
        runs.invoked(keys[0], true, true);
        runs.invoked(keys[1], false, true);
        runs.invoked(keys[2], true, true);
        runs.pause(&json!(1));
        assert!(runs.restart());
        runs.resume(&json!(1));
        assert_eq!(keys.map(|key| runs.invokes(key)), [true, false, false]);
        runs.resume(&json!(2));
        assert_eq!(keys.map(|key| runs.invokes(key)), [true, false, true]);
        assert!(!runs.restart());
    }

    #[test]
    fn without_a_change_there_is_no_second_run() {
        let mut runs = Reinvocation::default();
        runs.invoked(["a", "", "", ""], true, false);
        assert!(!runs.restart());
    }
}
