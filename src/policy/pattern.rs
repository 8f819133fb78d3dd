//! Patterns of policy files: globs over ids, paths and subjects, and bounds of ordered words.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;
use std::str::FromStr;

/// Longest pattern, in characters. With it, matching a path of 4,096 bytes takes at most two million steps.
const LONGEST: usize = 512;

/// Alternatives that braces may expand to.
const MOST_ALTERNATIVES: usize = 64;

/// Bytes of a text that are searched in the time of one step.
const AT_ONCE: usize = 16;

/// Steps in which two texts are compared, or a search is begun.
const TO_BEGIN: usize = 4;

/// Stands for any character where `?` stands for itself: a character that nobody else may use.
pub(super) const ANY_ONE: char = '\u{e000}';

/// A pattern over whole strings.
///
/// Over paths `*` and `?` stop at `/`, `**/` takes any folders and `**` anything, `[ab]` and `[a-z]` take one
/// character (`[!a]` any other), `{a,b}` either text; a leading `/` may be left out, and a pattern
/// that ends in `/` takes everything below. Over other text only `*` and `?` are special, and both
/// take any character. There is no escape character; `[*]` is a plain `*` in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    alternatives: Vec<Alternative>,
    /// The signs and characters of all alternatives, and one more for each.
    length: usize,
}

/// One of the texts that braces stand for: plain text on both sides of what is to be walked.
///
/// Most patterns of policies are plain texts, prefixes or suffixes, and most texts are not theirs: to compare plain text
/// first makes thousands of findings times hundreds of patterns cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    /// Plain text at the beginning; of a pattern without signs, all of it.
    prefix: String,
    /// From the first sign to the last.
    middle: Vec<Token>,
    /// Plain texts between the signs of `middle`, which must occur in this order.
    runs: Vec<String>,
    /// Whether `prefix`, `runs` and `suffix` say all: between them anything may stand.
    is_free: bool,
    /// Plain text at the end.
    suffix: String,
}

/// A sign of a pattern, or a character of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Exactly(char),
    /// `?`: any character, in a path but `/`.
    One {
        crosses: bool,
    },
    /// `[…]`: ranges, both ends included.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
    /// `*`: any characters, in a path but `/`.
    Many {
        crosses: bool,
    },
    /// `**/`: nothing, or anything that ends in `/`.
    Folders,
}

impl Glob {
    /// A pattern over ids, subjects and package URLs.
    pub fn text(pattern: &str) -> Result<Self, String> {
        check_length(pattern)?;
        let tokens: Vec<Token> = pattern
            .chars()
            .map(|c| match c {
                '*' => Token::Many { crosses: true },
                '?' => Token::One { crosses: true },
                c => Token::Exactly(c),
            })
            .collect();
        Ok(Self::of(pattern, vec![Alternative::new(&tokens)]))
    }

    /// A pattern over package URLs that takes what one of `texts` does. In these [`ANY_ONE`] stands for any character, and
    /// `?` for itself.
    pub(super) fn any_of(pattern: &str, texts: &[String]) -> Self {
        let token = |c: char| match c {
            '*' => Token::Many { crosses: true },
            ANY_ONE => Token::One { crosses: true },
            c => Token::Exactly(c),
        };
        let alternatives = texts.iter().map(|text| Alternative::new(&text.chars().map(token).collect::<Vec<_>>()));
        Self::of(pattern, alternatives.collect())
    }

    fn of(pattern: &str, alternatives: Vec<Alternative>) -> Self {
        let length = alternatives.iter().map(Alternative::length).fold(0, usize::saturating_add);
        Self { text: pattern.to_owned(), alternatives, length }
    }

    /// As [`Self::text`], over texts in lower case: letters of the pattern count in either case.
    pub fn caseless(pattern: &str) -> Result<Self, String> {
        Ok(Self { text: pattern.to_owned(), ..Self::text(&pattern.to_lowercase())? })
    }

    /// A pattern over paths of the image.
    pub fn path(pattern: &str) -> Result<Self, String> {
        check_length(pattern)?;
        if pattern.chars().any(char::is_control) {
            return Err("paths are compared as reports show them, and these have no control characters".into());
        }
        let alternative = |text: &String| path_tokens(text).map(|tokens| Alternative::new(&tokens));
        let alternatives = expand(pattern)?.iter().map(alternative).collect::<Result<_, _>>()?;
        Ok(Self::of(pattern, alternatives))
    }

