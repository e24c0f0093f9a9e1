//! What becomes of plugins that have changed a write before others did: the chain runs once more, and then only those
//! policies and webhooks of them that asked for it.

use steersman_core::tree::Value;

/// A policy, its binding, and the namespace and name of its parameters; or a webhook's configuration and its name.
type Key = [String; 4];

/// What the two runs of a chain over one write know of each other; upstream's `ReinvocationContext`.
#[derive(Debug, Default)]
pub struct Reinvocation {
    /// Whether this is the second run.
    again: bool,
    /// Whether there is to be one.
    wanted: bool,
    policies: Turns,
    webhooks: Turns,
}

/// Which plugin invokes again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reinvoked {
    Policies,
    Webhooks,
}

/// Whose turn it is in one plugin.
#[derive(Debug, Default)]
struct Turns {
    /// Those that asked to be invoked again, and have been invoked since the last change.
    invoked: Vec<Key>,
    /// Those whose turn it is again.
    due: Vec<Key>,
    /// The object as the plugin left it, if any of them wants to know.
    left: Option<Value>,
}

impl Reinvocation {
    /// Begins the second run, if one is wanted.
    pub(crate) fn restart(&mut self) -> bool {
        let restarts = self.wanted && !self.again;
        self.again = true;
        restarts
    }

    /// A plugin takes the object up, which others may have changed since it left it.
    pub(crate) fn resume(&mut self, plugin: Reinvoked, object: &Value) {
        let (again, turns) = (self.again, self.of(plugin));
        if again && turns.left.as_ref().is_some_and(|left| left != object) {
            turns.due.append(&mut turns.invoked);
        }
    }

    /// A plugin leaves the object.
    pub(crate) fn pause(&mut self, plugin: Reinvoked, object: &Value) {
        let turns = self.of(plugin);
        turns.left = (!turns.invoked.is_empty()).then(|| object.clone());
    }

    /// Whether a policy or a webhook is invoked in this run.
    pub(crate) fn invokes(&mut self, plugin: Reinvoked, key: [&str; 4]) -> bool {
        !self.again || self.of(plugin).due.iter().any(|due| *due == key)
    }

    /// A policy or a webhook was invoked.
    pub(crate) fn invoked(
        &mut self,
        plugin: Reinvoked,
        key: [&str; 4],
        is_reinvocable: bool,
        has_changed: bool,
    ) {
        self.wanted |= has_changed;
        let turns = self.of(plugin);
        if has_changed {
            turns.due.append(&mut turns.invoked);
        }
        if is_reinvocable {
            turns.invoked.push(key.map(str::to_owned));
        }
    }

    fn of(&mut self, plugin: Reinvoked) -> &mut Turns {
        match plugin {
            Reinvoked::Policies => &mut self.policies,
            Reinvoked::Webhooks => &mut self.webhooks,
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::Reinvoked::{Policies, Webhooks};
    use super::*;

    #[test]
    fn who_was_invoked_before_a_change_is_invoked_again_if_he_asked_for_it() {
        let keys = [["a", "", "", ""], ["b", "", "", ""], ["c", "", "", ""]];
        let mut runs = Reinvocation::default();
        runs.invoked(Policies, keys[0], true, true);
        runs.invoked(Policies, keys[1], false, true);
        runs.invoked(Policies, keys[2], true, true);
        runs.pause(Policies, &json!(1));
        assert!(runs.restart());
        runs.resume(Policies, &json!(1));
        assert_eq!(keys.map(|key| runs.invokes(Policies, key)), [true, false, false]);
        runs.resume(Policies, &json!(2));
        assert_eq!(keys.map(|key| runs.invokes(Policies, key)), [true, false, true]);
        assert!(!runs.restart());
    }

    #[test]
    fn a_webhook_is_invoked_again_if_a_policy_has_changed_what_it_saw() {
        let mut runs = Reinvocation::default();
        runs.invoked(Webhooks, ["w", "", "", ""], true, true);
        runs.pause(Webhooks, &json!(1));
        assert!(runs.restart());
        runs.invoked(Policies, ["p", "", "", ""], false, true);
        runs.resume(Webhooks, &json!(2));
        assert!(runs.invokes(Webhooks, ["w", "", "", ""]));
        assert!(!runs.invokes(Webhooks, ["late", "", "", ""]));
    }

    #[test]
    fn without_a_change_there_is_no_second_run() {
        let mut runs = Reinvocation::default();
        runs.invoked(Policies, ["a", "", "", ""], true, false);
        assert!(!runs.restart());
    }
}
