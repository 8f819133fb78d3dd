//! Finds the beginnings of rules: fixed texts, thousands of them, in one walk over the bytes.
//!
//! The first four bytes of a text are hashed (as Rabin and Karp do) into a table of bits that stays in
//! the processor's first cache. Few positions pass it; only there the texts that begin so are compared.
//! An Aho-Corasick automaton over the same texts does the same work in a chain of dependent loads from
//! a table of several megabytes, and slows down with every rule: measured, half the speed and less.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

/// Bytes that are hashed.
const HEAD: usize = 4;

/// Bits of a hash, and how many of them tell its bucket.
const HASH_BITS: u32 = 17;
const BUCKET_BITS: u32 = 12;

type Filter = [u64; 1 << (HASH_BITS - 6)];

/// Texts to look for.
#[derive(Debug, Default)]
pub(super) struct AnchorsBuilder {
    texts: Vec<(Vec<u8>, usize)>,
    heads: Vec<(u32, u32)>,
    folds: bool,
}

/// A head and a text that begins with it.
struct Begun {
    head: u32,
    /// The text's next four bytes, and which of them it has.
    next: u32,
    mask: u32,
    text: u32,
}

/// Texts to look for, each with the index of the rule it begins.
pub(super) struct Anchors {
    /// One bit for each hash of a head.
    filter: Box<Filter>,
    /// Where the heads of a bucket begin in `heads`; one more at the end.
    index: Vec<u32>,
    /// Heads and what they may begin, by hash.
    heads: Vec<Begun>,
    texts: Vec<(Vec<u8>, usize)>,
    /// Whether letters match in either case; the texts are in lower case then.
    folds: bool,
}

impl AnchorsBuilder {
    /// None yet; letters match in either case if `folds`.
    pub(super) fn new(folds: bool) -> Self {
        Self { folds, ..Self::default() }
    }

    /// Adds a text of a rule.
    ///
    /// `heads` are the four bytes that a match may begin with where that is known; they matter for texts of
    /// fewer than four bytes, after which anything may stand otherwise.
    pub(super) fn add(&mut self, text: &[u8], rule: usize, heads: &[[u8; HEAD]]) {
        let text = if self.folds { text.to_ascii_lowercase() } else { text.to_vec() };
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let fixed = text.get(..HEAD.min(text.len())).unwrap_or_default();
        if fixed.len() == HEAD || heads.is_empty() {
            extend(fixed, &mut |head| self.heads.push((u32::from_be_bytes(head), number)));
        } else {
            let fitting = heads.iter().filter(|head| head.starts_with(fixed));
            self.heads.extend(fitting.map(|head| (u32::from_be_bytes(*head), number)));
        }
        self.texts.push((text, rule));
    }

