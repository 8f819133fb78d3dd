//! The order of Java's packages: "Version Order Specification" in Maven's POM reference.
//!
//! Maven's own comparison goes in circles where a qualifier after a dot has more behind it: in 3.8, `1.sp-2` is
//! less than `1-rc`, which is less than `1`, which is less than `1.sp-2`. Here a qualifier stands alike after a dot
//! and after a hyphen, as the specification has it, and separators with nothing between them count once
//! what is left out is gone (`1--foo` is `1-foo`).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::number::Number;

/// The tokens, with [`Token::End`] as the last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Maven(Vec<Token>);

/// In the order in which tokens sort where two versions part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// `alpha` to `snapshot`, by their place in [`BEFORE`].
    Before(usize),
    End,
    /// `ga`, `final` or `release` with more behind it; elsewhere they are left out.
    Release,
    /// `sp`: a service pack.
    ServicePack,
    /// Any other qualifier, by its letters.
    Qualifier(String),
    /// A number after a hyphen, or after letters.
    Hyphen(Number),
    /// A number after a dot.
    Dot(Number),
}

/// Qualifiers of what comes before a release, the earliest first.
const BEFORE: &[&str] = &["alpha", "beta", "milestone", "rc", "snapshot"];

/// Reads anything that has no spaces and no control characters: Maven itself refuses nothing.
pub(super) fn parse(text: &str) -> Result<Maven, &'static str> {
    if text.is_empty() {
        return Err("empty");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("of spaces or control characters");
    }
    let mut tokens = Vec::new();
    let text = text.to_lowercase();
    let mut after_hyphen = false;
    for (at, part) in text.split('-').enumerate() {
        after_hyphen |= at > 0;
        for piece in part.split('.') {
            push_piece(&mut tokens, piece, after_hyphen);
            after_hyphen = false;
        }
        after_hyphen = false;
    }
    drop_nulls(&mut tokens);
    tokens.push(Token::End);
    Ok(Maven(tokens))
}

/// Adds what stands between two dots or hyphens: runs of digits and of others, a hyphen thought between them.
fn push_piece(tokens: &mut Vec<Token>, piece: &str, after_hyphen: bool) {
    let mut after_hyphen = after_hyphen;
    let mut rest = piece;
    loop {
        let is_number = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if is_number {
            if after_hyphen {
                drop_nulls(tokens);
            }
            // Nothing between two separators is 0.
            let number = Number::new(run);
            tokens.push(if after_hyphen { Token::Hyphen(number) } else { Token::Dot(number) });
        } else {
            drop_nulls(tokens);
            tokens.push(qualifier(run, !after.is_empty()));
        }
        if after.is_empty() {
            return;
        }
        after_hyphen = true;
        rest = after;
    }
}

/// Leaves out zeros and names of a release at the end of what was read so far.
fn drop_nulls(tokens: &mut Vec<Token>) {
    loop {
        match tokens.last() {
            Some(Token::Release) => {}
            Some(Token::Dot(number) | Token::Hyphen(number)) if number.is_zero() => {}
            _ => return,
        }
        tokens.pop();
    }
}

fn qualifier(name: &str, before_digit: bool) -> Token {
    let name = match name {
        "a" if before_digit => "alpha",
        "b" if before_digit => "beta",
        "m" if before_digit => "milestone",
        "cr" => "rc",
        name => name,
    };
    if let Some(place) = BEFORE.iter().position(|known| *known == name) {
        return Token::Before(place);
    }
    match name {
        "ga" | "final" | "release" => Token::Release,
        "sp" => Token::ServicePack,
        name => Token::Qualifier(name.to_owned()),
    }
}
