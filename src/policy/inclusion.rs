//! Whether patterns surely take all that another takes: all places in them are walked side by side, for each kind of
//! character that one of them tells from others.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::ops::Deref;
use std::rc::Rc;

use super::pattern::{Glob, Token, reach, step};
use crate::rule::Rule;

/// Signs that one comparison looks at; for what would take more, the answer is no.
const MOST_STEPS: usize = 1_000_000;

/// What all comparisons of one kind look at together: a third of a second.
const MOST_OF_ALL: usize = 40_000_000;

/// Steps in which one sign of a pattern is got ready to be walked.
const TO_READY: usize = 8;

/// What selectors are compared by: all rules that findings may have, and how much may still be looked at.
pub(super) struct Comparing<'a> {
    known: &'a [&'static Rule],
    left: Cell<usize>,
    is_cut: Cell<bool>,
}

impl<'a> Comparing<'a> {
    pub(super) fn of(known: &'a [&'static Rule]) -> Self {
        Self::at_most(known, MOST_OF_ALL)
    }

    /// The same with other bounds.
    pub(super) fn at_most(known: &'a [&'static Rule], steps: usize) -> Self {
        Self { known, left: Cell::new(steps), is_cut: Cell::new(false) }
    }

    /// Whether so many steps may still be taken, which they then are.
    pub(super) fn take(&self, steps: usize) -> bool {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Whether no more is compared: what is asked from now on is answered by no.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Says that something was not looked at to its end.
    pub(super) fn cut(&self) {
        self.is_cut.set(true);
    }

    /// Whether there may be more than what was found.
    pub(super) fn is_short(&self) -> bool {
        self.is_spent() || self.is_cut.get()
    }
}

impl Deref for Comparing<'_> {
    type Target = [&'static Rule];

    fn deref(&self) -> &Self::Target {
        self.known
    }
}

/// Whether one of `wide` takes each text that `narrow` takes. All are over the same kind of text.
pub(super) fn cover(wide: &[impl Borrow<Glob>], narrow: &Glob, comparing: &Comparing<'_>) -> bool {
    let takes = |text: &str| {
        let is_taken = |wide: &Glob| wide.is_match_within(text, |steps| comparing.take(steps));
        wide.iter().any(|wide| is_taken(wide.borrow()))
    };
    if narrow.is_literal() {
        return narrow.beginnings().all(takes);
    }
    if !comparing.take(narrow.length()) {
        return false;
    }
    // nearly all that do not are told apart by one text
    if narrow.tokens().filter_map(|tokens| shortest(&tokens)).any(|text| !takes(&text)) {
        return false;
    }
    if !comparing.take(wide.len()) {
        return false;
    }
    let length = wide.iter().map(|wide| wide.borrow().length()).fold(0, usize::saturating_add);
    if length > MOST_STEPS {
        comparing.cut();
        return false;
    }
    if !comparing.take(length.saturating_mul(TO_READY)) {
        return false;
    }
    let wide: Vec<Vec<Token>> = wide.iter().flat_map(|wide| wide.borrow().tokens()).collect();
    let mut left = MOST_STEPS;
    narrow.tokens().all(|narrow| take(&wide, &narrow, &mut left, comparing))
}

