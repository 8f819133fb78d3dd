//! Finds the beginnings of rules: fixed texts, thousands of them, in one walk over the bytes.
//!
//! Four bytes of each text, the rarest four that stand together, are hashed (as Rabin and Karp do) into a table of
//! bits that stays in the processor's first cache. Few positions pass it; only there the texts that have these bytes
//! are compared. An Aho-Corasick automaton over the same texts does the same work in a chain of dependent loads from
//! a table of several megabytes, and slows down with every rule: measured, half the speed and less.
//!
//! To make the table takes longer than a Dockerfile may take in all. Of a few small texts each gets a table of its own,
//! over those texts that may stand in it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::words;

/// Bytes that are hashed.
const GRAM: usize = 4;

/// Positions that are looked at together: the grams that begin in one half of a word.
const STEP: usize = 4;

/// Bits of a hash that tell its bucket and its word of the filter.
const BUCKET_BITS: u32 = 12;

/// Bits of a hash that tell what may stand round a gram, in the table over all texts and in those of a few.
const ROUND_BITS: u32 = 14;
const FEW_BITS: u32 = 8;

/// Grams of such a table at most.
const FEW: usize = 256;

/// Offsets in a text at which its gram may stand.
const OFFSETS: usize = 12;

/// The bit in which small letters differ from capital ones, in each byte.
const CASE: u64 = 0x2020_2020_2020_2020;

type Filter = [u64; 1 << BUCKET_BITS];

/// A text, and the index of the rule it begins.
#[derive(Debug, Clone)]
struct Text {
    bytes: Cow<'static, [u8]>,
    rule: usize,
    /// Whether its letters match in either case; it is in lower case then.
    folds: bool,
}

/// A gram and a text that has it.
#[derive(Debug)]
struct Holder {
    /// As it is looked up: with the bit of case.
    gram: u32,
    /// Where it stands in the text.
    offset: u8,
    /// The four bytes behind it in the text with the bit of case, and which of them there are.
    next: u32,
    mask: u32,
    text: u32,
}

/// Texts to look for, each with the index of the rule it begins.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: Vec<Text>,
    /// The first and the last gram of each text with the bit of case; of shorter ones nothing.
    ends: Vec<Option<(u32, u32)>>,
}

/// The table over all texts.
pub(super) struct Anchors {
    /// Two bits for each gram, both in one word.
    filter: Box<Filter>,
    /// Which bytes may stand before and behind a gram, by its hash: most grams that stand in other words end here.
    round: Vec<[u64; 2]>,
    round_bits: u32,
    /// Where the holders of a bucket begin in `holders`; one more at the end.
    index: Vec<u32>,
    /// Grams and what has them, by hash.
    holders: Vec<Holder>,
    texts: Vec<Text>,
}

