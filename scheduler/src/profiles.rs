//! The profiles of a scheduler, by the name that pods ask for.

use std::cmp::Ordering;

use crate::event::Event;
use crate::pod::PodInfo;
use crate::profile::Profile;
use crate::queue::QueuedPod;

/// One profile or several, each with a name of its own.
#[derive(Clone)]
pub struct Profiles(Vec<Profile>);

/// Profiles that cannot work together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfiles {
    /// There is none.
    #[error("profiles: Required value")]
    None,
    /// Two have one name.
    #[error("profiles: Duplicate value: {0:?}")]
    Duplicate(String),
}

impl Profiles {
    /// Takes the profiles together; the first one's QueueSort orders the queue. An error if there is none or two have
    /// one name.
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Result<Self, InvalidProfiles> {
        let profiles: Vec<Profile> = profiles.into_iter().collect();
        if profiles.is_empty() {
            return Err(InvalidProfiles::None);
        }
        for (at, profile) in profiles.iter().enumerate() {
            if profiles[..at].iter().any(|other| other.name() == profile.name()) {
                return Err(InvalidProfiles::Duplicate(profile.name().to_owned()));
            }
        }
        Ok(Profiles(profiles))
    }

    /// The profile that a pod asks for; `None` if the pod is another scheduler's.
    pub fn of(&self, pod: &PodInfo) -> Option<&Profile> {
        self.0.iter().find(|profile| profile.name() == pod.scheduler_name())
    }

    /// Whether an event may change the mind of a plugin of that name; of one that is in no profile, nothing is known.
    pub(crate) fn heeds(&self, plugin: &str, event: &Event) -> bool {
        self.0.iter().any(|profile| profile.plugin(plugin).is_none_or(|plugin| plugin.heeds(event)))
    }

    /// The profiles.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.iter()
    }

    /// Which of two pods is tried first; of equals, the one that came first.
    pub(crate) fn compare(&self, a: &QueuedPod, b: &QueuedPod) -> Ordering {
        let first = self.0.first().map_or(Ordering::Equal, |profile| profile.compare(a, b));
        first.then_with(|| a.sequence().cmp(&b.sequence()))
    }
}

impl From<Profile> for Profiles {
    fn from(profile: Profile) -> Self {
        Profiles(vec![profile])
    }
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(Profile::name)).finish()
    }
}
