//! How the clauses of `format` (`%s`, `%.2f`, …) stand in a text, and what each may be given; upstream's first version of
//! the function, with its words.

/// What a clause makes of its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    Text,
    Decimal,
    Fixed(Option<usize>),
    Scientific,
    Binary,
    /// Whether its letters are large ones.
    Hex(bool),
    Octal,
}

impl Clause {
    /// What is said where it is given a value of a type that it is not for.
    pub(super) fn unfit(self, type_name: &str) -> String {
        let only = match self {
            Clause::Text => {
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, \
                 durations, and timestamps"
            }
            Clause::Decimal => "decimal clause can only be used on integers",
            Clause::Fixed(_) => "fixed-point clause can only be used on doubles",
            Clause::Scientific => "scientific clause can only be used on doubles",
            Clause::Binary => "only integers and bools can be formatted as binary",
            Clause::Hex(_) => "only integers, byte buffers, and strings can be formatted as hex",
            Clause::Octal => "octal clause can only be used on integers",
        };
        format!("{only}, was given {type_name}")
    }
}

/// Where arguments come from, and what becomes of them.
pub(super) trait Arguments {
    /// Fails if there is no such argument, where that is told before anything is known of the clause.
    fn ask(&mut self, index: usize) -> Result<(), String>;

    /// Whether there is no such argument, where that is told only once there is a clause.
    fn lacks(&self, _index: usize) -> bool {
        false
    }

    /// What the clause makes of an argument.
    fn fill(&mut self, index: usize, clause: Clause) -> Result<String, String>;
}

/// Replaces the clauses of a text.
pub(super) fn fill(text: &str, arguments: &mut impl Arguments) -> Result<String, String> {
    let (mut filled, mut rest, mut index) = (String::with_capacity(text.len()), text, 0);
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            filled.push('%');
            rest = after;
            continue;
        }
        arguments.ask(index)?;
        if after.is_empty() {
            return Err("unexpected end of string".to_owned());
        }
        if arguments.lacks(index) {
            return Err(out_of_range(index));
        }
        let (clause, after) =
            clause(after).map_err(|why| format!("could not parse formatting clause: {why}"))?;
        let value = arguments.fill(index, clause).map_err(|why| format!("error during formatting: {why}"))?;
        filled.push_str(&value);
        (rest, index) = (after, index + 1);
    }
    filled.push_str(rest);
    Ok(filled)
}

/// There is no such argument.
pub(super) fn out_of_range(index: usize) -> String {
    format!("index {index} out of range")
}

/// The clause that a text begins with, behind its per cent sign.
fn clause(text: &str) -> Result<(Clause, &str), String> {
    let (precision, rest) = precision(text).map_err(|why| format!("error while parsing precision: {why}"))?;
    let (letter, after) = rest.split_at_checked(1).unwrap_or((rest, ""));
    let clause = match letter {
        "s" => Clause::Text,
        "d" => Clause::Decimal,
        "f" => Clause::Fixed(precision),
        "e" => Clause::Scientific,
        "b" => Clause::Binary,
        "x" => Clause::Hex(false),
        "X" => Clause::Hex(true),
        "o" => Clause::Octal,
        // Upstream looks at one byte of the text.
        _ => {
            let byte = rest.as_bytes().first().copied().map(char::from).unwrap_or_default();
            return Err(format!("unrecognized formatting clause \"{byte}\""));
        }
    };
    Ok((clause, after))
}

fn precision(text: &str) -> Result<(Option<usize>, &str), String> {
    let Some(text) = text.strip_prefix('.') else { return Ok((None, text)) };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(digits);
    if rest.is_empty() {
        return Err("could not find end of precision specifier".to_owned());
    }
    let why = if digits.is_empty() { "invalid syntax" } else { "value out of range" };
    let wrong =
        || format!("error while converting precision to integer: strconv.Atoi: parsing {digits:?}: {why}");
    digits.parse().map(|precision| (Some(precision), rest)).map_err(|_| wrong())
}
