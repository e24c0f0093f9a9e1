//! What a client is warned of, as headers: each thing once, and not too much of it.

use http::HeaderValue;

/// How much text all warnings may have before each one is cut, in characters; upstream's `truncateAtTotalRunes`.
const MOST: usize = 4 * 1024;

/// How long a warning may be then; upstream's `truncateItemRunes`.
const LONGEST: usize = 256;

/// The headers of warnings, in the order in which they were given.
pub(super) fn headers<'w>(warnings: impl Iterator<Item = &'w str>) -> Vec<HeaderValue> {
    let mut told: Vec<&str> = Vec::new();
    let (mut written, mut cuts) = (0, false);
    for text in warnings {
        if text.is_empty() || told.contains(&text) {
            continue;
        }
        if cuts && written >= MOST {
            break;
        }
        told.push(text);
        if !is_tellable(text) {
            continue;
        }
        written += if cuts { cut(text).chars().count() } else { text.chars().count() };
        if !cuts && written > MOST {
            cuts = true;
            written =
                told.iter().filter(|text| is_tellable(text)).map(|text| cut(text).chars().count()).sum();
        }
    }
    let tellable = told.into_iter().filter(|text| is_tellable(text));
    tellable.filter_map(|text| header(if cuts { cut(text) } else { text })).collect()
}

/// A header has one line.
fn is_tellable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

fn header(text: &str) -> Option<HeaderValue> {
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(warnings: &[&str]) -> Vec<String> {
        let headers = headers(warnings.iter().copied());
        headers.iter().map(|header| String::from_utf8_lossy(header.as_bytes()).into_owned()).collect()
    }

    #[test]
    fn each_thing_is_told_once_in_one_line() {
        let warnings = ["a \"b\" \\", "", "é", "two\nlines", "a \"b\" \\"];
        assert_eq!(shown(&warnings), ["299 - \"a \\\"b\\\" \\\\\"", "299 - \"é\""]);
    }

    #[test]
    fn too_much_is_cut_from_the_first_to_the_last() {
        let long = |number: usize| format!("{number:02}{}", "é".repeat(1022));
        let texts: Vec<String> = (0..20).map(long).collect();
        let some: Vec<&str> = texts.iter().map(String::as_str).take(4).collect();
        assert!(shown(&some).iter().all(|header| header.chars().count() == 1024 + 8));
        let all: Vec<&str> = texts.iter().map(String::as_str).collect();
        let told = shown(&all);
        assert_eq!(told.len(), MOST / LONGEST);
        assert!(told.iter().all(|header| header.chars().count() == LONGEST + 8), "{told:?}");
    }
}
