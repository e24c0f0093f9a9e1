//! Unified differences of texts, as Python's difflib, which upstream's library follows, finds them: around the longest
//! common runs of lines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// Lines shown around a difference.
const CONTEXT: usize = 3;

/// In texts of this many lines, lines that are more than a hundredth of them do not start a run.
const LONG: usize = 200;

/// A run of equal lines: where it starts in the old and the new text, and how long it is.
#[derive(Clone, Copy)]
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

/// The differences between two texts, each with the lines around it; empty if there are none.
pub(super) fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let runs = runs(&old, &new);
    let mut text = String::new();
    for hunk in hunks(&runs, old.len(), new.len()) {
        write_hunk(&hunk, &old, &new, &mut text);
    }
    text
}

/// A part of the texts: equal or not.
#[derive(Clone)]
struct Part {
    old: Range<usize>,
    new: Range<usize>,
    equal: bool,
}

/// All runs in order, with an empty one at the end of both texts.
fn runs(old: &[&str], new: &[&str]) -> Vec<Run> {
    let places = places(new);
    let mut found = Vec::new();
    let mut open = vec![(0..old.len(), 0..new.len())];
    while let Some((in_old, in_new)) = open.pop() {
        let run = longest(old, new, &places, in_old.clone(), in_new.clone());
        if run.length > 0 {
            open.push((in_old.start..run.old, in_new.start..run.new));
            open.push((run.old + run.length..in_old.end, run.new + run.length..in_new.end));
            found.push(run);
        }
    }
    found.sort_by_key(|run| (run.old, run.new));
    found.push(Run { old: old.len(), new: new.len(), length: 0 });
    found
}

/// Where each line is in the new text, without those that are too common to tell anything.
fn places<'a>(new: &[&'a str]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(index);
    }
    if new.len() >= LONG {
        places.retain(|_, indexes| indexes.len() <= new.len() / 100 + 1);
    }
    places
}

/// The longest run within the ranges: of equally long ones, the one that starts first in the old text, then in the new.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &BTreeMap<&str, Vec<usize>>,
    in_old: Range<usize>,
    in_new: Range<usize>,
) -> Run {
    let mut best = Run { old: in_old.start, new: in_new.start, length: 0 };
    // How long the run is that ends at each line of the new text and the last line of the old.
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    for at in in_old.clone() {
        let mut next = BTreeMap::new();
        for &place in places.get(old[at]).into_iter().flatten().filter(|place| in_new.contains(place)) {
            let before = place.checked_sub(1).and_then(|before| lengths.get(&before));
            let length = before.copied().unwrap_or_default() + 1;
            next.insert(place, length);
            if length > best.length {
                best = Run { old: at + 1 - length, new: place + 1 - length, length };
            }
        }
        lengths = next;
    }
    widen(best, old, new, &in_old, &in_new)
}

/// Adds the equal lines around a run, which may be too common to have started it.
fn widen(mut run: Run, old: &[&str], new: &[&str], in_old: &Range<usize>, in_new: &Range<usize>) -> Run {
    while run.old > in_old.start && run.new > in_new.start && old[run.old - 1] == new[run.new - 1] {
        run = Run { old: run.old - 1, new: run.new - 1, length: run.length + 1 };
    }
    while run.old + run.length < in_old.end
        && run.new + run.length < in_new.end
        && old[run.old + run.length] == new[run.new + run.length]
    {
        run.length += 1;
    }
    run
}

/// The parts to show, those that are near each other together.
fn hunks(runs: &[Run], old_lines: usize, new_lines: usize) -> Vec<Vec<Part>> {
    let mut parts = parts(runs);
    if parts.iter().all(|part| part.equal) {
        return Vec::new();
    }
    if let Some(first) = parts.first_mut().filter(|part| part.equal) {
        *first = last_of(first, CONTEXT);
    }
    if let Some(last) = parts.last_mut().filter(|part| part.equal) {
        debug_assert!(last.old.end == old_lines && last.new.end == new_lines);
        *last = first_of(last, CONTEXT);
    }
    let (mut hunks, mut hunk) = (Vec::new(), Vec::new());
    for part in parts {
        if part.equal && part.old.len() > 2 * CONTEXT {
            hunk.push(first_of(&part, CONTEXT));
            hunks.push(std::mem::take(&mut hunk));
            hunk.push(last_of(&part, CONTEXT));
        } else {
            hunk.push(part);
        }
    }
    hunks.push(hunk);
    hunks
}

fn parts(runs: &[Run]) -> Vec<Part> {
    let (mut parts, mut old, mut new) = (Vec::new(), 0, 0);
    for run in runs {
        if old < run.old || new < run.new {
            parts.push(Part { old: old..run.old, new: new..run.new, equal: false });
        }
        (old, new) = (run.old + run.length, run.new + run.length);
        if run.length > 0 {
            parts.push(Part { old: run.old..old, new: run.new..new, equal: true });
        }
    }
    parts
}

fn first_of(part: &Part, lines: usize) -> Part {
    let cut = |range: &Range<usize>| range.start..range.end.min(range.start + lines);
    Part { old: cut(&part.old), new: cut(&part.new), equal: part.equal }
}

fn last_of(part: &Part, lines: usize) -> Part {
    let cut = |range: &Range<usize>| range.start.max(range.end.saturating_sub(lines))..range.end;
    Part { old: cut(&part.old), new: cut(&part.new), equal: part.equal }
}

fn write_hunk(hunk: &[Part], old: &[&str], new: &[&str], text: &mut String) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return };
    let (was, is) = (first.old.start..last.old.end, first.new.start..last.new.end);
    let _ = writeln!(text, "@@ -{} +{} @@", shown(&was), shown(&is));
    for part in hunk {
        if part.equal {
            write_lines(' ', &old[part.old.clone()], text);
        } else {
            write_lines('-', &old[part.old.clone()], text);
            write_lines('+', &new[part.new.clone()], text);
        }
    }
}

fn write_lines(sign: char, lines: &[&str], text: &mut String) {
    for line in lines {
        let _ = writeln!(text, "{sign}{line}");
    }
}

/// A range of lines, counted from one; an empty one is told by the line before it.
fn shown(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        lines => format!("{},{lines}", range.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_changes_are_hunks_of_their_own() {
        let old: Vec<String> = (1..=20).map(|number| number.to_string()).collect();
        let mut new = old.clone();
        new[0] = "x".to_owned();
        new.remove(18);
        assert_eq!(
            unified(&old.join("\n"), &new.join("\n")),
            "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -16,5 +16,4 @@\n 16\n 17\n 18\n-19\n 20\n"
        );
    }

    #[test]
    fn equal_texts_do_not_differ() {
        assert_eq!(unified("a\nb", "a\nb"), "");
    }
}
