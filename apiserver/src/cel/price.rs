//! What one call costs at most, estimated from the sizes that its arguments can have.
//!
//! A unit is about what comparing two numbers takes. <https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints>

use super::estimate::{Estimate, Estimator, Operand};
use super::expr::Literal;
use super::kind::Type;
use super::range::Range;

/// Making a list, a map, a message.
pub(super) const LIST: u64 = 10;
pub(super) const MAP: u64 = 30;
pub(super) const MESSAGE: u64 = 40;

/// Going through a string costs this for each character.
pub(super) const TRAVERSAL: f64 = 0.1;
/// A regular expression costs this for each of its characters, times the string's.
pub(super) const REGEX: f64 = 0.25;
/// How long the regular expressions of named formats are taken to be.
const FORMAT_REGEX: f64 = 128.0;

/// What a call of an overload costs besides its arguments, and how large its result is.
pub(super) fn estimate(
    estimator: &Estimator<'_>,
    function: &str,
    overload: &str,
    target: Option<&Operand<'_>>,
    args: &[Operand<'_>],
) -> Estimate {
    let pricing = Pricing { estimator, target, args };
    pricing
        .lists(overload)
        .or_else(|| pricing.kubernetes(function, overload))
        .unwrap_or_else(|| pricing.standard(overload))
}

struct Pricing<'p, 'e> {
    estimator: &'p Estimator<'p>,
    target: Option<&'p Operand<'e>>,
    args: &'p [Operand<'e>],
}

fn cost(cost: Range) -> Option<Estimate> {
    Some(Estimate { cost, size: None })
}

impl Pricing<'_, '_> {
    /// The size of an operand: computed, or else declared.
    fn size(&self, operand: &Operand<'_>) -> Range {
        operand.size.or_else(|| self.estimator.declared_size(&operand.path)).unwrap_or(Range::UNKNOWN)
    }

    fn arg(&self, index: usize) -> Option<Range> {
        self.args.get(index).map(|arg| self.size(arg))
    }

    /// The type and the size of the elements of the target.
    fn element(&self) -> Option<(&Type, Range)> {
        let target = self.target?;
        let Type::List(item) = &target.kind else { return None };
        let size = if target.path.is_empty() {
            None
        } else {
            let mut path = target.path.clone();
            path.push("@items".to_owned());
            self.estimator.declared_size(&path)
        };
        Some((item.as_ref(), size.unwrap_or(Range::UNKNOWN)))
    }

    /// Functions that make lists, and those on sets.
    fn lists(&self, overload: &str) -> Option<Estimate> {
        let target = || self.target.map_or(Range::UNKNOWN, |target| self.size(target));
        let made = |size: Range, factor: f64| {
            let cost = size.scaled(factor).plus(Range::exactly(1 + LIST));
            Some(Estimate { cost, size: Some(size) })
        };
        match overload {
            "list_slice" => {
                let start = literal(self.args.first()).unwrap_or_default();
                let end = literal(self.args.get(1)).unwrap_or(target().max);
                made(Range::exactly(end.saturating_sub(start)), 1.0)
            }
            "lists_range" => made(Range::exactly(literal(self.args.first()).unwrap_or(u64::MAX)), 1.0),
            "list_reverse" | "list_flatten" => made(target(), 1.0),
            #[expect(clippy::cast_precision_loss, reason = "a depth")]
            "list_flatten_int" => made(target(), literal(self.args.first()).unwrap_or(u64::MAX) as f64),
            "list_distinct" => made(target().times(target()), 2.0),
            "list_sort" => self.sort(self.target),
            "list_sort_by" => self.sort(self.args.first()),
            "list_sets_contains_list" | "list_sets_intersects_list" => self.sets(1.0),
            "list_sets_equivalent_list" => self.sets(2.0),
            _ => None,
        }
    }

    fn sort(&self, keys: Option<&Operand<'_>>) -> Option<Estimate> {
        let keys = keys?;
        let is_text = matches!(&keys.kind, Type::List(item) if matches!(**item, Type::String | Type::Bytes));
        let factor = if is_text { 2.0 + TRAVERSAL } else { 2.0 };
        let size = self.size(keys).times(self.size(keys));
        Some(Estimate { cost: size.scaled(factor).plus(Range::exactly(1 + LIST)), size: Some(size) })
    }

