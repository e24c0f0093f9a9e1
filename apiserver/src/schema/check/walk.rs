//! Walks a value along its rules and reports what breaks them.

use steersman_core::field::{Error, ErrorList, ErrorType, Path};
use steersman_core::tree::{Map, Number, Value};

use super::number::{float, is_in_range, is_integer, is_multiple, shown};
use super::{Check, ListRules, NumberRules, ObjectRules, TextRules, format};

/// Reports what is wrong with `value`, which stands at `path`.
pub(crate) fn check(rules: &Check, value: &Value, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    rules.check(value, None, path, &mut errors);
    errors
}

/// Reports what is wrong with a whole object that replaces `old`, but for what the update left alone.
pub(crate) fn check_update(rules: &Check, value: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    rules.check(value, Some(old), &Path::ROOT, &mut errors);
    errors
}

impl Check {
    /// What stood there before, if that can be told, makes what is wrong pass as long as it is the same.
    fn check(&self, value: &Value, old: Option<&Value>, path: &Path<'_>, errors: &mut ErrorList) {
        let before = errors.len();
        self.check_anew(value, old, path, errors);
        if errors.len() > before && old.is_some_and(|old| self.is_unchanged(value, old)) {
            errors.truncate(before);
        }
    }

    fn check_anew(&self, value: &Value, old: Option<&Value>, path: &Path<'_>, errors: &mut ErrorList) {
        if value.is_null() {
            if !self.types.is_empty() && !self.nullable {
                errors.push(self.wrong_type(value, path));
            }
            return;
        }
        if !self.fits_type(value) {
            errors.push(self.wrong_type(value, path));
        }
        self.junctors(value, path, errors);
        match value {
            Value::String(text) => {
                self.text.check(text, path, errors);
                self.check_format(text, path, errors);
            }
            Value::Number(number) => self.number(number, path, errors),
            Value::Array(list) => {
                self.elements(list, old, path, errors);
                self.list.check(list, path, errors);
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => {}
        }
        self.check_allowed(value, path, errors);
        if let Value::Object(map) = value {
            self.object.check(map, old, path, errors);
        }
    }

    fn elements(&self, list: &[Value], old: Option<&Value>, path: &Path<'_>, errors: &mut ErrorList) {
        let Some(rules) = &self.list.items else { return };
        let counterparts = self.counterparts(old);
        for (index, value) in list.iter().enumerate() {
            let old = counterparts.as_ref().and_then(|olds| olds.get(value));
            rules.check(value, old, &path.index(index), errors);
        }
    }

    fn fits_type(&self, value: &Value) -> bool {
        let kind = kind_of(value);
        self.types.is_empty()
            || self.types.iter().any(|one| match (*one, value) {
                ("integer", Value::Number(number)) => is_integer(number),
                ("number", Value::Number(_)) => true,
                (one, _) => one == kind,
            })
    }

    fn wrong_type(&self, value: &Value, path: &Path<'_>) -> Error {
        let kind = kind_of(value);
        let wanted = self.types.join(",");
        Error::type_invalid(path, kind, format!("{path} in body must be of type {wanted}: {kind:?}"))
    }

    fn number(&self, number: &Number, path: &Path<'_>, errors: &mut ErrorList) {
        if let [kind @ ("integer" | "number")] = self.types.as_slice() {
            let format = self.format.as_deref();
            if !is_in_range(number, kind, format) {
                let format =
                    format.map_or("(default format)".to_owned(), |name| format!("with format {name}"));
                errors.push(unplaced(format!("Checked value must be of type {kind} {format} in {path}")));
            }
        }
        self.number.check(number, path, errors);
    }

    fn check_format(&self, text: &str, path: &Path<'_>, errors: &mut ErrorList) {
        let Some(name) = &self.format else { return };
        if !format::fits(name, text) {
            let detail = format!("{path} in body must be of type {name}: {text:?}");
            errors.push(Error::type_invalid(path, text, detail));
        }
    }

    fn check_allowed(&self, value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
        if self.allowed.is_empty() || self.allowed.contains(value) {
            return;
        }
        let allowed: Vec<String> = self.allowed.iter().map(bare).collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        errors.push(Error::not_supported(path, value, &allowed));
    }

    fn junctors(&self, value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
        let verdicts =
            |rules: &[Check]| -> Vec<ErrorList> { rules.iter().map(|one| check(one, value, path)).collect() };
        let any = verdicts(&self.any_of);
        if !any.is_empty() && !any.iter().any(Vec::is_empty) {
            errors.push(unplaced(format!("\"{path}\" must validate at least one schema (anyOf)")));
            errors.extend(any.into_iter().next().unwrap_or_default());
        }
        let one = verdicts(&self.one_of);
        match one.iter().filter(|verdict| verdict.is_empty()).count() {
            _ if one.is_empty() => {}
            0 => {
                let why =
                    format!("\"{path}\" must validate one and only one schema (oneOf). Found none valid");
                errors.push(unplaced(why));
                errors.extend(one.into_iter().next().unwrap_or_default());
            }
            1 => {}
            several => errors.push(unplaced(format!(
                "\"{path}\" must validate one and only one schema (oneOf). Found {several} valid alternatives"
            ))),
        }
        let all = verdicts(&self.all_of);
        let broken = all.iter().filter(|verdict| !verdict.is_empty()).count();
        let none = if broken == all.len() { ". None validated" } else { "" };
        errors.extend(all.into_iter().flatten());
        if broken > 0 {
            errors.push(unplaced(format!("\"{path}\" must validate all the schemas (allOf){none}")));
        }
        if self.not.as_ref().is_some_and(|not| check(not, value, path).is_empty()) {
            errors.push(unplaced(format!("\"{path}\" must not validate the schema (not)")));
        }
    }
}

impl TextRules {
    fn check(&self, text: &str, path: &Path<'_>, errors: &mut ErrorList) {
        let length = text.chars().count() as u64;
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            errors.push(Error::too_long(path, usize::try_from(max).unwrap_or(usize::MAX)));
        } else if let Some(min) = self.min_length.filter(|min| length < *min) {
            let detail = format!("{path} in body should be at least {min} chars long");
            errors.push(Error::invalid(path, text, detail));
        } else if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            errors.push(Error::invalid(path, text, format!("{path} in body should match '{pattern}'")));
        }
    }
}

