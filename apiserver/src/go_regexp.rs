//! What Go says of regular expressions that it cannot read.

/// The refusal of a pattern; where the two libraries' words have no counterpart, ours in Go's form.
pub(crate) fn refusal(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let ours = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let (from, to) = marked(&text);
    let (why, part) = match ours {
        "unclosed group" => ("missing closing )", pattern),
        "unopened group" => ("unexpected )", pattern),
        "unclosed character class" => ("missing closing ]", cut(pattern, from, usize::MAX)),
        "repetition operator missing expression" => {
            ("missing argument to repetition operator", cut(pattern, from, to))
        }
        "unrecognized escape sequence" | "backreferences are not supported" => {
            ("invalid escape sequence", cut(pattern, from, to))
        }
        "incomplete escape sequence, reached end of pattern prematurely" => {
            ("trailing backslash at end of expression", "")
        }
        "invalid character class range, the start must be <= the end" => {
            ("invalid character class range", cut(pattern, from, to))
        }
        "look-around, including look-ahead and look-behind, is not supported" => {
            ("invalid or unsupported Perl syntax", cut(pattern, from, to))
        }
        other => (other, pattern),
    };
    format!("error parsing regexp: {why}: `{part}`")
}

/// Which characters of the pattern our library has marked, in a text of one line.
fn marked(text: &str) -> (usize, usize) {
    const INDENT: usize = 4;
    let marks = text.lines().find(|line| line.contains('^') && line.trim().chars().all(|c| c == '^'));
    let line = marks.unwrap_or_default();
    let from = line.find('^').unwrap_or(INDENT).saturating_sub(INDENT);
    (from, from + line.matches('^').count().max(1))
}

/// The characters of a text from one place to before another.
fn cut(text: &str, from: usize, to: usize) -> &str {
    let at = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
    &text[at(from)..at(to)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_as_go_tells_it() {
        let cases = [
            ("a(b", "missing closing ): `a(b`"),
            ("a)b", "unexpected ): `a)b`"),
            ("ab[c", "missing closing ]: `[c`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            (r"a\qb", r"invalid escape sequence: `\q`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("a(?=b)", "invalid or unsupported Perl syntax: `(?=`"),
        ];
        for (pattern, why) in cases {
            let error = regex::Regex::new(pattern).unwrap_err();
            assert_eq!(refusal(pattern, &error), format!("error parsing regexp: {why}"));
        }
    }
}