    fn sets(&self, factor: f64) -> Option<Estimate> {
        cost(self.arg(0)?.times(self.arg(1)?).scaled(factor).plus(Range::ONE))
    }

    /// What upstream prices beyond the language's own functions.
    fn kubernetes(&self, function: &str, overload: &str) -> Option<Estimate> {
        let target = || self.target.map(|target| self.size(target));
        match function {
            "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => {
                let size = target()?;
                cost(match self.element() {
                    Some((Type::String | Type::Bytes, element)) => {
                        size.times(Range::ONE.plus(element.scaled(TRAVERSAL)))
                    }
                    Some(_) => size,
                    None => size.scaled(TRAVERSAL),
                })
            }
            "url" => {
                let size = self.arg(0)?;
                Some(Estimate { cost: size.scaled(TRAVERSAL), size: Some(size) })
            }
            "lowerAscii" | "upperAscii" | "substring" | "trim" => {
                let size = target()?;
                Some(Estimate { cost: size.scaled(TRAVERSAL), size: Some(size) })
            }
            "replace" => {
                let size = replaced(target()?, self.arg(0)?, self.arg(1)?);
                Some(Estimate { cost: target()?.scaled(2.0 * TRAVERSAL), size: Some(size) })
            }
            "split" => self.split(target()?),
            "join" => self.join(target()?),
            "find" | "findAll" => {
                let size = target()?;
                let cost = regex(size, self.arg(0)?);
                Some(Estimate { cost, size: Some(Range { min: 0, max: size.max }) })
            }
            "ip" if overload == "cidr_ip" => cost(Range::ONE),
            "cidr" | "isIP" | "isCIDR" | "ip" | "quantity" | "isQuantity" | "semver" | "isSemver" => {
                cost(self.arg(0)?.scaled(TRAVERSAL))
            }
            "ip.isCanonical" => cost(self.arg(0)?.scaled(2.0 * TRAVERSAL)),
            "containsIP" | "containsCIDR" => self.contains(function, overload),
            "validate" => cost(self.arg(0)?.scaled(TRAVERSAL).scaled(FORMAT_REGEX * REGEX)),
            "_==_" => self.opaque_equality(),
            _ => is_nominal(function).then_some(Estimate { cost: Range::ONE, size: None }),
        }
    }

    fn split(&self, size: Range) -> Option<Estimate> {
        let max = self.args.get(1).and_then(|arg| whole(arg.expr)).map_or(size.max, i64::cast_unsigned);
        Some(Estimate { cost: size.scaled(2.0 * TRAVERSAL), size: Some(Range { min: 0, max }) })
    }

    fn join(&self, count: Range) -> Option<Estimate> {
        let mut size = self.element().map_or(Range::ZERO, |(_, element)| count.times(element));
        if let Some(separator) = self.arg(0) {
            let between = Range { min: count.min.saturating_sub(1), max: count.max.saturating_sub(1) };
            size = size.plus(separator.times(between));
        }
        Some(Estimate { cost: size.scaled(TRAVERSAL), size: Some(size) })
    }

    /// Addresses have 4 or 16 bytes; those given as text are parsed first.
    fn contains(&self, function: &str, overload: &str) -> Option<Estimate> {
        let bytes = Range { min: 4, max: 16 };
        let mut sum = bytes.plus(bytes).scaled(TRAVERSAL);
        if function == "containsCIDR" {
            sum = sum.plus(bytes.scaled(TRAVERSAL)).plus(Range::ONE);
        }
        if overload.ends_with("_string") {
            sum = sum.plus(self.arg(0)?.scaled(TRAVERSAL));
        }
        cost(sum)
    }

    fn opaque_equality(&self) -> Option<Estimate> {
        let [a, b] = self.args else { return None };
        match (&a.kind, &b.kind) {
            (Type::Opaque(a), Type::Opaque(b)) if a == b => match *a {
                "kubernetes.URL" => {
                    let max = b_size(self.args).map_or(1, |size| size.max);
                    cost(Range { min: 1, max }.scaled(TRAVERSAL))
                }
                "kubernetes.NamedFormat" => cost(Range { min: 1, max: 64 }.scaled(TRAVERSAL)),
                _ => cost(Range::ONE),
            },
            _ => None,
        }
    }

    fn standard(&self, overload: &str) -> Estimate {
        let arg = |index: usize| self.args.get(index).and_then(|arg| arg.size).unwrap_or(Range::UNKNOWN);
        let target = || self.target.and_then(|target| target.size).unwrap_or(Range::UNKNOWN);
        let made = |size: Range, of: Range| Estimate { cost: of.scaled(TRAVERSAL), size: Some(size) };
        let plain = |cost: Range| Estimate { cost, size: None };
        match overload {
            "string_format" => plain(target().scaled(TRAVERSAL)),
            "string_to_bytes" => {
                let size = arg(0);
                made(Range { min: size.min, max: size.max.saturating_mul(4) }, size)
            }
            "bytes_to_string" => {
                let size = arg(0);
                made(Range { min: size.min / 4, max: size.max }, size)
            }
            "strings_quote" => {
                let size = arg(0);
                made(size.plus(Range { min: 0, max: size.max }).plus(Range::exactly(2)), size)
            }
            "starts_with_string" | "ends_with_string" => plain(arg(0).scaled(TRAVERSAL)),
            "in_list" => plain(arg(1)),
            "matches_string" => plain(regex(target(), arg(0))),
            "contains_string" => plain(target().scaled(TRAVERSAL).times(arg(0).scaled(TRAVERSAL))),
            "add_string" | "add_bytes" => {
                let size = arg(0).plus(arg(1));
                made(size, size)
            }
            "add_list" => Estimate { cost: Range::ONE, size: Some(arg(0).plus(arg(1))) },
            _ if is_sized_comparison(overload) => {
                let max = arg(0).max.min(arg(1).max);
                plain(Range { min: max.min(1), max }.scaled(TRAVERSAL))
            }
            _ => plain(Range::ONE),
        }
    }
}

