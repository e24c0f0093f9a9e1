//! Parses expressions of the Common Expression Language, with the optional syntax and the macros that Kubernetes has.

use super::expr::{Call, Element, Entry, Expr, Kind, Literal, Select};
use super::macros;
use super::token::{self, Kind as TokenKind, Token, Wrong};

/// No expression nests deeper than this: upstream's limit, and what keeps every walk over a tree within the stack.
const MAX_DEPTH: usize = 250;

/// No expression has more characters than this; upstream's limit.
const MAX_CHARS: usize = 100_000;

/// Identifiers that the language keeps for itself.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The literals and the operator that are words.
const WORDS: [&str; 4] = ["true", "false", "null", "in"];

/// Whether nothing can have that name, because the language has it.
pub(crate) fn is_reserved(name: &str) -> bool {
    WORDS.contains(&name) || RESERVED.contains(&name)
}

/// Parses a text; the second value is how many nodes it has, whose ids count from 0.
pub(super) fn parse(source: &str) -> Result<(Expr, usize), Wrong> {
    let chars = source.chars().count();
    if chars > MAX_CHARS {
        let why = format!("expression code point size exceeds limit: size: {chars}, limit {MAX_CHARS}");
        return Err(Wrong { at: 0, why });
    }
    let mut parser =
        Parser { tokens: token::tokens(source)?, next: 0, nesting: 0, maker: Maker { ids: 0, copied: 0 } };
    let expr = parser.expr()?;
    match parser.peek() {
        TokenKind::End => Ok((expr, parser.maker.ids)),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    maker: Maker,
}

/// Makes nodes, each with an id of its own.
pub(super) struct Maker {
    ids: usize,
    /// How many nodes macros have made twice.
    copied: usize,
}

impl Maker {
    /// A node; an error if it nests too deep.
    pub(super) fn node(&mut self, at: usize, kind: Kind) -> Result<Expr, Wrong> {
        let depth = 1 + kind.children().iter().map(|child| child.depth).max().unwrap_or_default();
        if depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        let id = self.ids;
        self.ids += 1;
        Ok(Expr { id, at, depth, kind })
    }

    /// The same tree once more, for macros that use a part twice. Its ids are those of the original, as its types are.
    pub(super) fn copy(&mut self, expr: &Expr) -> Result<Expr, Wrong> {
        expr.walk(&mut |_| self.copied += 1);
        if self.copied > MAX_CHARS {
            return Err(too_deep(expr.at));
        }
        Ok(expr.clone())
    }

    pub(super) fn call(&mut self, at: usize, function: &str, args: Vec<Expr>) -> Result<Expr, Wrong> {
        self.node(at, Kind::Call(Call { function: function.to_owned(), target: None, args }))
    }
}

fn too_deep(at: usize) -> Wrong {
    Wrong { at, why: format!("expression recursion limit exceeded: {MAX_DEPTH}") }
}

/// The left-associative operators, from those that bind least.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(own) if *own == symbol)
    }

    /// Takes the symbol if it comes next; where it stood.
    fn take(&mut self, symbol: &str) -> Option<usize> {
        let at = self.at();
        self.is(symbol).then(|| {
            self.next += 1;
            at
        })
    }

    fn expect(&mut self, symbol: &str) -> Result<usize, Wrong> {
        self.take(symbol).ok_or_else(|| self.unexpected())
    }

    fn unexpected(&self) -> Wrong {
        let found = match self.peek() {
            TokenKind::End => "<EOF>".to_owned(),
            TokenKind::Symbol(symbol) => (*symbol).to_owned(),
            TokenKind::Ident(name) => name.clone(),
            TokenKind::Literal(_) => "literal".to_owned(),
        };
        Wrong { at: self.at(), why: format!("Syntax error: mismatched input '{found}'") }
    }

    fn expr(&mut self) -> Result<Expr, Wrong> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            return Err(too_deep(self.at()));
        }
        let expr = self.choice();
        self.nesting -= 1;
        expr
    }

    fn choice(&mut self) -> Result<Expr, Wrong> {
        let condition = self.operation(0)?;
        match self.take("?") {
            None => Ok(condition),
            Some(at) => self.branches(at, condition),
        }
    }

    fn branches(&mut self, at: usize, condition: Expr) -> Result<Expr, Wrong> {
        let yes = self.operation(0)?;
        self.expect(":")?;
        let no = self.expr()?;
        self.maker.call(at, "_?_:_", vec![condition, yes, no])
    }

    /// Operands, and the operators between them that bind at least as much as those of a level. What binds more is taken
    /// into the right operand: a pair of parentheses takes few frames of the stack, however many levels there are.
    fn operation(&mut self, least: usize) -> Result<Expr, Wrong> {
        let mut left = self.unary()?;
        while let Some((level, operator, at)) = self.operator(least) {
            left = self.operands(left, level, operator, at)?;
        }
        Ok(left)
    }

    fn operands(
        &mut self,
        left: Expr,
        level: usize,
        operator: &'static str,
        at: usize,
    ) -> Result<Expr, Wrong> {
        let mut args = vec![left, self.operation(level + 1)?];
        // Operands of one logical operator stand in one node.
        while matches!(operator, "||" | "&&") && self.take(operator).is_some() {
            args.push(self.operation(level + 1)?);
        }
        let function = if operator == "in" { "@in".to_owned() } else { format!("_{operator}_") };
        self.maker.call(at, &function, args)
    }

    /// Takes the operator that comes next, if it binds at least so much: its level, and where it stood.
    fn operator(&mut self, least: usize) -> Option<(usize, &'static str, usize)> {
        let levels = LEVELS.iter().enumerate().skip(least);
        let mut operators = levels.flat_map(|(level, all)| all.iter().map(move |one| (level, *one)));
        operators.find_map(|(level, operator)| Some((level, operator, self.take(operator)?)))
    }

    fn unary(&mut self) -> Result<Expr, Wrong> {
        for (symbol, function) in [("!", "!_"), ("-", "-_")] {
            if self.is(symbol) && !self.is_negative_number() {
                return self.signed(symbol, function);
            }
        }
        self.member()
    }

    /// An even number of signs cancels itself out.
    fn signed(&mut self, symbol: &str, function: &str) -> Result<Expr, Wrong> {
        let (at, mut count) = (self.at(), 0);
        while !self.is_negative_number() && self.take(symbol).is_some() {
            count += 1;
        }
        let operand = self.member()?;
        if count % 2 == 0 { Ok(operand) } else { self.maker.call(at, function, vec![operand]) }
    }

    fn is_negative_number(&self) -> bool {
        let following = self.tokens.get(self.next + 1).map(|token| &token.kind);
        self.is("-") && matches!(following, Some(TokenKind::Literal(Literal::Int(_) | Literal::Double(_))))
    }

    fn member(&mut self) -> Result<Expr, Wrong> {
        let mut expr = self.primary()?;
        while self.is(".") || self.is("[") {
            expr = self.within(expr)?;
        }
        Ok(expr)
    }

    /// A field, a call of a method, or an element.
    fn within(&mut self, operand: Expr) -> Result<Expr, Wrong> {
        if let Some(at) = self.take(".") {
            return self.select_or_call(operand, at);
        }
        let at = self.expect("[")?;
        let function = if self.take("?").is_some() { "_[?_]" } else { "_[_]" };
        let index = self.expr()?;
        self.expect("]")?;
        self.maker.call(at, function, vec![operand, index])
    }

    fn select_or_call(&mut self, operand: Expr, at: usize) -> Result<Expr, Wrong> {
        if self.take("?").is_some() {
            let name_at = self.at();
            let name = Kind::Literal(Literal::String(self.name()?));
            let field = self.maker.node(name_at, name)?;
            return self.maker.call(at, "_?._", vec![operand, field]);
        }
        let field = self.name()?;
        if let Some(open) = self.take("(") {
            let args = self.args()?;
            return macros::member(&mut self.maker, open, &field, operand, args);
        }
        self.maker.node(at, Kind::Select(Select { operand: Box::new(operand), field, is_test: false }))
    }

    /// The name of a field or method; between backticks it may be any.
    fn name(&mut self) -> Result<String, Wrong> {
        if self.take("`").is_some() {
            let mut name = String::new();
            while !self.is("`") {
                match self.peek() {
                    TokenKind::Ident(part) => name.push_str(part),
                    TokenKind::Symbol(part @ ("." | "-" | "/")) => name.push_str(part),
                    _ => return Err(self.unexpected()),
                }
                self.next += 1;
            }
            self.next += 1;
            return Ok(name);
        }
        let TokenKind::Ident(name) = self.peek() else { return Err(self.unexpected()) };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    fn args(&mut self) -> Result<Vec<Expr>, Wrong> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expr()?);
            if self.take(",").is_none() {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, Wrong> {
        let at = self.at();
        if self.take("(").is_some() {
            self.parenthesised()
        } else if self.take("[").is_some() {
            self.list(at)
        } else if self.take("{").is_some() {
            self.map(at)
        } else if self.is("-") {
            self.negative(at)
        } else {
            self.literal_or_ident(at)
        }
    }

    fn parenthesised(&mut self) -> Result<Expr, Wrong> {
        let inner = self.expr()?;
        self.expect(")")?;
        Ok(inner)
    }

    fn map(&mut self, at: usize) -> Result<Expr, Wrong> {
        let entries = self.entries(|parser| parser.expr())?;
        self.maker.node(at, Kind::Map(entries))
    }

    fn literal_or_ident(&mut self, at: usize) -> Result<Expr, Wrong> {
        match self.peek().clone() {
            TokenKind::Literal(Literal::Int(i64::MIN)) => {
                Err(Wrong { at, why: "invalid int literal".to_owned() })
            }
            TokenKind::Literal(literal) => {
                self.next += 1;
                self.maker.node(at, Kind::Literal(literal))
            }
            _ => self.ident(at),
        }
    }

    fn negative(&mut self, at: usize) -> Result<Expr, Wrong> {
        let literal = match self.tokens.get(self.next + 1).map(|token| &token.kind) {
            Some(TokenKind::Literal(Literal::Int(value))) => Literal::Int(value.wrapping_neg()),
            Some(TokenKind::Literal(Literal::Double(value))) => Literal::Double(-value),
            _ => return Err(self.unexpected()),
        };
        self.next += 2;
        self.maker.node(at, Kind::Literal(literal))
    }

    fn list(&mut self, at: usize) -> Result<Expr, Wrong> {
        let mut elements = Vec::new();
        while self.take("]").is_none() {
            let is_optional = self.take("?").is_some();
            elements.push(Element { value: self.expr()?, is_optional });
            if self.take(",").is_none() {
                self.expect("]")?;
                break;
            }
        }
        self.maker.node(at, Kind::List(elements))
    }

    fn entries(&mut self, key: impl Fn(&mut Self) -> Result<Expr, Wrong>) -> Result<Vec<Entry>, Wrong> {
        let mut entries = Vec::new();
        while self.take("}").is_none() {
            let is_optional = self.take("?").is_some();
            let key = key(self)?;
            self.expect(":")?;
            entries.push(Entry { key, value: self.expr()?, is_optional });
            if self.take(",").is_none() {
                self.expect("}")?;
                break;
            }
        }
        Ok(entries)
    }

    /// A name, a call of a function, or a message.
    fn ident(&mut self, at: usize) -> Result<Expr, Wrong> {
        let dot = self.take(".").is_some();
        let TokenKind::Ident(name) = self.peek().clone() else { return Err(self.unexpected()) };
        let name_at = self.at();
        self.next += 1;
        if let Some(open) = self.take("(") {
            let args = self.args()?;
            return macros::global(&mut self.maker, open, &name, args);
        }
        if let Some(message) = self.message(&name)? {
            return Ok(message);
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(Wrong { at: name_at, why: format!("reserved identifier: {name}") });
        }
        self.maker.node(if dot { at } else { name_at }, Kind::Ident(name))
    }

    /// `Name.part{…}`, if the names that come next end in a brace.
    fn message(&mut self, first: &str) -> Result<Option<Expr>, Wrong> {
        let mut name = first.to_owned();
        let mut ahead = self.next;
        while let (TokenKind::Symbol("."), Some(TokenKind::Ident(part))) =
            (&self.tokens[ahead].kind, self.tokens.get(ahead + 1).map(|token| &token.kind))
        {
            name = format!("{name}.{part}");
            ahead += 2;
        }
        if self.tokens[ahead].kind != TokenKind::Symbol("{") {
            return Ok(None);
        }
        let at = self.tokens[ahead].at;
        self.next = ahead + 1;
        let fields = self.entries(|parser| {
            let at = parser.at();
            let name = Kind::Literal(Literal::String(parser.name()?));
            parser.maker.node(at, name)
        })?;
        self.maker.node(at, Kind::Struct { name, fields }).map(Some)
    }
}
