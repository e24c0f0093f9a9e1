//! Decides whether a value of one type may stand where another is wanted, and what type parameters mean by that.

use super::kind::Type;

/// What each type parameter was found to stand for.
#[derive(Clone, Default)]
pub(super) struct Bindings(Vec<Option<Type>>);

impl Bindings {
    /// A parameter that stands for nothing yet.
    pub(super) fn fresh(&mut self) -> Type {
        self.0.push(None);
        Type::Param(self.0.len() - 1)
    }

    fn get(&self, kind: &Type) -> Option<Type> {
        let Type::Param(number) = kind else { return None };
        self.0.get(*number).cloned().flatten()
    }

    fn bind(&mut self, param: &Type, kind: Type) {
        if let Type::Param(number) = param
            && let Some(slot) = self.0.get_mut(*number)
        {
            *slot = Some(kind);
        }
    }

    /// Whether the types agree; what that tells of their parameters is kept, unless they do not.
    pub(super) fn agree(&mut self, a: &Type, b: &Type) -> bool {
        self.agree_all(&[(a, b)])
    }

    /// Whether all the pairs agree.
    pub(super) fn agree_all(&mut self, pairs: &[(&Type, &Type)]) -> bool {
        let mut trial = self.clone();
        let agree = pairs.iter().all(|(a, b)| trial.unify(a, b));
        if agree {
            *self = trial;
        }
        agree
    }

    fn unify(&mut self, a: &Type, b: &Type) -> bool {
        if let Type::Param(_) = b {
            match self.substitutes(a, b) {
                Fit::Yes => return true,
                Fit::No { was_bound: true } => return false,
                Fit::No { was_bound: false } => {}
            }
        }
        if let Type::Param(_) = a {
            return matches!(self.substitutes(b, a), Fit::Yes);
        }
        match (a, b) {
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::Of(_), Type::Of(_)) => true,
            (Type::List(_), Type::List(_))
            | (Type::Map(_), Type::Map(_))
            | (Type::Optional(_), Type::Optional(_)) => {
                let (a, b) = (a.parameters(), b.parameters());
                a.iter().zip(&b).all(|(a, b)| self.unify(a, b))
            }
            (a, b) => a == b,
        }
    }

    /// Whether the type can be what the parameter stands for.
    fn substitutes(&mut self, kind: &Type, param: &Type) -> Fit {
        if kind == param {
            return Fit::Yes;
        }
        if let Some(bound) = self.get(param) {
            if *kind == bound {
                return Fit::Yes;
            }
            if !self.unify(kind, &bound) {
                return Fit::No { was_bound: true };
            }
            let general = most_general(kind, &bound);
            if !self.mentions(general, param) {
                let general = general.clone();
                self.bind(param, general);
            }
            return Fit::Yes;
        }
        if self.mentions(kind, param) {
            return Fit::No { was_bound: false };
        }
        self.bind(param, kind.clone());
        Fit::Yes
    }

    /// Whether the parameter occurs within the type.
    fn mentions(&self, kind: &Type, param: &Type) -> bool {
        if kind == param {
            return true;
        }
        match self.get(kind) {
            Some(bound) => self.mentions(&bound, param),
            None => kind.parameters().into_iter().any(|part| self.mentions(part, param)),
        }
    }

    /// The type with every known parameter replaced.
    pub(super) fn resolve(&self, kind: &Type) -> Type {
        match self.get(kind) {
            Some(bound) => self.resolve(&bound),
            None => kind.map_parameters(&mut |part| self.resolve(part)),
        }
    }

    /// The same, with what is still unknown taken for anything.
    pub(super) fn resolve_fully(&self, kind: &Type) -> Type {
        match self.resolve(kind) {
            Type::Param(_) => Type::Dyn,
            resolved => resolved.map_parameters(&mut |part| self.resolve_fully(part)),
        }
    }
}

enum Fit {
    Yes,
    No { was_bound: bool },
}

/// What may be null where the language's older checker allowed it.
fn is_nullable(kind: &Type) -> bool {
    matches!(
        kind,
        Type::Null | Type::Optional(_) | Type::Object(_) | Type::Opaque(_) | Type::Duration | Type::Timestamp
    )
}

/// The more general of two types that agree.
pub(super) fn most_general<'a>(a: &'a Type, b: &'a Type) -> &'a Type {
    if is_less_specific(a, b) { a } else { b }
}

fn is_less_specific(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn | Type::Param(_), _) => true,
        (_, Type::Dyn | Type::Param(_)) => false,
        (Type::Of(_), Type::Of(_)) => true,
        (Type::List(_), Type::List(_))
        | (Type::Map(_), Type::Map(_))
        | (Type::Optional(_), Type::Optional(_)) => {
            let (a, b) = (a.parameters(), b.parameters());
            a.iter().zip(&b).all(|(a, b)| is_less_specific(a, b))
        }
        (a, b) => a == b,
    }
}
