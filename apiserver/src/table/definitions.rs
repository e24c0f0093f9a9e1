//! The columns of the built-in kinds, from the distilled API tables (`apiserver/data/columns.json`, one kind a line).

use serde::{Deserialize, Serialize};

use crate::crd;

const TABLE: &str = include_str!("../../data/columns.json");

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
                    resources may allow a client to request the generation of an appropriate name automatically. Name \
                    is primarily intended for creation idempotence and configuration definition. Cannot be updated. \
                    More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It \
                       is not guaranteed to be set in happens-before order across separate operations. Clients may \
                       not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the \
                       system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/\
                       sig-architecture/api-conventions.md#metadata";

/// A heading, as the answer carries it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Definition {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    priority: i64,
}

/// The headings of a built-in kind; `None` if it has none of its own.
pub(super) fn of_builtin(kind: &str) -> Option<Vec<Definition>> {
    let own = |line: &&str| line.strip_prefix('"').is_some_and(|rest| rest.split('"').next() == Some(kind));
    let line = TABLE.lines().find(own)?.trim_end_matches(',');
    let (_, row) = line.split_once("\":")?;
    let mut columns: Vec<Definition> =
        serde_json::from_str(row).expect("the checked-in table is well formed");
    for column in columns.iter_mut().filter(|column| column.description.is_none()) {
        column.description = Some(if column.name == "Name" { NAME } else { CREATED }.to_owned());
    }
    Some(columns)
}

/// The headings of kinds that have none of their own.
pub(super) fn plain(created: &str) -> Vec<Definition> {
    vec![name(), column(created, "date", CREATED)]
}

/// The headings of a custom resource, from its additional printer columns.
pub(super) fn of_custom(columns: &[crd::Column]) -> Vec<Definition> {
    let described = |column: &crd::Column| match column.description.as_str() {
        "" => format!("Custom resource definition column (in JSONPath format): {}", column.json_path),
        own => own.to_owned(),
    };
    let own = columns.iter().map(|column| Definition {
        name: column.name.clone(),
        kind: column.kind.clone(),
        format: column.format.clone(),
        description: Some(described(column)),
        priority: column.priority,
    });
    std::iter::once(name()).chain(own).collect()
}

fn name() -> Definition {
    Definition { format: "name".to_owned(), ..column("Name", "string", NAME) }
}

fn column(name: &str, kind: &str, description: &str) -> Definition {
    Definition {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        description: Some(description.to_owned()),
        priority: 0,
    }
}

/// The kinds that have headings of their own.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| line.strip_prefix('"')?.split('"').next())
}