    /// Whether it takes all of `text`. For paths, a leading `/` of `text` must be gone.
    pub fn is_match(&self, text: &str) -> bool {
        self.alternatives.iter().any(|alternative| alternative.is_match(text))
    }

    /// Whether it takes one string only.
    pub fn is_literal(&self) -> bool {
        self.alternatives.iter().all(|alternative| alternative.middle.is_empty())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As [`Self::is_match`]; `take` is told of what is to be looked at before that is done, and says whether it may be.
    pub(super) fn is_match_within(&self, text: &str, take: impl Fn(usize) -> bool) -> bool {
        self.alternatives.iter().any(|alternative| alternative.is_match_within(text, &take))
    }

    /// Whether it takes whatever there is.
    pub(super) fn takes_all(&self) -> bool {
        let is_star = |one: &Alternative| one.middle == [Token::Many { crosses: true }];
        self.alternatives.iter().any(|one| is_star(one) && one.prefix.is_empty() && one.suffix.is_empty())
    }

    /// The signs and characters of all alternatives, at least one.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// How many texts its braces stand for.
    pub(super) fn width(&self) -> usize {
        self.alternatives.len()
    }

    /// What it is made of: the signs and characters of each alternative.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Vec<Token>> {
        self.alternatives.iter().map(|one| {
            let plain = |text: &str| text.chars().map(Token::Exactly).collect::<Vec<_>>();
            [plain(&one.prefix), one.middle.clone(), plain(&one.suffix)].concat()
        })
    }

    /// Whether something may begin with `start` and be taken.
    pub(super) fn may_begin_with(&self, start: &str) -> bool {
        self.alternatives.iter().any(|one| {
            let is_longer = one.prefix.starts_with(start);
            is_longer || (!one.middle.is_empty() && start.starts_with(one.prefix.as_str()))
        })
    }

    /// The plain texts with which what it takes begins, up to the first sign.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().map(|one| one.prefix.as_str())
    }
}

impl Alternative {
    fn new(tokens: &[Token]) -> Self {
        let tokens = &without_idle_stars(tokens)[..];
        let is_sign = |token: &Token| !matches!(token, Token::Exactly(_));
        let plain = |tokens: &[Token]| {
            let char = |token: &Token| if let Token::Exactly(char) = token { Some(*char) } else { None };
            tokens.iter().filter_map(char).collect::<String>()
        };
        let first = tokens.iter().position(is_sign).unwrap_or(tokens.len());
        let end = tokens.iter().rposition(is_sign).map_or(first, |last| last.saturating_add(1));
        let middle = tokens.get(first..end).unwrap_or_default();
        let runs = middle.split(is_sign).filter(|run| !run.is_empty()).map(plain).collect();
        let is_free = middle.iter().all(|token| matches!(token, Token::Exactly(_) | Token::Many { crosses: true }));
        Self {
            prefix: plain(tokens.get(..first).unwrap_or_default()),
            middle: middle.to_vec(),
            runs,
            is_free,
            suffix: plain(tokens.get(end..).unwrap_or_default()),
        }
    }

    /// Its signs and characters, and one.
    fn length(&self) -> usize {
        self.prefix.len().saturating_add(self.middle.len()).saturating_add(self.suffix.len()).saturating_add(1)
    }

    fn is_match(&self, text: &str) -> bool {
        self.is_match_within(text, &|_| true)
    }

    fn is_match_within(&self, text: &str, take: &impl Fn(usize) -> bool) -> bool {
        let within =
            take(TO_BEGIN).then(|| text.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str()));
        let Some(within) = within.flatten() else { return false };
        if self.middle.is_empty() {
            return within.is_empty();
        }
        take(self.runs.len().saturating_mul(TO_BEGIN).saturating_add(within.len() / AT_ONCE))
            && self.has_runs(within)
            && (self.is_free
                || (take(within.len().saturating_mul(self.middle.len())) && is_match(&self.middle, within)))
    }

    /// Whether all plain text between the signs is there.
    fn has_runs(&self, within: &str) -> bool {
        let mut rest = within;
        self.runs.iter().all(|run| rest.split_once(run.as_str()).map(|(_, after)| rest = after).is_some())
    }
}

