//! The grammar of CEL (its language definition, "Syntax"), by precedence climbing.

use std::ops::Range;

use super::lexer::{Token, TokenKind, tokens};
use super::{DEEPEST, Problem};

/// A part of a condition as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) kind: Kind,
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    /// Steps down to its deepest part.
    height: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Truth(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    Name(String),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    /// `target.name`
    Member(Box<Expression>, String),
    /// `target[index]`
    Index(Box<(Expression, Expression)>),
    /// `name(…)`, or `target.name(…)`
    Call {
        target: Option<Box<Expression>>,
        name: String,
        place: Range<usize>,
        arguments: Vec<Expression>,
    },
    /// `!`, `-`
    Unary(&'static str, Box<Expression>),
    /// Comparison and arithmetic.
    Binary(&'static str, Box<(Expression, Expression)>),
    /// `&&`, `||`, of any number.
    Several(&'static str, Vec<Expression>),
    /// `condition ? one : other`
    Choice(Box<(Expression, Expression, Expression)>),
}

/// Reads the whole of `text`.
pub(super) fn parse(text: &str) -> Result<Expression, Problem> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(expression),
        _ => Err(parser.unexpected("an operator, or the end")),
    }
}

/// Words that CEL keeps for itself; fields may have such names.
const RESERVED: &[&str] = &[
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

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// Binary operators by how tightly they bind, the loosest first; `&&` and `||` apart.
const OPERATORS: [&[&str]; 3] = [&["<=", ">=", "<", ">", "==", "!=", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser {
    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn span(&self) -> Range<usize> {
        let last = || self.tokens.last().map_or(0..0, |token| token.span.clone());
        self.tokens.get(self.at).map_or_else(last, |token| token.span.clone())
    }

    /// Where the token before the next one ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), TokenKind::Sign(next) if *next == sign);
        if is_next {
            self.advance();
        }
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        let found = match self.peek() {
            TokenKind::End => "the condition ends".to_owned(),
            TokenKind::Sign(sign) => format!("there is `{sign}`"),
            TokenKind::Name(name) => format!("there is `{name}`"),
            TokenKind::Whole(_) | TokenKind::Fraction(_) => "there is a number".to_owned(),
            TokenKind::Text(_) => "there is a text".to_owned(),
        };
        Problem::new(self.span(), format!("{found} where {wanted} belongs"))
    }

    /// An expression of `kind` from `start` to here, one step above the highest of `parts`.
    fn node(&self, start: usize, kind: Kind) -> Result<Expression, Problem> {
        let below = match &kind {
            Kind::Null | Kind::Truth(_) | Kind::Whole(_) | Kind::Fraction(_) | Kind::Text(_) | Kind::Name(_) => 0,
            Kind::List(parts) | Kind::Several(_, parts) => highest(parts),
            Kind::Map(entries) => entries.iter().map(|(key, value)| key.height.max(value.height)).max().unwrap_or(0),
            Kind::Member(part, _) | Kind::Unary(_, part) => part.height,
            Kind::Index(parts) | Kind::Binary(_, parts) => parts.0.height.max(parts.1.height),
            Kind::Call { target, arguments, .. } => {
                highest(arguments).max(target.as_ref().map_or(0, |target| target.height))
            }
            Kind::Choice(parts) => parts.0.height.max(parts.1.height).max(parts.2.height),
        };
        let height = below.saturating_add(1);
        let span = start..self.end().max(start);
        if height > DEEPEST { Err(too_deep(span)) } else { Ok(Expression { kind, span, height }) }
    }

    /// `or ? expression : expression`
    fn expression(&mut self) -> Result<Expression, Problem> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(too_deep(self.span()));
        }
        let start = self.span().start;
        let mut expression = self.several("||")?;
        if self.takes("?") {
            let one = self.several("||")?;
            self.expect(":")?;
            let other = self.expression()?;
            expression = self.node(start, Kind::Choice(Box::new((expression, one, other))))?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(expression)
    }

    /// Parts joined by `&&`, or groups of such joined by `||`.
    fn several(&mut self, sign: &'static str) -> Result<Expression, Problem> {
        let start = self.span().start;
        let mut parts = Vec::new();
        loop {
            parts.push(if sign == "||" { self.several("&&")? } else { self.binary(0)? });
            if !self.takes(sign) {
                break;
            }
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            last => {
                parts.extend(last);
                self.node(start, Kind::Several(sign, parts))
            }
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Problem> {
        let Some(signs) = OPERATORS.get(level) else { return self.unary() };
        let next = level.saturating_add(1);
        let start = self.span().start;
        let mut left = self.binary(next)?;
        loop {
            let sign = match self.peek() {
                TokenKind::Sign(sign) => signs.iter().find(|known| *known == sign),
                TokenKind::Name(name) => signs.iter().find(|known| **known == name.as_str()),
                _ => None,
            };
            let Some(sign) = sign else { return Ok(left) };
            self.advance();
            let right = self.binary(next)?;
            left = self.node(start, Kind::Binary(sign, Box::new((left, right))))?;
        }
    }

    fn unary(&mut self) -> Result<Expression, Problem> {
        let start = self.span().start;
        let sign = match self.peek() {
            TokenKind::Sign("!") => "!",
            TokenKind::Sign("-") => "-",
            _ => return self.member(),
        };
        self.advance();
        if let (TokenKind::Whole(value), "-") = (self.peek(), sign) {
            // here, so that the least number can be written
            if let Some(value) = 0_i64.checked_sub_unsigned(*value) {
                self.advance();
                let number = self.node(start, Kind::Whole(value))?;
                return self.members(start, number);
            }
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(too_deep(self.span()));
        }
        let operand = self.unary()?;
        self.depth = self.depth.saturating_sub(1);
        self.node(start, Kind::Unary(sign, Box::new(operand)))
    }

    fn member(&mut self) -> Result<Expression, Problem> {
        let start = self.span().start;
        let first = self.primary()?;
        self.members(start, first)
    }

    fn members(&mut self, start: usize, mut target: Expression) -> Result<Expression, Problem> {
        loop {
            if self.takes(".") {
                let place = self.span();
                let name = self.name("a name")?;
                target = if self.takes("(") {
                    let arguments = self.list(")")?;
                    self.node(start, Kind::Call { target: Some(Box::new(target)), name, place, arguments })?
                } else {
                    self.node(start, Kind::Member(Box::new(target), name))?
                };
            } else if self.takes("[") {
                let index = self.expression()?;
                self.expect("]")?;
                target = self.node(start, Kind::Index(Box::new((target, index))))?;
            } else {
                return Ok(target);
            }
        }
    }

    fn name(&mut self, wanted: &str) -> Result<String, Problem> {
        match self.peek() {
            TokenKind::Name(name) if !matches!(name.as_str(), "in" | "true" | "false" | "null") => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn primary(&mut self) -> Result<Expression, Problem> {
        let Range { start, .. } = self.span();
        let kind = match self.peek().clone() {
            TokenKind::Whole(value) => {
                let value = i64::try_from(value).map_err(|_| {
                    Problem::new(self.span(), format!("`{value}` is more than a number of 64 bits holds"))
                })?;
                self.advance();
                Kind::Whole(value)
            }
            TokenKind::Fraction(value) => {
                self.advance();
                Kind::Fraction(value)
            }
            TokenKind::Text(text) => {
                self.advance();
                Kind::Text(text)
            }
            TokenKind::Name(word) if matches!(word.as_str(), "true" | "false" | "null") => {
                self.advance();
                if word == "null" { Kind::Null } else { Kind::Truth(word == "true") }
            }
            TokenKind::Name(_) => {
                let place = self.span();
                let name = self.name("a value")?;
                if RESERVED.contains(&name.as_str()) {
                    return Err(Problem::new(place, format!("CEL keeps the word `{name}` for itself")));
                }
                if self.takes("(") {
                    let arguments = self.list(")")?;
                    Kind::Call { target: None, name, place, arguments }
                } else {
                    Kind::Name(name)
                }
            }
            TokenKind::Sign("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(Expression { span: start..self.end(), ..inner });
            }
            TokenKind::Sign("[") => {
                self.advance();
                Kind::List(self.list("]")?)
            }
            TokenKind::Sign("{") => {
                self.advance();
                Kind::Map(self.entries()?)
            }
            TokenKind::Sign(_) | TokenKind::End => return Err(self.unexpected("a value")),
        };
        self.node(start, kind)
    }

    /// Expressions up to the bracket; a list may end in a comma.
    fn list(&mut self, close: &str) -> Result<Vec<Expression>, Problem> {
        let mut parts = Vec::new();
        while !self.takes(close) {
            parts.push(self.expression()?);
            if self.takes(close) {
                break;
            }
            if !self.takes(",") {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
            if close == ")" && matches!(self.peek(), TokenKind::Sign(")")) {
                return Err(self.unexpected("a value"));
            }
        }
        Ok(parts)
    }

    fn entries(&mut self) -> Result<Vec<(Expression, Expression)>, Problem> {
        let mut entries = Vec::new();
        while !self.takes("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if self.takes("}") {
                break;
            }
            if !self.takes(",") {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        Ok(entries)
    }
}

fn highest(parts: &[Expression]) -> usize {
    parts.iter().map(|part| part.height).max().unwrap_or(0)
}

fn too_deep(span: Range<usize>) -> Problem {
    Problem::new(span, format!("parts are nested more than {DEEPEST} deep"))
}