fn take(wide: &[Vec<Token>], narrow: &[Token], left: &mut usize, comparing: &Comparing<'_>) -> bool {
    // a mark for each place in a wide pattern, and for its end
    let ends = |tokens: &Vec<Token>| tokens.len().saturating_add(1);
    let size = wide.iter().map(ends).fold(narrow.len(), usize::saturating_add);
    if !comparing.take(size.saturating_mul(TO_READY)) {
        return false;
    }
    let characters = characters(wide.iter().flatten().chain(narrow));
    let begin = |tokens: &[Token]| {
        let mut places = vec![false; tokens.len().saturating_add(1)];
        reach(tokens, &mut places, 0);
        places
    };
    // a place in the narrow pattern, with the places in the wide ones, one behind the other, that the same text leads to
    let mut open: Vec<(usize, Rc<[bool]>)> = Vec::new();
    let mut known = HashSet::new();
    let mut add = |places: &[bool], in_wide: &Rc<[bool]>, open: &mut Vec<(usize, Rc<[bool]>)>| {
        for (place, _) in places.iter().enumerate().filter(|(_, is_there)| **is_there) {
            if known.insert((place, Rc::clone(in_wide))) {
                open.push((place, Rc::clone(in_wide)));
            }
        }
    };
    let in_wide: Vec<bool> = wide.iter().flat_map(|tokens| begin(tokens)).collect();
    add(&begin(narrow), &in_wide.into(), &mut open);
    while let Some((place, in_wide)) = open.pop() {
        if place == narrow.len() {
            let mut end = 0_usize;
            let is_end = |tokens: &Vec<Token>| {
                end = end.saturating_add(ends(tokens));
                in_wide.get(end.saturating_sub(1)) == Some(&true)
            };
            if !wide.iter().any(is_end) {
                return false;
            }
            continue;
        }
        let mut here = vec![false; narrow.len().saturating_add(1)];
        if let Some(mark) = here.get_mut(place) {
            *mark = true;
        }
        let characters = match narrow.get(place) {
            // no other leads on
            Some(Token::Exactly(c)) => std::slice::from_ref(c),
            _ => characters.as_slice(),
        };
        for c in characters {
            let Some(rest) = left.checked_sub(size) else {
                comparing.cut();
                return false;
            };
            if !comparing.take(size) {
                return false;
            }
            *left = rest;
            let mut next = vec![false; here.len()];
            if !step(narrow, &here, *c, &mut next) {
                continue;
            }
            let mut next_in_wide = vec![false; in_wide.len()];
            let (mut from, mut to) = (&in_wide[..], &mut next_in_wide[..]);
            for tokens in wide {
                let own = from.split_at_checked(ends(tokens));
                let of_next = std::mem::take(&mut to).split_at_mut_checked(ends(tokens));
                let Some((own, of_next)) = own.zip(of_next) else { break };
                step(tokens, own.0, *c, of_next.0);
                (from, to) = (own.1, of_next.1);
            }
            add(&next, &next_in_wide.into(), &mut open);
        }
    }
    true
}

/// A text that the tokens take, where one is at hand.
fn shortest(tokens: &[Token]) -> Option<String> {
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Exactly(c) => text.push(*c),
            Token::One { .. } => text.push('_'),
            Token::Class { ranges, negated: false } => text.push(ranges.first()?.0),
            Token::Class { negated: true, .. } => return None,
            Token::Many { .. } | Token::Folders => {}
        }
    }
    Some(text)
}

