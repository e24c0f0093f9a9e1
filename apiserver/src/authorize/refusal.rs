//! Says no, in upstream's sentences.

use steersman_core::Error;
use steersman_core::field::quote;
use steersman_core::resource::GroupResource;

use super::{Access, Asked, ResourceAccess};

/// 403; `reason` is what the authorisers had to say.
pub(crate) fn refusal(access: &Access<'_>, reason: &str) -> Error {
    let (user, verb) = (quote(&access.user.name), access.verb);
    let (resource, name, mut why) = match access.asked {
        Asked::Path(path) => {
            (GroupResource::new("", ""), "", format!("User {user} cannot {verb} path {}", quote(path)))
        }
        Asked::Resource(asked) => {
            let resource = GroupResource::new(asked.group.to_owned(), asked.resource.to_owned());
            let sentence = format!(
                "User {user} cannot {verb} resource {} in API group {} {}",
                quote(&asked.full_resource()),
                quote(asked.group),
                place(&asked)
            );
            (resource, asked.name, sentence)
        }
    };
    if !reason.is_empty() {
        why = format!("{why}: {reason}");
    }
    Error::forbidden(&resource, name, why)
}

fn place(asked: &ResourceAccess<'_>) -> String {
    match asked.namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {}", quote(namespace)),
    }
}
