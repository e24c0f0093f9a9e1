//! Refuses an apply that would change what others own.

use steersman_core::Error;
use steersman_core::error::Reason;

use super::managed::{Manager, Operation};
use super::set::Set;

/// What others own of what an apply changes, by owner.
pub(super) type Conflicts<'a> = Vec<(Manager<'a>, Set<'a>)>;

/// 409, with a cause for every path; `using` is the version an updater wrote in.
pub(super) fn refuse(conflicts: &Conflicts<'_>) -> Error {
    let told: Vec<(String, Vec<String>)> =
        conflicts.iter().map(|(manager, set)| (shown(manager), set.paths())).collect();
    let count: usize = told.iter().map(|(_, paths)| paths.len()).sum();
    let message = match told.as_slice() {
        [(manager, paths)] if count == 1 => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {}", paths.concat())
        }
        _ => {
            let lists: Vec<String> = told
                .iter()
                .map(|(manager, paths)| format!("conflicts with {manager}:\n- {}", paths.join("\n- ")))
                .collect();
            format!("Apply failed with {count} conflicts: {}", lists.join("\n"))
        }
    };
    let causes = told.iter().flat_map(|(manager, paths)| paths.iter().map(move |path| (manager, path)));
    causes.fold(Error::new(Reason::Conflict, message), |error, (manager, path)| {
        error.with_cause("FieldManagerConflict", path, format!("conflict with {manager}"))
    })
}

fn shown(manager: &Manager<'_>) -> String {
    let mut text = format!("{:?}", manager.name);
    if !manager.subresource.is_empty() {
        text.push_str(&format!(" with subresource {:?}", manager.subresource));
    }
    if manager.operation == Operation::Update {
        text.push_str(&format!(" using {}", manager.api_version));
    }
    text
}
