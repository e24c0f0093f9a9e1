//! A link of the chain from a closure: a user's own rule in two lines.

use async_trait::async_trait;
use steersman_core::Result;

use super::{Admission, Attributes, Part};

/// A link that changes or refuses writes with `admit`.
///
/// ```
/// use steersman_apiserver::admission::{self, Admission};
///
/// let link = admission::mutating("NoLatest", |write| {
///     let latest = write.object.pointer("/spec/containers/0/image").is_some_and(|image| image == "web:latest");
///     if latest { Err(write.forbidden("images need a version")) } else { Ok(()) }
/// });
/// assert_eq!(link.name(), "NoLatest");
/// ```
pub fn mutating<F>(name: &'static str, admit: F) -> impl Admission
where
    F: Fn(&mut Attributes<'_>) -> Result<()> + Send + Sync,
{
    Mutating { name, admit }
}

/// A link that refuses writes with `validate`, which sees them as they would be stored.
pub fn validating<F>(name: &'static str, validate: F) -> impl Admission
where
    F: Fn(&Attributes<'_>) -> Result<()> + Send + Sync,
{
    Validating { name, validate }
}

struct Mutating<F> {
    name: &'static str,
    admit: F,
}

struct Validating<F> {
    name: &'static str,
    validate: F,
}

#[async_trait]
impl<F> Admission for Mutating<F>
where
    F: Fn(&mut Attributes<'_>) -> Result<()> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        (self.admit)(write)
    }
}

#[async_trait]
impl<F> Admission for Validating<F>
where
    F: Fn(&Attributes<'_>) -> Result<()> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        (self.validate)(write)
    }
}
