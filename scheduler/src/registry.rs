//! Makes plugins by their names, from the arguments of a configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use steersman_core::field::Path;
use steersman_core::tree::Value;

use crate::plugin::Plugin;
use crate::plugins::{self, InvalidArgs};

type Factory = Arc<dyn Fn(Option<&Value>) -> Result<Arc<dyn Plugin>, InvalidArgs> + Send + Sync>;

/// The plugins that a [`crate::Configuration`] may name: the default ones, and one's own.
///
/// ```
/// # use std::sync::Arc;
/// # struct Mine;
/// # impl steersman_scheduler::Plugin for Mine {
/// #     fn name(&self) -> &'static str { "Mine" }
/// # }
/// let registry = steersman_scheduler::Registry::default().with("Mine", |_args| Ok(Arc::new(Mine)));
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    own: BTreeMap<String, Factory>,
}

impl Registry {
    /// Adds a plugin of one's own; the factory is given `pluginConfig.args`, if there are any. One of a default
    /// plugin's name takes its place.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        factory: impl Fn(Option<&Value>) -> Result<Arc<dyn Plugin>, InvalidArgs> + Send + Sync + 'static,
    ) -> Self {
        self.own.insert(name.into(), Arc::new(factory));
        self
    }

    /// Makes a plugin; `None` if there is none of that name. `at` is where the arguments stand.
    pub(crate) fn make(
        &self,
        name: &str,
        args: Option<Value>,
        at: &Path<'_>,
    ) -> Option<Result<Arc<dyn Plugin>, InvalidArgs>> {
        match self.own.get(name) {
            Some(factory) => Some(factory(args.as_ref())),
            None => plugins::make(name, args, at),
        }
    }

    /// Whether the arguments are checked when the plugin is made rather than with the file.
    pub(crate) fn is_checked_late(&self, name: &str) -> bool {
        self.own.contains_key(name) || plugins::is_checked_late(name)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.own.keys()).finish()
    }
}