fn whole(expr: &super::expr::Expr) -> Option<i64> {
    if let Some(Literal::Int(value)) = expr.literal() { Some(*value) } else { None }
}

/// A whole number that stands in the expression; one below zero counts as zero.
fn literal(arg: Option<&Operand<'_>>) -> Option<u64> {
    whole(arg?.expr).map(|value| u64::try_from(value).unwrap_or_default())
}

fn b_size(args: &[Operand<'_>]) -> Option<Range> {
    args.get(1).and_then(|arg| arg.size)
}

/// Comparisons whose cost depends on how large the values are.
fn is_sized_comparison(overload: &str) -> bool {
    matches!(overload, "equals" | "not_equals")
        || ["less_", "less_equals_", "greater_", "greater_equals_"].iter().any(|prefix| {
            overload.strip_prefix(prefix).is_some_and(|kind| matches!(kind, "string" | "bytes"))
        })
}

/// Functions that only look something up.
fn is_nominal(function: &str) -> bool {
    matches!(
        function,
        "masked"
            | "prefixLength"
            | "family"
            | "isUnspecified"
            | "isLoopback"
            | "isLinkLocalMulticast"
            | "isLinkLocalUnicast"
            | "isGlobalUnicast"
            | "format.named"
            | "sign"
            | "asInteger"
            | "isInteger"
            | "asApproximateFloat"
            | "isGreaterThan"
            | "isLessThan"
            | "compareTo"
            | "add"
            | "sub"
            | "major"
            | "minor"
            | "patch"
            | "getScheme"
            | "getHostname"
            | "getHost"
            | "getPort"
            | "getEscapedPath"
            | "getQuery"
    )
}

fn regex(text: Range, pattern: Range) -> Range {
    text.plus(Range::ONE).scaled(TRAVERSAL).times(pattern.scaled(REGEX))
}

/// How large a text is after replacing: the most if the shortest matches become the longest replacements.
fn replaced(text: Range, from: Range, to: Range) -> Range {
    let ceil = |a: u64, b: u64| a.div_ceil(b);
    let (most, kept_most) = match from.min {
        0 => (text.max.saturating_add(1), text.max),
        shortest if to.max <= shortest => (0, text.max),
        shortest => (ceil(text.max, shortest), 0),
    };
    let (least, kept_least) = match from.max {
        0 => (text.min.saturating_add(1), text.min),
        longest if longest <= to.min => (0, text.min),
        longest => (ceil(text.min, longest), 0),
    };
    Range { min: least, max: most }.times(to).plus(Range { min: kept_least, max: kept_most })
}
