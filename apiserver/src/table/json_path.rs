//! The paths of additional printer columns: `.spec.ports[0].name`, `.status.conditions[?(@.type=="Ready")].status`.
//!
//! The part of kubectl's JSONPath that finds values: fields, indexes, slices, wildcards, unions, filters, descent.

use steersman_core::tree::Value;

/// No more values than this are found, nor looked at on the way.
const FOUND: usize = 10_000;

/// A path, understood.
#[derive(Clone, Debug)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// Every item or field.
    Every,
    /// The value and everything below it.
    Descent,
    /// Items from, to, and by how many; from the end if negative.
    Slice(Option<i64>, Option<i64>, i64),
    Union(Vec<Step>),
    Filter(Vec<Step>, Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Exists,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Value(Value),
    Path(Vec<Step>),
}

impl JsonPath {
    /// Understands a path; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Parser { rest: text }.path().map(JsonPath)
    }

    /// The values that it leads to.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        walk(&self.0, value)
    }
}

fn walk<'v>(steps: &[Step], value: &'v Value) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            if next.len() < FOUND {
                step.apply(value, &mut next);
            }
        }
        found = next;
    }
    found
}

impl Step {
    fn apply<'v>(&self, value: &'v Value, found: &mut Vec<&'v Value>) {
        match self {
            Step::Field(name) => found.extend(value.get(name)),
            Step::Every => found.extend(below(value)),
            Step::Descent => descend(value, found),
            Step::Slice(from, to, by) => slice(value, *from, *to, *by, found),
            Step::Union(steps) => steps.iter().for_each(|step| step.apply(value, found)),
            Step::Filter(path, comparison, operand) => {
                let keep = |item: &&Value| filter(path, *comparison, operand, item);
                found.extend(value.as_array().into_iter().flatten().filter(keep));
            }
        }
    }
}

fn below(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

/// Trees are not deeper than decoding allows, so this ends.
fn descend<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    if found.len() < FOUND {
        found.push(value);
        below(value).into_iter().for_each(|value| descend(value, found));
    }
}

fn slice<'v>(value: &'v Value, from: Option<i64>, to: Option<i64>, by: i64, found: &mut Vec<&'v Value>) {
    let Value::Array(list) = value else { return };
    let length = list.len() as i64;
    let place = |index: i64| if index < 0 { index + length } else { index }.clamp(0, length) as usize;
    let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
    let by = usize::try_from(by).unwrap_or(1).max(1);
    found.extend(list.get(from..to).into_iter().flatten().step_by(by));
}