impl NumberRules {
    fn check(&self, number: &Number, path: &Path<'_>, errors: &mut ErrorList) {
        let value = number.as_f64().unwrap_or_default();
        let mut refuse = |why: &str, bound: f64| {
            errors.push(Error {
                kind: ErrorType::Invalid,
                field: path.to_string(),
                value: shown(number),
                detail: format!("{path} in body should be {why} {}", float(bound)),
            })
        };
        if let Some(factor) = self.multiple_of.filter(|factor| *factor > 0.0 && !is_multiple(number, *factor))
        {
            refuse("a multiple of", factor);
        }
        match self.maximum {
            Some(max) if self.exclusive_maximum && value >= max => refuse("less than", max),
            Some(max) if value > max => refuse("less than or equal to", max),
            _ => {}
        }
        match self.minimum {
            Some(min) if self.exclusive_minimum && value <= min => refuse("greater than", min),
            Some(min) if value < min => refuse("greater than or equal to", min),
            _ => {}
        }
    }
}

impl ListRules {
    fn check(&self, list: &[Value], path: &Path<'_>, errors: &mut ErrorList) {
        let length = list.len() as u64;
        if let Some(min) = self.min_items.filter(|min| length < *min) {
            let detail = format!("{path} in body should have at least {min} items");
            errors.push(Error::invalid(path, length, detail));
        }
        if let Some(max) = self.max_items.filter(|max| length > *max) {
            errors.push(Error::too_many(path, list.len(), usize::try_from(max).unwrap_or(usize::MAX)));
        }
    }
}

impl ObjectRules {
    fn check(&self, map: &Map, old: Option<&Value>, path: &Path<'_>, errors: &mut ErrorList) {
        let length = map.len() as u64;
        if let Some(min) = self.min_properties.filter(|min| length < *min) {
            let detail = format!("{path} in body should have at least {min} properties");
            errors.push(Error::invalid(path, length, detail));
        }
        if let Some(max) = self.max_properties.filter(|max| length > *max) {
            errors.push(Error::too_many(path, map.len(), usize::try_from(max).unwrap_or(usize::MAX)));
        }
        for key in self.required.iter().filter(|key| !map.contains_key(key)) {
            errors.push(Error::required(&path.child(key), ""));
        }
        for (key, value) in map {
            if let Some(rules) = self.properties.get(key.as_str()).or(self.values.as_deref()) {
                // What kind of object it is may be shown in another version than before.
                let is_kind = matches!(key.as_str(), "apiVersion" | "kind") && path.to_string().is_empty();
                let old = old.filter(|_| !is_kind).and_then(|old| old.get(key));
                rules.check(value, old, &path.child(key), errors);
            }
        }
    }
}

/// An error that upstream does not place: its field prints as Go prints nothing.
fn unplaced(detail: String) -> Error {
    Error { kind: ErrorType::Invalid, field: "<nil>".to_owned(), value: "\"\"".to_owned(), detail }
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
