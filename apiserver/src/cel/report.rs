//! Words what is wrong with an expression as upstream's compiler does: where, why, and the line with a mark below it.

use kube_cel::cel::parser::Parser;

use super::check::Issue;
use super::token::Wrong;

/// A text that nests deeper, or has more operators, is not parsed a second time to find the grammar's own words: that
/// parser recurses without bound.
const MAX_REPARSED_NESTING: usize = 6;
const MAX_REPARSED_OPERATORS: usize = 24;

/// A line that is longer is not shown; upstream's limit, in bytes.
const MAX_SNIPPET: usize = 16_384;

/// The words for an expression that is not well-formed. Upstream's parser is generated from the grammar and so is the
/// one of `kube-cel`: what it expected instead comes from there.
pub(super) fn syntax(source: &str, wrong: Wrong) -> String {
    if !wrong.why.starts_with("Syntax error") || !is_small(source) {
        return mark(source, position(source, wrong.at), &wrong.why);
    }
    let told = Parser::new().enable_optional_syntax(true).parse(source).err();
    let told: Vec<String> = told
        .iter()
        .flat_map(|told| &told.errors)
        .filter(|error| error.msg.starts_with("Syntax error"))
        .map(|error| {
            let unsigned = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
            mark(source, (unsigned(error.pos.0), unsigned(error.pos.1)), &error.msg)
        })
        .collect();
    if told.is_empty() { mark(source, position(source, wrong.at), &wrong.why) } else { told.join("\n") }
}

/// The words for an expression whose types do not agree.
pub(super) fn types(source: &str, issues: &[Issue]) -> String {
    let told: Vec<String> =
        issues.iter().map(|issue| mark(source, position(source, issue.at), &issue.message)).collect();
    told.join("\n")
}

fn is_small(source: &str) -> bool {
    let (mut nesting, mut deepest, mut operators) = (0_usize, 0, 0);
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => nesting += 1,
            ')' | ']' | '}' => nesting = nesting.saturating_sub(1),
            '.' | '+' | '-' | '*' | '/' | '%' | '!' | '?' | '<' | '>' | '=' => operators += 1,
            _ => {}
        }
        deepest = deepest.max(nesting);
    }
    deepest <= MAX_REPARSED_NESTING && operators <= MAX_REPARSED_OPERATORS
}

/// The line and column of a byte, both from 1; columns count characters.
fn position(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |index| index + 1);
    (line, before[start..].chars().count() + 1)
}

fn mark(source: &str, (line, column): (usize, usize), why: &str) -> String {
    let text = source.split('\n').nth(line - 1).unwrap_or_default().replace('\t', " ");
    if text.len() > MAX_SNIPPET {
        return format!("ERROR: <input>:{line}:{column}: {why}");
    }
    let mut below: String =
        text.chars().take(column - 1).map(|c| if c.is_ascii() { '.' } else { '．' }).collect();
    below.push(if text.chars().nth(column - 1).is_none_or(|c| c.is_ascii()) { '^' } else { '＾' });
    format!("ERROR: <input>:{line}:{column}: {why}\n | {text}\n | {below}")
}