impl Texts {
    /// Adds a text of a rule, whose letters match in either case if it `folds`.
    pub(super) fn add(&mut self, text: Cow<'static, str>, rule: usize, folds: bool) {
        let bytes = match text {
            Cow::Borrowed(text) if !folds || !text.bytes().any(|b| b.is_ascii_uppercase()) => text.as_bytes().into(),
            text if folds => text.to_ascii_lowercase().into_bytes().into(),
            text => text.into_owned().into_bytes().into(),
        };
        let text = Text { bytes, rule, folds };
        let ends = text.bytes.first_chunk::<GRAM>().zip(text.bytes.last_chunk::<GRAM>());
        self.ends.push(ends.map(|(first, last)| (folded(*first), folded(*last))));
        self.texts.push(text);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The table over the first `count` texts.
    ///
    /// `heads` tells the four bytes that a match of a rule may begin with where that is known; they matter for texts of
    /// fewer than four bytes, after which anything may stand otherwise.
    pub(super) fn build(&self, count: usize, heads: impl Fn(usize) -> Vec<[u8; GRAM]>) -> Anchors {
        let mut known: BTreeMap<usize, Vec<[u8; GRAM]>> = BTreeMap::new();
        let mut grams = Vec::new();
        for (number, text) in (0..).zip(self.texts.iter().take(count)) {
            if let Some((offset, gram)) = rarest(&text.bytes) {
                grams.push((folded(gram), number, offset));
                continue;
            }
            let heads = known.entry(text.rule).or_insert_with(|| heads(text.rule));
            if heads.is_empty() {
                extend(&text.bytes, &mut |head| grams.push((folded(head), number, 0)));
            } else {
                let fitting = heads.iter().filter(|head| head.starts_with(&text.bytes));
                grams.extend(fitting.map(|head| (folded(*head), number, 0)));
            }
        }
        Anchors::of(self.texts.iter().take(count).cloned().collect(), grams)
    }

    /// The table over those of the first `count` texts that may stand in `bytes`, which are few: made in a fraction of the
    /// time that the table over all takes.
    pub(super) fn narrowed(&self, count: usize, bytes: &[u8]) -> Anchors {
        let mut seen = vec![0_u64; SEEN / 64];
        let (mut grams, mut texts) = (Vec::new(), Vec::new());
        for window in bytes.array_windows::<GRAM>() {
            let (word, bit) = seen_at(folded(*window));
            seen.get_mut(word).into_iter().for_each(|word| *word |= 1 << bit);
        }
        let is_seen = |gram: u32| {
            let (word, bit) = seen_at(gram);
            seen.get(word).is_some_and(|word| word >> bit & 1 == 1)
        };
        for (text, ends) in self.texts.iter().zip(&self.ends).take(count) {
            let number = u32::try_from(texts.len()).unwrap_or(u32::MAX);
            let before = grams.len();
            match ends {
                Some((first, last)) if is_seen(*first) && is_seen(*last) => {
                    let (offset, gram) = rarest(&text.bytes).unwrap_or_default();
                    grams.push((folded(gram), number, offset));
                }
                Some(_) => {}
                // what stands behind it here, and nothing where it ends the bytes
                None => {
                    let is_equal = |part: &[u8]| {
                        if text.folds { part.eq_ignore_ascii_case(&text.bytes) } else { *part == *text.bytes }
                    };
                    let places = bytes.windows(text.bytes.len().max(1)).enumerate().filter(|(_, part)| is_equal(part));
                    grams.extend(places.map(|(at, _)| (low(u64::from(following(bytes, at).0) | CASE), number, 0)));
                }
            }
            if grams.len() > before {
                texts.push(text.clone());
            }
        }
        Anchors::of(texts, grams)
    }
}

/// Bits that tell which grams a small text has, and the digits of their number.
const SEEN: usize = 1 << SEEN_BITS;
const SEEN_BITS: u32 = 14;

/// Word and bit of a gram among these.
fn seen_at(gram: u32) -> (usize, u32) {
    let hash = hash(gram) >> (32 - SEEN_BITS);
    ((hash / 64) as usize, hash % 64)
}

impl Anchors {
    /// Makes the table of grams: each with the number of its text and where it stands there.
    fn of(texts: Vec<Text>, mut grams: Vec<(u32, u32, u8)>) -> Self {
        grams.sort_unstable_by_key(|(gram, text, offset)| (hash(*gram), *gram, *text, *offset));
        grams.dedup();
        #[expect(clippy::large_stack_arrays, reason = "moved to the heap at once, and once for each set of rules")]
        let mut filter: Box<Filter> = Box::new([0; _]);
        let mut index = vec![0_u32; (1 << BUCKET_BITS) + 1];
        let round_bits = if grams.len() > FEW { ROUND_BITS } else { FEW_BITS };
        let mut round = vec![[0_u64; 2]; 1 << round_bits];
        for (gram, number, offset) in &grams {
            let hash = hash(*gram);
            let text = texts.get(*number as usize).map_or(&[][..], |text| &text.bytes);
            let offset = usize::from(*offset);
            let before = offset.checked_sub(1).and_then(|at| text.get(at));
            let after = text.get(offset.saturating_add(GRAM));
            for (mask, byte) in round.get_mut(place_round(hash, round_bits)).into_iter().flatten().zip([before, after])
            {
                *mask |= byte.map_or(u64::MAX, |byte| 1 << sort_of(*byte));
            }
            if let Some(word) = filter.get_mut(bucket(hash)) {
                *word |= mask(hash);
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
        let holder = |(gram, number, offset): (u32, u32, u8)| {
            let text = texts.get(number as usize).map_or(&[][..], |text| &text.bytes);
            let (next, mask) = following(text, usize::from(offset).saturating_add(GRAM));
            Holder { gram, offset, next, mask, text: number }
        };
        let holders = grams.into_iter().map(holder).collect();
        Self { filter, round, round_bits, index, holders, texts }
    }
}

impl Anchors {
    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Tells each place of each text in a part of the bytes, in order but for a few bytes, until `tell` says that it is
    /// enough.
    pub(super) fn find(&self, bytes: &[u8], part: Range<usize>, mut tell: impl FnMut(usize, Range<usize>) -> bool) {
        let mut at = part.start;
        while at < part.end
            && let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>)
        {
            let word = u64::from_le_bytes(*word) | CASE;
            let grams: [u32; STEP] = [word, word >> 8, word >> 16, word >> 24].map(low);
            let hits = grams.map(|gram| self.passes(hash(gram)));
            if hits[0] | hits[1] | hits[2] | hits[3] != 0 {
                for ((hit, gram), place) in hits.into_iter().zip(grams).zip(at..) {
                    if hit != 0 && self.fits(bytes, place, gram) && !self.compare(bytes, &part, place, gram, &mut tell)
                    {
                        return;
                    }
                }
            }
            at = at.saturating_add(STEP);
        }
        // the last bytes, and past the end for texts shorter than a gram
        while at < part.end {
            let gram = low(u64::from(following(bytes, at).0) | CASE);
            if self.passes(hash(gram)) != 0 && !self.compare(bytes, &part, at, gram, &mut tell) {
                return;
            }
            at = at.saturating_add(1);
        }
    }

    /// One if some text may have a gram of that hash.
    #[inline]
    fn passes(&self, hash: u32) -> u64 {
        #[expect(clippy::indexing_slicing, reason = "there are as many words as buckets")]
        let word = self.filter[bucket(hash)];
        let mask = mask(hash);
        u64::from(word & mask == mask)
    }

    /// Whether what stands round the gram `at` there may do so in some text.
    #[inline]
    fn fits(&self, bytes: &[u8], at: usize, gram: u32) -> bool {
        let [before, after] = self.round.get(place_round(hash(gram), self.round_bits)).copied().unwrap_or_default();
        let may_be = |mask: u64, byte: Option<&u8>| match byte {
            Some(byte) => mask >> sort_of(*byte) & 1 == 1,
            // where the bytes end, only a text may that ends there itself
            None => mask == u64::MAX,
        };
        may_be(before, at.checked_sub(1).and_then(|at| bytes.get(at)))
            && may_be(after, bytes.get(at.saturating_add(GRAM)))
    }

    /// Compares the texts that have the gram, which stands `at` there in that part; false once it is enough.
    #[inline(never)]
    fn compare(
        &self,
        bytes: &[u8],
        part: &Range<usize>,
        at: usize,
        gram: u32,
        tell: &mut impl FnMut(usize, Range<usize>) -> bool,
    ) -> bool {
        let bucket = bucket(hash(gram));
        let bound = |at: usize| self.index.get(at).map_or(0, |bound| *bound as usize);
        let holders = self.holders.get(bound(bucket)..bound(bucket.saturating_add(1))).unwrap_or_default();
        let (next, _) = following(bytes, at.saturating_add(GRAM));
        // many grams are those of common words: four bytes more tell nearly all of these
        for holder in holders.iter().filter(|holder| holder.gram == gram && holder.next == next & holder.mask) {
            let Some(text) = self.texts.get(holder.text as usize) else { continue };
            let Some(start) = at.checked_sub(usize::from(holder.offset)) else { continue };
            let end = start.saturating_add(text.bytes.len());
            if start < part.start || end > part.end {
                continue;
            }
            let Some(found) = bytes.get(start..end) else { continue };
            let is_equal = if text.folds { found.eq_ignore_ascii_case(&text.bytes) } else { found == &*text.bytes };
            if is_equal && !tell(text.rule, start..end) {
                return false;
            }
        }
        true
    }
}

/// The gram of a text that is the rarest in other texts, as far as bytes and pairs of letters tell, and where it stands.
fn rarest(text: &[u8]) -> Option<(u8, [u8; GRAM])> {
    let commonness = |gram: &[u8; GRAM]| {
        let bytes = gram.iter().map(|byte| commonness(*byte)).sum::<u32>();
        let pairs = gram.array_windows().filter(|[first, second]| words::is_common_pair(*first, *second)).count();
        // lines of one sign are everywhere
        let is_line = gram.iter().all(|byte| Some(byte) == gram.first());
        bytes.saturating_add(if is_line { 20 } else { u32::try_from(pairs).unwrap_or(0).saturating_mul(2) })
    };
    let grams = (0..).zip(text.array_windows::<GRAM>()).take(OFFSETS);
    grams.min_by_key(|(_, gram)| commonness(gram)).map(|(at, gram)| (at, *gram))
}

/// How common a byte is in settings and programs, in either case: the logarithm, in some unit.
fn commonness(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        b'e' | b't' | b' ' | b'0' => 8,
        b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 7,
        b'l' | b'c' | b'd' | b'u' | b'p' | b'm' | b'f' | b'1' | b'/' | b'-' | b'*' | b'.' => 6,
        b'h' | b'g' | b'b' | b'y' | b'_' | b'2'..=b'9' | b'"' | b':' | b',' | b'=' => 5,
        b'v' | b'w' | b'k' | b'x' => 4,
        _ => 2,
    }
}

/// The four bytes from `at` on with the bit of case, and which of them there are.
#[inline]
fn following(bytes: &[u8], at: usize) -> (u32, u32) {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(four) = rest.first_chunk::<4>() {
        return (folded(*four), u32::MAX);
    }
    let (mut four, mut mask) = ([0; 4], [0; 4]);
    for ((to, is_there), from) in four.iter_mut().zip(&mut mask).zip(rest) {
        *to = *from;
        *is_there = 0xff;
    }
    let mask = u32::from_le_bytes(mask);
    (folded(four) & mask, mask)
}

/// Four bytes with the bit of case.
fn folded(four: [u8; GRAM]) -> u32 {
    u32::from_le_bytes(four) | low(CASE)
}

#[inline]
fn low(word: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is meant to go")]
    let low = word as u32;
    low
}

/// Four bytes multiplied by a large odd number (Knuth's multiplicative hashing): the upper bits depend on all of them.
#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

#[inline]
fn bucket(hash: u32) -> usize {
    (hash >> (32 - BUCKET_BITS)) as usize
}

#[inline]
fn place_round(hash: u32, bits: u32) -> usize {
    (hash >> 32_u32.saturating_sub(bits)) as usize
}

/// One of 64 sorts of bytes; letters in either case are of the same one.
#[inline]
fn sort_of(byte: u8) -> u32 {
    let byte = byte | 0x20;
    u32::from((byte ^ (byte >> 6).wrapping_mul(21)) & 63)
}

/// The two bits of its word that stand for a hash. They are looked up: to shift by what a register says takes three times as long.
#[inline]
fn mask(hash: u32) -> u64 {
    let place = (hash >> (32 - BUCKET_BITS - MASK_BITS)) as usize & ((1 << MASK_BITS) - 1);
    MASKS.get(place).copied().unwrap_or(u64::MAX)
}

/// Bits of a hash, behind those of its bucket, that tell its mask.
const MASK_BITS: u32 = 9;

static MASKS: [u64; 1 << MASK_BITS] = masks();

/// Pairs of bits, none of them twice.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "computed by the compiler, which checks it"
)]
const fn masks() -> [u64; 1 << MASK_BITS] {
    let mut masks = [0; 1 << MASK_BITS];
    let mut at = 0;
    while at < masks.len() {
        let (first, apart) = (at % 64, 1 + at / 64 * 3);
        masks[at] = 1 << first | 1 << ((first + apart) % 64);
        at += 1;
    }
    masks
}