/// The same, where of several stars in a row one takes what all do.
fn without_idle_stars(tokens: &[Token]) -> Vec<Token> {
    let mut plain: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match (plain.last(), token) {
            (Some(Token::Many { crosses: true }), Token::Many { .. } | Token::Folders)
            | (Some(Token::Many { .. }), Token::Many { crosses: false })
            | (Some(Token::Folders), Token::Folders) => continue,
            (_, Token::Many { crosses: true }) => {
                while matches!(plain.last(), Some(Token::Many { .. } | Token::Folders)) {
                    plain.pop();
                }
            }
            _ => {}
        }
        plain.push(token.clone());
    }
    plain
}

/// Which groups of three bytes a text has, in 128 bits: what lacks one that all matches of a pattern have is no match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Marks(u128);

impl Marks {
    /// The marks of a text.
    pub(super) fn of(text: &str) -> Self {
        let bit = |group: &[u8]| {
            let number = group.iter().fold(0, |number: u32, byte| (number << 8) | u32::from(*byte));
            // the upper bits of the product depend on all of the number (Knuth, volume 3, 6.4)
            1_u128.wrapping_shl(number.wrapping_mul(0x9E37_79B1) >> 25)
        };
        Self(text.as_bytes().windows(3).fold(0, |marks, group| marks | bit(group)))
    }

    /// The marks of every text that one of the patterns takes.
    pub(super) fn needed(patterns: &[Glob]) -> Self {
        let plain = |one: &Alternative| {
            let runs = one.runs.iter().map(|run| Self::of(run).0).fold(0, |marks, run| marks | run);
            Self::of(&one.prefix).0 | runs | Self::of(&one.suffix).0
        };
        let all = patterns.iter().flat_map(|pattern| &pattern.alternatives).map(plain);
        Self(all.reduce(|marks, other| marks & other).unwrap_or_default())
    }

    /// Whether there are none.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it has all those that are needed.
    pub(super) fn has(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }
}

fn check_length(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("an empty pattern matches nothing".into());
    }
    match pattern.chars().count() {
        ..=LONGEST => Ok(()),
        length => Err(format!("the pattern is {length} characters long, at most {LONGEST} are taken")),
    }
}

/// The texts that `{a,b}` stands for; braces do not nest.
fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut texts = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, tail) = after.split_once('}').ok_or("`{` has no `}`")?;
        if inside.contains('{') {
            return Err("`{…}` cannot stand in another".into());
        }
        let choices: Vec<&str> = inside.split(',').collect();
        if texts.len().saturating_mul(choices.len()) > MOST_ALTERNATIVES {
            return Err(format!("the braces stand for more than {MOST_ALTERNATIVES} patterns"));
        }
        texts =
            texts.iter().flat_map(|text| choices.iter().map(move |choice| format!("{text}{before}{choice}"))).collect();
        rest = tail;
    }
    for text in &mut texts {
        text.push_str(rest);
    }
    Ok(texts)
}

fn path_tokens(pattern: &str) -> Result<Vec<Token>, String> {
    // as from the paths of Dockerfiles
    let pattern = pattern.trim_start_matches("./");
    let mut chars = pattern.strip_prefix('/').unwrap_or(pattern).chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                if chars.next_if_eq(&'/').is_some() {
                    Token::Folders
                } else {
                    Token::Many { crosses: true }
                }
            }
            '*' => Token::Many { crosses: false },
            '?' => Token::One { crosses: false },
            '[' => class(&mut chars)?,
            c => Token::Exactly(c),
        });
    }
    if tokens.last() == Some(&Token::Exactly('/')) {
        tokens.push(Token::Many { crosses: true });
    }
    Ok(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, String> {
    let negated = chars.next_if_eq(&'!').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = chars.next().ok_or("`[` has no `]`")?;
        if first == ']' && !ranges.is_empty() {
            return Ok(Token::Class { ranges, negated });
        }
        let mut last = first;
        if chars.peek() == Some(&'-') {
            chars.next();
            match chars.next_if(|c| *c != ']') {
                Some(end) if end < first => {
                    return Err(format!("`{first}-{end}` takes nothing: it goes from the first character up"));
                }
                Some(end) => last = end,
                None => ranges.push(('-', '-')),
            }
        }
        ranges.push((first, last));
    }
}

/// Walks all places in the pattern at once, so the time is at most pattern times text.
fn is_match(tokens: &[Token], text: &str) -> bool {
    let mut places = vec![false; tokens.len().saturating_add(1)];
    reach(tokens, &mut places, 0);
    let mut next = vec![false; places.len()];
    for c in text.chars() {
        if !step(tokens, &places, c, &mut next) {
            return false;
        }
        std::mem::swap(&mut places, &mut next);
    }
    places.last() == Some(&true)
}

