//! The tree of an expression, and where in the text each part of it stands.

/// One node of an expression.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    /// The index of what the checker found out about it; unique within an expression.
    pub(super) id: usize,
    /// The byte offset of its operator or first character.
    pub(super) at: usize,
    /// How many nodes the longest way down from it has, itself included.
    pub(super) depth: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Literal(Literal),
    Ident(String),
    Select(Select),
    Call(Call),
    List(Vec<Element>),
    Map(Vec<Entry>),
    Struct { name: String, fields: Vec<Entry> },
    Fold(Box<Fold>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Select {
    pub(super) operand: Box<Expr>,
    pub(super) field: String,
    /// Whether it only asks if the field is there.
    pub(super) is_test: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) target: Option<Box<Expr>>,
    pub(super) args: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) value: Expr,
    pub(super) is_optional: bool,
}

/// An entry of a map, or a field of a message, whose key is its name.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Expr,
    pub(super) value: Expr,
    pub(super) is_optional: bool,
}

/// What every macro that goes through a list or a map becomes: an accumulator that each step renews.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) range: Expr,
    pub(super) variable: String,
    /// With a second variable the first is the index or key, and this the value.
    pub(super) second: Option<String>,
    pub(super) accumulator: String,
    pub(super) init: Expr,
    pub(super) condition: Expr,
    pub(super) step: Expr,
    pub(super) result: Expr,
}

impl Kind {
    /// What stands right below.
    pub(super) fn children(&self) -> Vec<&Expr> {
        match self {
            Kind::Literal(_) | Kind::Ident(_) => Vec::new(),
            Kind::Select(select) => vec![&select.operand],
            Kind::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
            Kind::List(elements) => elements.iter().map(|element| &element.value).collect(),
            Kind::Map(entries) | Kind::Struct { fields: entries, .. } => {
                entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect()
            }
            Kind::Fold(fold) => {
                vec![&fold.range, &fold.init, &fold.condition, &fold.step, &fold.result]
            }
        }
    }
}

impl Expr {
    /// Calls `visit` with this node and all below it, from the outside in.
    pub(super) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        for child in self.kind.children() {
            child.walk(visit);
        }
    }

    pub(super) fn literal(&self) -> Option<&Literal> {
        if let Kind::Literal(literal) = &self.kind { Some(literal) } else { None }
    }
}
