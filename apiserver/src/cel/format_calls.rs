//! Checks calls of `format` that can be judged before there are values: with a literal text and a literal list.

use super::check::{Facts, Issue};
use super::clauses::{self, Arguments, Clause};
use super::expr::{Call, Element, Expr, Kind, Literal};
use super::kind::Type;

/// What is wrong with the calls of an expression.
pub(super) fn check(expr: &Expr, facts: &Facts, issues: &mut Vec<Issue>) {
    expr.walk(&mut |expr| {
        let Some((text, elements)) = judged(expr) else { return };
        let mut asked = Asked { elements, facts, count: 0, culprit: expr.at };
        match clauses::fill(text, &mut asked) {
            Err(message) => issues.push(Issue { at: asked.culprit, message }),
            Ok(_) if elements.len() > asked.count => {
                let (wanted, given) = (asked.count, elements.len());
                let message =
                    format!("too many arguments supplied to string.format (expected {wanted}, got {given})");
                issues.push(Issue { at: expr.at, message });
            }
            Ok(_) => {}
        }
    });
}

fn judged(expr: &Expr) -> Option<(&str, &[Element])> {
    let Kind::Call(Call { function, target: Some(target), args }) = &expr.kind else { return None };
    match (function.as_str(), target.literal()?, args.as_slice()) {
        ("format", Literal::String(text), [Expr { kind: Kind::List(elements), .. }]) => {
            Some((text, elements))
        }
        _ => None,
    }
}

struct Asked<'a> {
    elements: &'a [Element],
    facts: &'a Facts,
    /// How many arguments were asked for.
    count: usize,
    /// Where the argument stands that a clause is not for, else the call.
    culprit: usize,
}

impl Arguments for Asked<'_> {
    fn ask(&mut self, _index: usize) -> Result<(), String> {
        self.count += 1;
        Ok(())
    }

    fn fill(&mut self, index: usize, clause: Clause) -> Result<String, String> {
        let Some(element) = self.elements.get(index) else { return Err(clauses::out_of_range(index)) };
        match unfit(clause, &element.value, self.facts) {
            None => Ok(String::new()),
            Some(part) => {
                self.culprit = part.at;
                Err(clause.unfit(&type_name(&self.facts.types[part.id])))
            }
        }
    }

    fn lacks(&self, index: usize) -> bool {
        index >= self.elements.len()
    }
}

/// The argument, or the part of it, that a clause cannot be given.
fn unfit<'e>(clause: Clause, arg: &'e Expr, facts: &Facts) -> Option<&'e Expr> {
    let found = &facts.types[arg.id];
    let fits = matches!(found, Type::Dyn | Type::Error)
        || match clause {
            Clause::Text => {
                !matches!(found, Type::Object(_) | Type::Optional(_) | Type::Opaque(_) | Type::Param(_))
            }
            Clause::Decimal | Clause::Octal => matches!(found, Type::Int | Type::Uint),
            Clause::Fixed(_) | Clause::Scientific => matches!(found, Type::Double | Type::String),
            Clause::Binary => matches!(found, Type::Int | Type::Uint | Type::Bool),
            Clause::Hex(_) => matches!(found, Type::Int | Type::Uint | Type::String | Type::Bytes),
        };
    if !fits {
        return Some(arg);
    }
    match (&arg.kind, clause) {
        (Kind::List(_) | Kind::Map(_), Clause::Text) => {
            arg.kind.children().into_iter().find_map(|part| unfit(clause, part, facts))
        }
        _ => None,
    }
}

/// The name of a type without what it is made of.
fn type_name(kind: &Type) -> String {
    match kind {
        Type::Null => "null_type".to_owned(),
        Type::Duration => "google.protobuf.Duration".to_owned(),
        Type::Timestamp => "google.protobuf.Timestamp".to_owned(),
        Type::List(_) => "list".to_owned(),
        Type::Map(_) => "map".to_owned(),
        Type::Optional(_) => "optional_type".to_owned(),
        Type::Of(_) => "type".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Declared, Library, compile};
    use super::*;

    #[test]
    fn calls_are_judged_by_the_types_of_their_arguments() {
        let during = "error during formatting: ";
        let cases = [
            ("'%s %x %X %f'.format(['a', 'b', 'c', 'NaN'])", String::new()),
            ("'%d %b %o'.format([1, 2, 3])", String::new()),
            ("'%s %f %.2f'.format([1.0, 2.0, 3.0])", String::new()),
            ("'%d'.format([dyn('a')])", String::new()),
            ("'%d'.format(['a'])", format!("{during}{}", Clause::Decimal.unfit("string"))),
            (
                "'%s'.format([[quantity('1')]])",
                format!("{during}{}", Clause::Text.unfit("kubernetes.Quantity")),
            ),
            ("'%f'.format([{'a': 1}])", format!("{during}{}", Clause::Fixed(None).unfit("map"))),
            ("'%s'.format([])", "index 0 out of range".to_owned()),
            ("'%'.format([])", "unexpected end of string".to_owned()),
            (
                "'x'.format([1])",
                "too many arguments supplied to string.format (expected 0, got 1)".to_owned(),
            ),
        ];
        for (source, expected) in cases {
            let program = compile(&Library::new(), source, &BTreeMap::new(), &Declared::any());
            let told = program.err().unwrap_or_default();
            assert!(
                if expected.is_empty() { told.is_empty() } else { told.contains(&expected) },
                "{source}: {told}"
            );
        }
    }
}