/// Marks in `next` where a character leads from `places`; whether it leads anywhere.
pub(super) fn step(tokens: &[Token], places: &[bool], c: char, next: &mut [bool]) -> bool {
    next.fill(false);
    let mut alive = false;
    for (place, token) in tokens.iter().enumerate() {
        if places.get(place) != Some(&true) {
            continue;
        }
        let (stays, moves) = match token {
            Token::Exactly(wanted) => (false, c == *wanted),
            Token::One { crosses } => (false, *crosses || c != '/'),
            Token::Class { ranges, negated } => {
                let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
                (false, c != '/' && is_in != *negated)
            }
            Token::Many { crosses } => (*crosses || c != '/', false),
            Token::Folders => (true, c == '/'),
        };
        if stays && let Some(same) = next.get_mut(place) {
            *same = true;
            // what may take nothing leads on at once
            if matches!(token, Token::Many { .. }) {
                reach(tokens, next, place);
            }
        }
        if moves {
            reach(tokens, next, place.saturating_add(1));
        }
        alive |= stays || moves;
    }
    alive
}

/// Marks `place`, and those after it that can be had without a character.
pub(super) fn reach(tokens: &[Token], places: &mut [bool], place: usize) {
    let rest = places.get_mut(place..).unwrap_or_default();
    for (index, mark) in rest.iter_mut().enumerate() {
        *mark = true;
        if !matches!(tokens.get(place.saturating_add(index)), Some(Token::Many { .. } | Token::Folders)) {
            break;
        }
    }
}

/// A bound of an ordered word such as a severity: `high`, `>=high`, `<medium`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound<T> {
    comparison: Comparison,
    /// The word compared with.
    pub value: T,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
}

impl<T: PartialOrd> Bound<T> {
    /// From `value` up.
    pub fn at_least(value: T) -> Self {
        Self { comparison: Comparison::AtLeast, value }
    }

    /// `value` alone.
    pub(super) fn exactly(value: T) -> Self {
        Self { comparison: Comparison::Equal, value }
    }

    /// Whether `value` keeps it.
    pub fn holds(&self, value: &T) -> bool {
        match self.comparison {
            Comparison::AtLeast => *value >= self.value,
            Comparison::AtMost => *value <= self.value,
            Comparison::Above => *value > self.value,
            Comparison::Below => *value < self.value,
            Comparison::Equal => *value == self.value,
        }
    }
}

impl<T: PartialOrd> Bound<T> {
    /// Whether some value may be within both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        use Comparison::{Above, AtLeast, AtMost, Below, Equal};
        match (self.comparison, other.comparison) {
            (Equal, _) => other.holds(&self.value),
            (_, Equal) => self.holds(&other.value),
            (AtLeast | Above, AtMost | Below) | (AtMost | Below, AtLeast | Above) => {
                self.holds(&other.value) && other.holds(&self.value)
            }
            _ => true,
        }
    }

    /// The bound that holds for all for which this one does not, where that is one.
    pub(super) fn complement(self) -> Option<Self> {
        let comparison = match self.comparison {
            Comparison::AtLeast => Comparison::Below,
            Comparison::AtMost => Comparison::Above,
            Comparison::Above => Comparison::AtMost,
            Comparison::Below => Comparison::AtLeast,
            Comparison::Equal => return None,
        };
        Some(Self { comparison, ..self })
    }

    /// Whether it holds for all that are greater.
    pub(super) fn is_lower(&self) -> bool {
        matches!(self.comparison, Comparison::AtLeast | Comparison::Above)
    }

    /// Whether it holds for all for which `narrow` does.
    pub(super) fn covers(&self, narrow: &Self) -> bool {
        use Comparison::{Above, AtLeast, AtMost, Below, Equal};
        let (wide, value) = (&self.value, &narrow.value);
        match (self.comparison, narrow.comparison) {
            (_, Equal) => self.holds(value),
            (AtLeast, AtLeast | Above) | (Above, Above) => value >= wide,
            (Above, AtLeast) => value > wide,
            (AtMost, AtMost | Below) | (Below, Below) => value <= wide,
            (Below, AtMost) => value < wide,
            _ => false,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Bound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::Below => "<",
            Comparison::Equal => "",
        };
        write!(f, "{sign}{}", self.value)
    }
}