fn filter(path: &[Step], comparison: Comparison, operand: &Operand, item: &Value) -> bool {
    let left = walk(path, item);
    let Some(left) = left.first() else { return false };
    let other = match operand {
        Operand::Value(value) => Some(value),
        Operand::Path(path) => walk(path, item).first().copied(),
    };
    match (comparison, other) {
        (Comparison::Exists, _) => true,
        (_, None) => false,
        (comparison, Some(right)) => comparison.holds(left, right),
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (left, right) => return matches!(self, Comparison::Equal) == (left == right),
        };
        match self {
            Comparison::Exists => true,
            Comparison::Equal => order.is_some_and(|order| order.is_eq()),
            Comparison::NotEqual => order.is_none_or(|order| order.is_ne()),
            Comparison::Less => order.is_some_and(|order| order.is_lt()),
            Comparison::LessOrEqual => order.is_some_and(|order| order.is_le()),
            Comparison::Greater => order.is_some_and(|order| order.is_gt()),
            Comparison::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    /// Steps up to the end of the text.
    fn path(&mut self) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(step);
        }
        self.rest.is_empty().then_some(steps)
    }

    /// The next step; `Some(None)` if no other one follows.
    fn step(&mut self) -> Option<Option<Step>> {
        if self.take("..") {
            return Some(Some(Step::Descent));
        }
        if self.take("[") {
            return self.bracket().map(Some);
        }
        let has_dot = self.take(".");
        if self.take("*") {
            return Some(Some(Step::Every));
        }
        let name = self.name();
        match (name.is_empty(), has_dot) {
            (false, _) => Some(Some(Step::Field(name))),
            // A bracket may follow a dot, and a dot alone is everything.
            (true, true) => self.step(),
            (true, false) => Some(None),
        }
    }

    /// The name of a field, in which a backslash makes any character part of the name.
    fn name(&mut self) -> String {
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                '.' | '[' | ']' | ' ' | ')' | '=' | '!' | '<' | '>' | '@' | ',' | '*' | '?' | '(' => {
                    self.rest = &self.rest[at..];
                    return name;
                }
                plain => name.push(plain),
            }
        }
        self.rest = "";
        name
    }

    fn bracket(&mut self) -> Option<Step> {
        if self.take("?(") {
            return self.filter();
        }
        let (inside, rest) = self.rest.split_once(']')?;
        self.rest = rest;
        let mut parts: Vec<Step> =
            inside.split(',').map(|part| selection(part.trim())).collect::<Option<_>>()?;
        if parts.len() == 1 { parts.pop() } else { Some(Step::Union(parts)) }
    }

    fn filter(&mut self) -> Option<Step> {
        let path = self.operand()?;
        let Operand::Path(path) = path else { return None };
        self.rest = self.rest.trim_start();
        const OPERATORS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let operator = OPERATORS.iter().find(|(text, _)| self.take(text));
        let (comparison, operand) = match operator {
            Some((_, comparison)) => (*comparison, self.operand()?),
            None => (Comparison::Exists, Operand::Value(Value::Null)),
        };
        self.rest = self.rest.trim_start();
        self.take(")]").then_some(Step::Filter(path, comparison, operand))
    }

    fn operand(&mut self) -> Option<Operand> {
        self.rest = self.rest.trim_start();
        if self.take("@") {
            let mut steps = Vec::new();
            while let Some(step) = self.step()? {
                steps.push(step);
            }
            return Some(Operand::Path(steps));
        }
        for quote in ["\"", "'"] {
            if self.take(quote) {
                let (text, rest) = self.rest.split_once(quote)?;
                self.rest = rest;
                return Some(Operand::Value(text.into()));
            }
        }
        let end = self.rest.find([')', ' ', '=', '!', '<', '>'])?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_str(word).ok().map(Operand::Value)
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// What stands in brackets: `*`, `'name'`, `0`, `-1`, `1:3`, `::2`.
fn selection(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Every);
    }
    for quote in ['\'', '"'] {
        if let Some(name) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return Some(Step::Field(name.to_owned()));
        }
    }
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<i64>().ok().map(Some) };
    let parts: Vec<Option<i64>> = text.split(':').map(number).collect::<Option<_>>()?;
    match parts.as_slice() {
        // The last item ends where the list ends.
        [Some(-1)] => Some(Step::Slice(Some(-1), None, 1)),
        [Some(index)] => Some(Step::Slice(Some(*index), index.checked_add(1), 1)),
        [from, to] => Some(Step::Slice(*from, *to, 1)),
        [from, to, by] => Some(Step::Slice(*from, *to, by.unwrap_or(1))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let value = json!({
            "spec": {"s": "x", "l": [{"x": "p", "n": 1}, {"x": "q", "n": 2}, {"x": "r", "n": 3}], "a.b": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        });
        let cases = [
            (".spec.s", json!(["x"])),
            ("spec.s", json!(["x"])),
            (".spec.l[0].x", json!(["p"])),
            (".spec.l[-1].x", json!(["r"])),
            (".spec.l[*].x", json!(["p", "q", "r"])),
            (".spec.l[1:].x", json!(["q", "r"])),
            (".spec.l[::2].x", json!(["p", "r"])),
            (".spec.l[0,2].x", json!(["p", "r"])),
            (".spec['a.b']", json!([true])),
            (r".spec.a\.b", json!([true])),
            (r#".status.conditions[?(@.type=="Ready")].status"#, json!(["True"])),
            (".status.conditions[?(@.type == 'Other')].status", json!(["False"])),
            (".status.conditions[?(@.type!='Other')].status", json!(["True"])),
            (".spec.l[?(@.n>=2)].x", json!(["q", "r"])),
            (".spec.l[?(@.missing)].x", json!([])),
            (".spec..n", json!([1, 2, 3])),
            (".spec.missing", json!([])),
            (".spec.l[7].x", json!([])),
        ];
        for (path, expected) in cases {
            let path_of = JsonPath::parse(path).expect(path);
            assert_eq!(json!(path_of.find(&value)), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in [".a[", ".a[x]", ".a[?(@.b==)]", ".a[?(@.b", ".a]", ".a[1:2:3:4]", ".a b"] {
            assert!(JsonPath::parse(path).is_none(), "{path}");
        }
    }
}