/// Every gram that begins with `fixed`, which is shorter.
fn extend(fixed: &[u8], add: &mut impl FnMut([u8; GRAM])) {
    let mut gram = [0; GRAM];
    for (to, from) in gram.iter_mut().zip(fixed) {
        *to = *from;
    }
    let free = GRAM.saturating_sub(fixed.len());
    let all = 1_u32.checked_shl(u32::try_from(free).unwrap_or(0).saturating_mul(8)).unwrap_or(0);
    let fixed = u32::from_be_bytes(gram);
    for rest in 0..all {
        add((fixed | rest).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, those with a leading `~` in either case, and what is found of them.
    fn found(texts: &[&str], bytes: &str) -> Vec<(usize, Range<usize>)> {
        let found = found_by(&anchors(texts), bytes);
        assert_eq!(found_by(&self::texts(texts).narrowed(texts.len(), bytes.as_bytes()), bytes), found, "{bytes}");
        found
    }

    fn texts(texts: &[&str]) -> Texts {
        let mut all = Texts::default();
        for (rule, text) in texts.iter().enumerate() {
            all.add(text.trim_start_matches('~').to_owned().into(), rule, text.starts_with('~'));
        }
        all
    }

    fn anchors(texts: &[&str]) -> Anchors {
        self::texts(texts).build(texts.len(), |_| Vec::new())
    }

    fn found_by(anchors: &Anchors, bytes: &str) -> Vec<(usize, Range<usize>)> {
        let mut found = Vec::new();
        anchors.find(bytes.as_bytes(), 0..bytes.len(), |rule, span| {
            found.push((rule, span));
            true
        });
        found.sort_by_key(|(rule, span)| (span.start, *rule));
        found
    }

    #[test]
    fn every_place_is_told_wherever_it_lies() {
        let texts = ["ghp_", "ghp_long", "SK", "sl.", "~password"];
        assert_eq!(found(&texts, "ghp_long"), [(0, 0..4), (1, 0..8)]);
        assert_eq!(found(&texts, "aSKsl."), [(2, 1..3), (3, 3..6)]);
        assert_eq!(found(&texts, "SK"), [(2, 0..2)]);
        assert_eq!(found(&texts, "sk PassWord GHP_long"), [(4, 3..11)]);
        assert_eq!(found(&texts, "passwor"), []);
        assert_eq!(found(&texts, ""), []);
        let anchors = anchors(&texts);
        for before in 0..20 {
            for after in 0..20 {
                let text = format!("{}ghp_password{}", "x".repeat(before), "y".repeat(after));
                let expected = [(0, before..before + 4), (4, before + 4..before + 12)];
                assert_eq!(found_by(&anchors, &text), expected, "{text}");
            }
        }
    }

    #[test]
    fn signs_that_differ_in_the_bit_of_case_are_told_apart() {
        let texts = ["key_", "~[a]=", "~key-"];
        assert_eq!(found(&texts, "key\u{7f}key_{a}=[A]=KEY-KEY\r"), [(0, 4..8), (1, 12..16), (2, 16..20)]);
    }

    #[test]
    fn heads_that_cannot_be_are_passed_over() {
        let anchors = texts(&["SK"]).build(1, |_| vec![*b"SK0a", *b"SKff", *b"XXXX"]);
        let count = |text: &str| {
            let mut count = 0;
            anchors.find(text.as_bytes(), 0..text.len(), |_, _| {
                count += 1;
                true
            });
            count
        };
        assert_eq!([count("SK0ab"), count("SKfff"), count("SKIP"), count("XXXX"), count("SK")], [1, 1, 0, 0, 0]);
    }

    #[test]
    fn same_as_a_plain_search() {
        let texts = ["abcd", "bcda", "ab", "dabcdab", "cc", "abcdabcdabcdabcdabcd"];
        let bytes: String = (0..4000_u32).map(|n| ['a', 'b', 'c', 'd'][(n * n / 7 % 4) as usize]).collect();
        let bytes = bytes + "abcdabcdabcdabcdabcd";
        let mut expected: Vec<(usize, Range<usize>)> = Vec::new();
        for start in 0..bytes.len() {
            for (rule, text) in texts.iter().enumerate() {
                if bytes[start..].starts_with(text) {
                    expected.push((rule, start..start + text.len()));
                }
            }
        }
        assert_eq!(found(&texts, &bytes), expected);
    }

    #[test]
    fn a_part_is_searched_as_if_it_stood_alone() {
        let anchors = anchors(&["ghp_", "~abcde", "SK", "xghp_ab", "de"]);
        let bytes = b"xghp_abcdeSKghp_ABCDESKxghp_ab";
        let found = |bytes: &[u8], part: Range<usize>| {
            let mut found = Vec::new();
            anchors.find(bytes, part.clone(), |rule, span| {
                found.push((span.start - part.start, span.end - part.start, rule));
                true
            });
            found.sort_unstable();
            found
        };
        for start in 0..bytes.len() {
            for end in start..=bytes.len() {
                let alone = &bytes[start..end];
                assert_eq!(found(bytes, start..end), found(alone, 0..alone.len()), "{start} {end}");
            }
        }
    }
}
