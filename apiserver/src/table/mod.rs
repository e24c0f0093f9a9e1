//! Prints objects as rows of a table, as `kubectl get` shows them: `Table` of `meta.k8s.io`.
//!
//! The headings and the cells of built-in kinds are upstream's; a custom resource has those of its definition. Wide
//! columns are always there: a client leaves out what it does not show, by their priority.

mod age;
mod cells;
mod custom;
mod definitions;
mod json_path;
mod words;

use jiff::Timestamp;
use steersman_core::tree::{Value, to_value};
use steersman_core::{Object, Result};

use crate::crd;
use crate::tree::Read;
use cells::Subject;
use custom::Cell;
use definitions::Definition;

/// How the objects of one kind are printed.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    kind: String,
    definitions: Vec<Definition>,
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    Builtin(cells::Print),
    /// The name, and when it was created: built-in kinds without columns of their own.
    Plain,
    /// The name, and what the definition says.
    Custom(Vec<Cell>),
}

/// An object as a row.
pub(crate) struct Row {
    pub(crate) cells: Vec<Value>,
    /// What marks a row whose object has come to its end.
    pub(crate) conditions: Option<Value>,
}

impl Columns {
    /// The columns of a built-in kind.
    pub(crate) fn builtin(kind: &str) -> Self {
        let own = definitions::of_builtin(kind).zip(cells::of(kind));
        let (definitions, cells) = match own {
            Some((definitions, print)) => (definitions, Cells::Builtin(print)),
            None => (definitions::plain("Created At"), Cells::Plain),
        };
        Columns { kind: kind.to_owned(), definitions, cells }
    }

    /// The columns of a custom resource: the age if its definition names none.
    pub(crate) fn custom(kind: &str, columns: &[crd::Column]) -> Self {
        let (definitions, cells) = match columns {
            [] => (definitions::plain("Age"), vec![Cell::age()]),
            own => (definitions::of_custom(own), own.iter().map(Cell::new).collect()),
        };
        Columns { kind: kind.to_owned(), definitions, cells: Cells::Custom(cells) }
    }

    /// The headings, as the answer carries them.
    pub(crate) fn definitions(&self) -> Value {
        to_value(&self.definitions).unwrap_or_default()
    }

    /// Prints the stored form of an object.
    pub(crate) fn row(&self, object: &Value, now: Timestamp) -> Row {
        let name = || Value::from(object.at("metadata").text("name"));
        let cells = match &self.cells {
            Cells::Builtin(print) => print(&Subject { object, now }),
            Cells::Plain => {
                let created = object.at("metadata").at("creationTimestamp").as_str();
                vec![name(), created.unwrap_or("0001-01-01T00:00:00Z").into()]
            }
            Cells::Custom(cells) => {
                std::iter::once(name()).chain(cells.iter().map(|cell| cell.show(object, now))).collect()
            }
        };
        Row { cells, conditions: cells::conditions(&self.kind, object) }
    }

    /// Puts objects into the order in which upstream prints them: flow schemas as they are matched, all else by name.
    pub(crate) fn order(&self, objects: &mut [Object]) -> Result<()> {
        if self.kind != "FlowSchema" {
            return Ok(());
        }
        let trees: Result<Vec<Value>> = objects.iter().map(Object::to_value).collect();
        let precedence = |tree: &Value| tree.at("spec").int("matchingPrecedence").unwrap_or_default();
        let ranks: Vec<i64> = trees?.iter().map(precedence).collect();
        let mut ordered: Vec<(i64, Object)> = ranks.into_iter().zip(objects.iter().cloned()).collect();
        ordered.sort_by_key(|(rank, _)| *rank);
        objects.iter_mut().zip(ordered).for_each(|(slot, (_, object))| *slot = object);
        Ok(())
    }
}