    /// Makes the tables.
    pub(super) fn build(mut self) -> Anchors {
        self.heads.sort_unstable_by_key(|(head, text)| (hash(*head), *head, *text));
        self.heads.dedup();
        let mut filter: Box<Filter> = Box::new([0; _]);
        let mut index = vec![0_u32; (1 << BUCKET_BITS) + 1];
        for (head, _) in &self.heads {
            let hash = hash(*head);
            if let Some(word) = filter.get_mut(hash >> 6) {
                *word |= 1 << (hash & 63);
            }
            if let Some(count) = index.get_mut(bucket(hash).saturating_add(1)) {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0_u32;
        for count in &mut index {
            sum = sum.saturating_add(*count);
            *count = sum;
        }
        let begun = |(head, number): (u32, u32)| {
            let text = self.texts.get(number as usize).map_or(&[][..], |(text, _)| text);
            let (next, mask) = following(text, HEAD, false);
            Begun { head, next, mask, text: number }
        };
        let heads = self.heads.into_iter().map(begun).collect();
        Anchors { filter, index, heads, texts: self.texts, folds: self.folds }
    }
}

impl Anchors {
    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Tells each place of each text, in order of where they begin, until `tell` says that it is enough.
    pub(super) fn find(&self, bytes: &[u8], tell: impl FnMut(usize, Range<usize>) -> bool) {
        if self.folds {
            self.walk::<true>(bytes, tell);
        } else {
            self.walk::<false>(bytes, tell);
        }
    }

    fn walk<const FOLDS: bool>(&self, bytes: &[u8], mut tell: impl FnMut(usize, Range<usize>) -> bool) {
        let mut head = 0_u32;
        // a head ends with each byte
        for (end, byte) in bytes.iter().enumerate() {
            head = head << 8 | u32::from(if FOLDS { byte.to_ascii_lowercase() } else { *byte });
            let hash = hash(head);
            if self.passes(hash) && end >= HEAD - 1 && !self.compare::<FOLDS>(bytes, end, head, hash, &mut tell) {
                return;
            }
        }
        // and past the end, for texts shorter than a head
        for end in (bytes.len()..).take(HEAD - 1) {
            head <<= 8;
            let hash = hash(head);
            if self.passes(hash) && end >= HEAD - 1 && !self.compare::<FOLDS>(bytes, end, head, hash, &mut tell) {
                return;
            }
        }
    }

    #[inline]
    fn passes(&self, hash: usize) -> bool {
        #[expect(clippy::indexing_slicing, reason = "a hash has no more bits than the filter")]
        let word = self.filter[hash >> 6];
        word >> (hash & 63) & 1 != 0
    }

    /// Compares the texts that begin with `head`; false once it is enough.
    #[inline(never)]
    fn compare<const FOLDS: bool>(
        &self,
        bytes: &[u8],
        end: usize,
        head: u32,
        hash: usize,
        tell: &mut impl FnMut(usize, Range<usize>) -> bool,
    ) -> bool {
        let start = end.saturating_sub(HEAD - 1);
        let bucket = bucket(hash);
        let bound = |at: usize| self.index.get(at).map_or(0, |bound| *bound as usize);
        let heads = self.heads.get(bound(bucket)..bound(bucket.saturating_add(1))).unwrap_or_default();
        let (next, _) = following(bytes, start.saturating_add(HEAD), FOLDS);
        // many heads are those of common words: four bytes more tell nearly all of these
        for begun in heads.iter().filter(|begun| begun.head == head && begun.next == next & begun.mask) {
            let Some((text, rule)) = self.texts.get(begun.text as usize) else { continue };
            let end = start.saturating_add(text.len());
            let Some(found) = bytes.get(start..end) else { continue };
            let is_equal = if FOLDS { found.eq_ignore_ascii_case(text) } else { found == text };
            if is_equal && !tell(*rule, start..end) {
                return false;
            }
        }
        true
    }
}

/// The four bytes from `at` on, and which of them there are.
#[inline]
fn following(bytes: &[u8], at: usize, folds: bool) -> (u32, u32) {
    let (mut four, mut mask) = ([0; 4], [0; 4]);
    let rest = bytes.get(at..).unwrap_or_default();
    for ((to, is_there), from) in four.iter_mut().zip(&mut mask).zip(rest) {
        *to = if folds { from.to_ascii_lowercase() } else { *from };
        *is_there = 0xff;
    }
    (u32::from_be_bytes(four), u32::from_be_bytes(mask))
}

/// The upper bits of four bytes multiplied by a large odd number (Knuth's multiplicative hashing).
#[inline]
fn hash(head: u32) -> usize {
    (head.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

fn bucket(hash: usize) -> usize {
    hash >> (HASH_BITS - BUCKET_BITS)
}

/// Every head that begins with `fixed`.
fn extend(fixed: &[u8], add: &mut impl FnMut([u8; HEAD])) {
    let mut head = [0; HEAD];
    for (to, from) in head.iter_mut().zip(fixed) {
        *to = *from;
    }
    let free = HEAD.saturating_sub(fixed.len());
    let all = 1_u32.checked_shl(u32::try_from(free).unwrap_or(0).saturating_mul(8)).unwrap_or(0);
    let fixed = u32::from_be_bytes(head);
    for rest in 0..all {
        add((fixed | rest).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], folds: bool, bytes: &str) -> Vec<(usize, Range<usize>)> {
        let mut builder = AnchorsBuilder::new(folds);
        for (rule, text) in texts.iter().enumerate() {
            builder.add(text.as_bytes(), rule, &[]);
        }
        let mut found = Vec::new();
        builder.build().find(bytes.as_bytes(), |rule, span| {
            found.push((rule, span));
            true
        });
        found
    }

    #[test]
    fn every_place_is_told_wherever_it_lies() {
        let texts = ["ghp_", "ghp_long", "SK", "sl.", "password"];
        assert_eq!(found(&texts, false, "ghp_long"), [(0, 0..4), (1, 0..8)]);
        assert_eq!(found(&texts, false, "aSKsl."), [(2, 1..3), (3, 3..6)]);
        assert_eq!(found(&texts, false, "SK"), [(2, 0..2)]);
        assert_eq!(found(&texts, false, "Password ghp"), []);
        assert_eq!(found(&texts, true, "sk PassWord"), [(2, 0..2), (4, 3..11)]);
        assert_eq!(found(&texts, false, ""), []);
    }

    #[test]
    fn heads_that_cannot_be_are_passed_over() {
        let mut builder = AnchorsBuilder::new(false);
        builder.add(b"SK", 0, &[*b"SK0a", *b"SKff", *b"XXXX"]);
        let anchors = builder.build();
        let count = |text: &str| {
            let mut count = 0;
            anchors.find(text.as_bytes(), |_, _| {
                count += 1;
                true
            });
            count
        };
        assert_eq!([count("SK0ab"), count("SKfff"), count("SKIP"), count("XXXX"), count("SK")], [1, 1, 0, 0, 0]);
    }

    #[test]
    fn same_as_a_plain_search() {
        let texts = ["abcd", "bcda", "ab", "dabcdab", "cc"];
        let bytes: String = (0..4000_u32).map(|n| ['a', 'b', 'c', 'd'][(n * n / 7 % 4) as usize]).collect();
        let mut expected: Vec<(usize, Range<usize>)> = Vec::new();
        for start in 0..bytes.len() {
            for (rule, text) in texts.iter().enumerate() {
                if bytes[start..].starts_with(text) {
                    expected.push((rule, start..start + text.len()));
                }
            }
        }
        let mut found = found(&texts, false, &bytes);
        found.sort_by_key(|(rule, span)| (span.start, *rule));
        assert_eq!(found, expected);
    }
}