impl<T: FromStr> FromStr for Bound<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        const SIGNS: [(&str, Comparison); 5] = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
            ("=", Comparison::Equal),
        ];
        let signed = SIGNS.iter().find_map(|(sign, comparison)| Some((text.strip_prefix(sign)?, *comparison)));
        let (word, comparison) = signed.unwrap_or((text, Comparison::Equal));
        Ok(Self { comparison, value: word.trim().parse()? })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Severity;

    #[test]
    fn path_patterns() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("/etc/passwd", &["etc/passwd"], &["etc/passwd2", "x/etc/passwd"]),
            ("./etc/passwd", &["etc/passwd"], &["./etc/passwd", "x/etc/passwd"]),
            ("./**/*.env", &["a.env", "b/a.env"], &["a.en"]),
            ("etc/*", &["etc/passwd", "etc/"], &["etc/ssl/x", "etc"]),
            ("etc/**", &["etc/a", "etc/a/b"], &["etc", "etcx/a"]),
            ("etc/", &["etc/a", "etc/a/b"], &["etc"]),
            ("**/*.pem", &["a.pem", "a/b/c.pem"], &["a.pem/x", "a.pe"]),
            ("*.pem", &["a.pem"], &["x/a.pem"]),
            ("app/**/test/*", &["app/test/x", "app/a/b/test/x"], &["app/atest/x", "app/test/x/y"]),
            ("a/**/b/**/c", &["a/b/c", "a/x/b/y/z/c"], &["a/c", "a/b/xc"]),
            ("srv/{a,bc}/?", &["srv/a/x", "srv/bc/ü"], &["srv/b/x", "srv/a//", "srv/a/xx"]),
            ("f[0-9x].[!a]", &["f1.b", "fx.-"], &["fa.b", "f1.a", "f1./"]),
            ("f[*][]a][a-]", &["f*]-", "f*aa"], &["fx]-", "f*b-"]),
            ("**", &["", "a", "a/b"], &[]),
            ("*a*a*a*", &["aaa", "xaxaxax"], &["aa", "aa/a"]),
            ("**/**/a*****?", &["ab", "x/ab", "x/a/c"], &["a", "x/b"]),
        ];
        for (pattern, yes, no) in cases {
            let glob = Glob::path(pattern).expect(pattern);
            for text in *yes {
                assert!(glob.is_match(text), "{pattern} takes {text}");
            }
            for text in *no {
                assert!(!glob.is_match(text), "{pattern} does not take {text}");
            }
        }
    }

    #[test]
    fn text_patterns_know_only_stars_and_question_marks() {
        let cases = [
            ("*", "image/root-user", true),
            ("secret/*", "secret/aws-access-key", true),
            ("secret/*", "secrets/x", false),
            ("pkg:deb/*/openssl@?.*", "pkg:deb/debian/openssl@3.0.1?arch=amd64", true),
            ("a[b]{c}", "a[b]{c}", true),
            ("a[b]", "ab", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Glob::text(pattern).expect(pattern).is_match(text), expected, "{pattern} on {text}");
        }
    }

    /// All sequences of at most `most` of these.
    fn words(parts: &[&str], most: usize) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut last = words.clone();
        for _ in 0..most {
            last = last.iter().flat_map(|word| parts.iter().map(move |part| format!("{word}{part}"))).collect();
            words.extend(last.iter().cloned());
        }
        words
    }

    #[test]
    fn to_compare_plain_text_first_comes_to_the_same() {
        let texts = words(&["a", "b", "/"], 4);
        let mut taken = 0;
        for pattern in words(&["a", "/", "?", "*", "**/"], 4).iter().filter(|pattern| !pattern.is_empty()) {
            let tokens = path_tokens(pattern).expect("no brackets");
            let glob = Glob::path(pattern).expect("no brackets");
            for text in &texts {
                let expected = is_match(&tokens, text);
                assert_eq!(glob.is_match(text), expected, "{pattern} on {text}");
                let may = Marks::of(text).has(Marks::needed(std::slice::from_ref(&glob)));
                assert!(may || !expected, "{pattern} on {text}");
                taken += usize::from(expected);
            }
        }
        assert!(taken > 5_000, "{taken}");
        for pattern in words(&["a", "b", "?", "*"], 4).iter().filter(|pattern| !pattern.is_empty()) {
            let glob = Glob::text(pattern).expect("any text");
            let whole = Alternative { is_free: false, runs: Vec::new(), ..glob.alternatives[0].clone() };
            for text in &texts {
                assert_eq!(glob.is_match(text), whole.is_match(text), "{pattern} on {text}");
            }
            assert_eq!(glob.is_literal(), !pattern.contains(['?', '*']), "{pattern}");
        }
    }

    #[test]
    fn marks_tell_what_is_no_match() {
        let of = |patterns: &[&str]| {
            Marks::needed(&patterns.iter().map(|text| Glob::path(text).expect(text)).collect::<Vec<_>>())
        };
        let path = Marks::of("srv/app/module-7/index.js");
        for (patterns, may) in [
            (&["srv/**"][..], true),
            (&["**/module-7/*"], true),
            (&["**/module-8/*"], false),
            (&["srv/*.json"], false),
            (&["srv/{app,lib}/**"], true),
            (&["var/{app,lib}/**"], false),
            (&["**/module-8/*", "srv/**"], true),
            // what they have in common says nothing
            (&["**/module-8/*", "var/**"], true),
            (&["**/module-8/a", "**/module-8/b"], false),
            (&["**"], true),
            (&[], true),
        ] {
            assert_eq!(path.has(of(patterns)), may, "{patterns:?}");
        }
        assert!(of(&["**/ab/*"]) != Marks::default() && of(&["**/a*"]).is_empty());
        assert!(!of(&["**/ab/*"]).is_empty());
        // what stands twice counts as what stands once
        assert!(Marks::of("srv/abab/abab").has(of(&["srv/abab/**"])) && Marks::of("aaaa").has(of(&["aaaa", "*aaa"])));
        assert!(of(&["srv/app"]).0.count_ones() > 3, "groups have bits of their own");
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (pattern, said) in [
            ("", "empty"),
            ("a\0b", "no control characters"),
            ("a{b", "no `}`"),
            ("a{b{c}}", "another"),
            ("[ab", "no `]`"),
            ("{a,b,c,d,e}{a,b,c,d,e}{a,b,c,d,e}", "more than 64"),
            (&"x".repeat(513), "513 characters"),
        ] {
            let error = Glob::path(pattern).expect_err(pattern);
            assert!(error.contains(said), "{pattern}: {error}");
        }
    }

    #[test]
    fn braces_stand_for_64_patterns_at_most() {
        let four = "{a,b,c,d}";
        assert!(Glob::path(&four.repeat(3)).expect("64").is_match("add"));
        assert!(Glob::path(&format!("{}{{e,f}}", four.repeat(3))).is_err());
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let glob = Glob::path(&"*a".repeat(256)).expect("short enough");
        assert!(!glob.is_match(&"a".repeat(255)));
        assert!(!glob.is_match(&"b".repeat(4096)));
    }

    #[test]
    fn what_may_not_be_looked_at_is_no_match() {
        let glob = Glob::path("{a,b}*c*?/**").expect("a pattern");
        let within = |most: usize| {
            let left = std::cell::Cell::new(most);
            glob.is_match_within("bxcyz/x", |steps| {
                let rest = left.get().checked_sub(steps);
                left.set(rest.unwrap_or_default());
                rest.is_some()
            })
        };
        assert!(within(1_000) && !within(0) && !within(1) && !within(10));
    }

    #[test]
    fn what_takes_everything_is_known() {
        for (glob, expected) in [
            (Glob::text("*"), true),
            (Glob::text("***"), true),
            (Glob::path("**"), true),
            (Glob::path("{a,**}"), true),
            (Glob::path("*"), false),
            (Glob::path("**/"), false),
            (Glob::text("?*"), false),
            (Glob::text("*a"), false),
        ] {
            let glob = glob.expect("a pattern");
            assert_eq!(glob.takes_all(), expected, "{glob}");
        }
    }

    #[test]
    fn bounds() {
        let cases = [
            (">=high", "critical", true),
            (">= high", "high", true),
            (">high", "high", false),
            (">high", "critical", true),
            ("<=low", "low", true),
            ("<=low", "info", true),
            ("<low", "low", false),
            ("medium", "medium", true),
            ("=medium", "high", false),
        ];
        for (bound, value, expected) in cases {
            let bound: Bound<Severity> = bound.parse().expect("a bound");
            assert_eq!(bound.holds(&value.parse().expect("a severity")), expected, "{bound:?} {value}");
        }
        assert!(">=hihg".parse::<Bound<Severity>>().is_err());
    }
}