/// One character of each kind that patterns tell from others.
fn characters<'a>(tokens: impl Iterator<Item = &'a Token>) -> Vec<char> {
    let after = |c: char| char::from_u32(u32::from(c).saturating_add(1)).unwrap_or('\u{e000}');
    let mut first = BTreeSet::from(['\0', '/', after('/')]);
    for token in tokens {
        match token {
            Token::Exactly(c) => first.extend([*c, after(*c)]),
            Token::Class { ranges, .. } => first.extend(ranges.iter().flat_map(|(from, to)| [*from, after(*to)])),
            Token::One { .. } | Token::Many { .. } | Token::Folders => {}
        }
    }
    first.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_take() {
        let cases: &[(&[&str], &str, bool)] = &[
            (&["**/*.pem"], "app/**/*.pem", true),
            (&["app/**/*.pem"], "**/*.pem", false),
            (&["**/*.pem"], "*.pem", true),
            (&["*.pem"], "**/*.pem", false),
            (&["app/*"], "app/?", true),
            (&["app/?"], "app/*", false),
            (&["app/**"], "app/*/x", true),
            (&["app/*/x"], "app/**", false),
            (&["app/[a-z]*"], "app/b*", true),
            (&["app/[a-z]*"], "app/[c-f]x", true),
            (&["app/[a-z]*"], "app/[c-f0]x", false),
            (&["app/[!a]"], "app/b", true),
            (&["app/[!a]", "app/a"], "app/?", true),
            (&["app/[!a]", "app/b"], "app/?", false),
            (&["{a,b}/**"], "b/c*", true),
            (&["a/**", "b/**"], "{a,b}/c", true),
            (&["a/**", "b/**"], "{a,b,c}/c", false),
            (&["**"], "a/*?[x]", true),
            (&["*"], "a/b", false),
            (&["*a*"], "*a", true),
            (&["*a"], "*a*", false),
            (&["?*"], "*?", true),
            (&["**/"], "a/", false),
            (&["a/"], "a/**", true),
            (&[], "a", false),
        ];
        for (wide, narrow, expected) in cases {
            let wide: Vec<Glob> = wide.iter().map(|text| Glob::path(text).expect(text)).collect();
            assert_eq!(
                cover(&wide, &Glob::path(narrow).expect(narrow), &Comparing::of(&[])),
                *expected,
                "{wide:?} over {narrow}"
            );
        }
        let text = |text: &str| Glob::text(text).expect(text);
        let covers = |wide: &str, narrow: &str| cover(&[text(wide)], &text(narrow), &Comparing::of(&[]));
        assert!(covers("pkg:*/openssl@*", "pkg:deb/*/openssl@3*"));
        assert!(!covers("pkg:deb/*/openssl@3*", "pkg:*/openssl@*"));
    }

    #[test]
    fn it_agrees_with_what_the_patterns_take() {
        let mut patterns = vec![String::new()];
        let mut last = patterns.clone();
        for _ in 0..3 {
            last =
                last.iter().flat_map(|word| ["a", "/", "?", "*", "**"].map(|part| format!("{word}{part}"))).collect();
            patterns.extend(last.iter().cloned());
        }
        let globs: Vec<Glob> = patterns.iter().filter_map(|text| Glob::path(text).ok()).collect();
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..5 {
            last = last.iter().flat_map(|word| ["a", "b", "/"].map(|part| format!("{word}{part}"))).collect();
            texts.extend(last.iter().cloned());
        }
        let takes: Vec<Vec<bool>> =
            globs.iter().map(|glob| texts.iter().map(|text| glob.is_match(text)).collect()).collect();
        for (wide, by_wide) in globs.iter().zip(&takes).step_by(3) {
            for (narrow, by_narrow) in globs.iter().zip(&takes).step_by(2) {
                let expected = by_narrow.iter().zip(by_wide).all(|(narrow, wide)| !narrow || *wide);
                assert_eq!(cover(&[wide], narrow, &Comparing::of(&[])), expected, "{wide} over {narrow}");
            }
        }
    }

    #[test]
    fn what_takes_too_long_is_not_told() {
        let wide = Glob::path(&"*a".repeat(200)).expect("short enough");
        let narrow = Glob::path(&"a*?".repeat(150)).expect("short enough");
        let begin = std::time::Instant::now();
        let comparing = Comparing::of(&[]);
        assert!(!cover(&[&wide], &narrow, &comparing));
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
        assert!(!comparing.is_spent());
    }

    #[test]
    fn all_comparisons_together_look_at_so_much_and_no_more() {
        let glob = |text: &str| Glob::path(text).expect(text);
        let comparing = Comparing::at_most(&[], 20_000);
        let covers = || cover(&[glob("**/a*/**/*.pem")], &glob("**/ab*/**/*.pem"), &comparing);
        let before = (0..1_000).take_while(|_| covers()).count();
        assert!((1..100).contains(&before), "{before}");
        assert!(comparing.is_spent() && !covers());
    }
}
