//! Looks for values that are known in every spelling they may have: whether what was taken out of an image stands anywhere
//! else.
//!
//! A value is sought as it is, in Latin-1, in base64 at each of its three alignments, in hexadecimal, and as UTF-16; each of
//! these, whatever of it is escaped, and however its digits are broken into lines ([`Undone`]). Of a long one its longest line
//! near the middle stands for all of it: keys are wrapped, indented and escaped in many ways, and no other text has such a line.
//!
//! The bytes are searched as they are; round an escape or a broken line that stands where a spelling of a value might have one,
//! they are searched once more with these undone.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::path::ImagePath;

use super::container;
use super::entropy;
use super::unspelled::{self, Undone};

/// Signs of base64 (RFC 4648, section 4), and of its alphabet for URLs (section 5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Shortest value that is sought, in bytes: shorter ones stand anywhere by chance.
const SHORTEST: usize = 8;

/// Longer values are sought by a part, in bytes.
const WHOLE: usize = 96;

/// Bytes of that part at most.
const PART: usize = 64;

/// Least part of a line that stands for a value, in bytes.
const LEAST_LINE: usize = 24;

/// Least length of a coded part that is sought: what is left of a short value between the bytes that its neighbours decide.
const LEAST_CODED: usize = 10;

/// Most bytes of text round an escape that are undone at once.
const UNDONE: usize = 64 << 10;

/// Bytes that a byte of a spelling takes at most, where not all of it is escaped twice.
const ESCAPED: usize = 6;

/// Bytes that four signs take at most, each escaped.
const FOUR: usize = 52;

/// Escapes of escapes that are remembered.
const MOST_NESTED: usize = 256;

/// Bits of the table of signs that follow each other, as a power of two.
const FOLLOWING: u32 = 22;

/// Most values at once.
const MOST: usize = 10_000;

/// Places of values in the files inside of one file that are told apart.
const MOST_PLACES: usize = 10_000;

/// Bits of a byte of a value that is no word, on average.
const LEAST_ENTROPY: f64 = 2.0;

/// Values to look for, all at once.
pub struct Needles {
    automaton: Option<AhoCorasick>,
    /// What each spelling stands for, by the number of its pattern.
    owners: Vec<Owners>,
    longest: usize,
    /// Bytes of the longest spelling with escapes.
    reach: usize,
    following: Following,
}

/// Bytes round an escape, and how many of them stand before it.
type Round<'b> = (&'b [u8], usize);

/// Whether escapes of escapes may be ones of a spelling, by what stands round them: long runs of them repeat themselves.
#[derive(Default)]
struct Nested<'b> {
    last: Option<(Round<'b>, bool)>,
    known: HashMap<Round<'b>, bool>,
}

impl<'b> Nested<'b> {
    fn get(&mut self, round: Round<'b>) -> Option<bool> {
        if let Some((_, known)) = self.last.filter(|(last, _)| *last == round) {
            return Some(known);
        }
        let known = *self.known.get(&round)?;
        self.last = Some((round, known));
        Some(known)
    }

    fn add(&mut self, round: Round<'b>, may: bool) {
        if self.known.len() >= MOST_NESTED {
            self.known.clear();
        }
        self.known.insert(round, may);
        self.last = Some((round, may));
    }
}

/// What a spelling stands for.
#[derive(Default)]
struct Owners {
    /// Indices of values.
    values: Vec<usize>,
    /// Whether it is digits of base64 or hexadecimal to all of them.
    is_coded: bool,
}

impl Needles {
    /// Of these values; those that [`is_sought`] says no to are in the list and never found. Too many are an error.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let too_many = || {
            Error::new(ErrorKind::Limit, format!("more than {MOST} values would have to be sought"))
                .help("`--only`, `--skip` and `[fix] keep` of a policy leave some of them out")
        };
        let mut owners: BTreeMap<Vec<u8>, Owners> = BTreeMap::new();
        for (index, value) in values.into_iter().enumerate() {
            if !is_sought(value) {
                continue;
            }
            if index >= MOST {
                return Err(too_many());
            }
            for (spelling, is_coded) in spellings(part(value)) {
                let known = owners.entry(spelling).or_insert(Owners { values: Vec::new(), is_coded: true });
                known.is_coded &= is_coded;
                if known.values.last() != Some(&index) {
                    known.values.push(index);
                }
            }
        }
        let longest = owners.keys().map(Vec::len).max().unwrap_or(0);
        // no escape stands in UTF-16
        let texts = || owners.keys().filter(|spelling| !spelling.contains(&0));
        let reach = texts().map(Vec::len).max().unwrap_or(0).saturating_mul(ESCAPED).saturating_add(FOUR);
        let following = Following::of(texts());
        // of two that begin alike the longer one is taken
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest);
        let automaton =
            if owners.is_empty() { None } else { Some(builder.build(owners.keys()).map_err(|_| too_many())?) };
        Ok(Self { automaton, owners: owners.into_values().collect(), longest, reach, following })
    }

    /// Whether nothing is sought.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Bytes that two windows of a text must share so that nothing is missed between them.
    pub fn overlap(&self) -> usize {
        self.longest.max(self.reach).saturating_add(unspelled::LINE)
    }

    /// What stands in these bytes themselves: index of the value and where its spelling stands.
    pub fn in_bytes(&self, bytes: &[u8], found: &mut dyn FnMut(usize, Range<usize>)) {
        self.spelled_in(bytes, &mut |needle, span, _| found(needle, span));
    }

    /// The same, and whether it is a part of digits of base64 or hexadecimal, whose neighbours may be of the same.
    pub fn spelled_in(&self, bytes: &[u8], found: &mut dyn FnMut(usize, Range<usize>, bool)) {
        self.search(bytes, &mut |owners, span| {
            for owner in &owners.values {
                found(*owner, span.clone(), owners.is_coded);
            }
        });
        let mut window: Option<Range<usize>> = None;
        for at in self.escapes(bytes) {
            let from = at.saturating_sub(self.reach);
            let to = at.saturating_add(self.reach.saturating_mul(2)).min(bytes.len());
            match &mut window {
                Some(open) if open.end >= from && open.len() < UNDONE => open.end = to.max(open.end),
                _ => {
                    if let Some(done) = window.replace(from..to) {
                        self.undone_in(bytes, done, found);
                    }
                }
            }
        }
        if let Some(last) = window {
            self.undone_in(bytes, last, found);
        }
    }

    /// What stands in a part of the bytes with escapes undone; what has none was found before.
    fn undone_in(&self, bytes: &[u8], part: Range<usize>, found: &mut dyn FnMut(usize, Range<usize>, bool)) {
        let start = part.start;
        Undone::readings(bytes.get(part).unwrap_or_default(), &mut |undone| {
            self.search(&undone.bytes, &mut |owners, span| {
                let place = undone.place(&span);
                if place.len() == span.len() {
                    return;
                }
                for owner in &owners.values {
                    let place = place.start.saturating_add(start)..place.end.saturating_add(start);
                    found(*owner, place, owners.is_coded);
                }
            });
        });
    }

    fn search(&self, bytes: &[u8], found: &mut dyn FnMut(&Owners, Range<usize>)) {
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_iter(bytes) {
            if let Some(owners) = self.owners.get(hit.pattern().as_usize()) {
                found(owners, hit.range());
            }
        }
    }

    /// Places of escapes and broken lines in these bytes that may be ones of a spelling, ascending; of many close together only
    /// some.
    fn escapes(&self, bytes: &[u8]) -> Vec<usize> {
        let mut places = Vec::new();
        if self.automaton.is_none() {
            return places;
        }
        let (mut next, mut nested) = (0_usize, Nested::default());
        let mut take = |at: usize, next: &mut usize| {
            places.push(at);
            // a spelling that has another one up to there is undone with this
            *next = at.saturating_add(self.reach);
        };
        for at in memchr::memchr3_iter(b'\\', b'%', b'&', bytes) {
            if at >= next && self.may_be_escape(bytes, at, &mut nested) {
                take(at, &mut next);
            }
        }
        next = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            if at >= next && self.may_go_on(bytes, at) {
                take(at, &mut next);
            }
        }
        places.sort_unstable();
        places
    }

    /// Whether an escape stands here, and the signs round it follow each other in a spelling.
    fn may_be_escape<'b>(&self, bytes: &'b [u8], at: usize, nested: &mut Nested<'b>) -> bool {
        let at = if bytes.get(at.saturating_sub(1)..).is_some_and(|rest| rest.starts_with(b"'\\''")) {
            at.saturating_sub(1)
        } else {
            at
        };
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(sign) = unspelled::escaped(rest) else { return false };
        let before = at.checked_sub(3).and_then(|start| bytes.get(start..at)?.first_chunk::<3>());
        let may = |sign: u8, rest: &[u8]| {
            before.is_some_and(|[one, two, three]| self.following.has([*one, *two, *three, sign]))
                || unspelled::first_four(rest).is_some_and(|four| self.following.has(four))
        };
        match sign {
            b'\n' | b'\r' => may(sign, rest) || self.may_go_on(bytes, at),
            // an escape of an escape
            b'\\' | b'%' | b'&' => {
                let part = bytes.get(at.saturating_sub(3)..at.saturating_add(FOUR).min(bytes.len()));
                let round = (part.unwrap_or_default(), at.min(3));
                if let Some(known) = nested.get(round) {
                    return known;
                }
                let mut any = may(sign, rest);
                let mut inner = rest.get(..FOUR).unwrap_or(rest).to_vec();
                for _ in 0..2 {
                    inner = Undone::of(&inner, unspelled::ALL).bytes;
                    let Some(sign) = unspelled::escaped(&inner).filter(|_| !any) else { break };
                    any = may(sign, &inner);
                }
                nested.add(round, any);
                any
            }
            sign => may(sign, rest),
        }
    }

    /// Whether digits before and behind a line feed, or what stands for one, follow each other in a spelling.
    fn may_go_on(&self, bytes: &[u8], at: usize) -> bool {
        let mut start = at;
        let mut is_joined = false;
        while let Some(byte) = start.checked_sub(1).and_then(|before| bytes.get(before)) {
            let is_sign = *byte == b'+' && !is_joined && start < at;
            if at.saturating_sub(start) >= FOUR || !(unspelled::is_between(*byte) || is_sign) {
                break;
            }
            // one that joins texts stands between blanks and quotes
            is_joined |= is_sign;
            start = start.saturating_sub(1);
        }
        // or it is a digit
        if bytes.get(start) == Some(&b'+') {
            start = start.saturating_add(1);
        }
        let line = start.checked_sub(unspelled::LINE).and_then(|from| bytes.get(from..start));
        let Some([first, .., one, two, three]) = line else { return false };
        // most lines end with other signs
        let ends = [three, first, two, one].into_iter().all(|byte| unspelled::is_digit(*byte));
        if !ends || !line.into_iter().flatten().all(|byte| unspelled::is_digit(*byte)) {
            return false;
        }
        let rest = bytes.get(start..).unwrap_or_default();
        let Some(more) = unspelled::line_break(rest).and_then(|length| rest.get(length..)) else { return false };
        let four = |own: &[u8], next: usize| {
            let all = own.iter().chain(more.iter().take(next)).copied().collect::<Vec<u8>>();
            all.first_chunk().is_some_and(|four| self.following.has(*four))
        };
        four(&[*one, *two, *three], 1) || four(&[*three], 3)
    }

    /// Whether any of them stands in these bytes.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        let mut is_any = false;
        self.in_bytes(bytes, &mut |_, _| is_any = true);
        is_any
    }

    /// What stands in the files inside of a file, and in what stands beside these in the archives in it: index of the value,
    /// and which file or archive, `a.zip!b/c`. A value that stands in a file is not told of what stands beside it.
    pub fn in_files_of(&self, path: &ImagePath, bytes: &[u8]) -> BTreeSet<(Vec<u8>, usize)> {
        let (mut found, beside) = (Places::default(), RefCell::new(Places::default()));
        let listen = RefCell::new(|place: &[u8], bytes: &[u8]| {
            self.in_bytes(bytes, &mut |needle, _| beside.borrow_mut().add(place, needle));
        });
        let mut take = |member: &container::Member<'_>| {
            self.in_bytes(member.bytes, &mut |needle, _| found.add(member.inside, needle));
        };
        // what cannot be opened, the scan of the image tells
        let _ = container::open_with(bytes, path, &mut take, Some(&listen));
        let known = found.needles;
        let mut all = found.all;
        all.extend(beside.take().all.into_iter().filter(|(_, needle)| !known.contains(needle)));
        all
    }
}

/// Places in one file.
#[derive(Default)]
struct Places {
    all: BTreeSet<(Vec<u8>, usize)>,
    needles: BTreeSet<usize>,
}

impl Places {
    fn add(&mut self, inside: &[u8], needle: usize) {
        // each value once at least: the file goes or stays as a whole
        if self.needles.insert(needle) || self.all.len() < MOST_PLACES {
            self.all.insert((inside.to_vec(), needle));
        }
    }
}

/// Bytes of a file inside of another: which file, escaped as in reports, offset and length.
pub type Inside<'a> = (&'a str, u64, u64);

/// Takes runs of bytes out of the files inside of the file at `path`; `None` for what is not there.
pub fn take_inside(path: &ImagePath, bytes: &[u8], wanted: &[Inside<'_>]) -> Vec<Option<Vec<u8>>> {
    let mut taken: Vec<Option<Vec<u8>>> = vec![None; wanted.len()];
    let _ = container::open(bytes, path, &mut |member| {
        let name = escape(member.inside);
        for (taken, (inside, offset, length)) in taken.iter_mut().zip(wanted) {
            if taken.is_some() || *inside != name {
                continue;
            }
            let start = offset.checked_sub(member.offset).and_then(|start| usize::try_from(start).ok());
            let run = start.zip(usize::try_from(*length).ok());
            let run = run.and_then(|(start, length)| member.bytes.get(start..start.checked_add(length)?));
            *taken = run.map(<[u8]>::to_vec);
        }
    });
    taken
}

/// Whether a value can be told from what stands anywhere by chance: neither short nor monotonous.
pub fn is_sought(value: &[u8]) -> bool {
    value.len() >= SHORTEST && entropy::shannon(part(value)) >= LEAST_ENTROPY
}

/// The part that stands for a value.
fn part(value: &[u8]) -> &[u8] {
    if value.len() <= WHOLE {
        return value.trim_ascii();
    }
    let middle = value.len() / 2;
    let mut best: &[u8] = &[];
    let mut start = 0_usize;
    for line in value.split(|byte| *byte == b'\n') {
        let end = start.saturating_add(line.len());
        let line = line.trim_ascii();
        // among equally long ones the first behind the middle, or the last before it
        if line.len() > best.len() || (line.len() == best.len() && end < middle) {
            best = line;
        }
        start = end.saturating_add(1);
    }
    let best =
        if best.len() >= LEAST_LINE { best } else { value.get(middle.saturating_sub(PART / 2)..).unwrap_or(value) };
    let cut = best.len().saturating_sub(PART) / 2;
    best.get(cut..).map_or(best, |rest| rest.get(..PART).unwrap_or(rest))
}

/// Which four bytes follow each other in spellings, and some others.
struct Following(Vec<u64>);

impl Following {
    fn of<'a>(spellings: impl Iterator<Item = &'a Vec<u8>>) -> Self {
        let mut own = Self(vec![0; 1 << FOLLOWING >> 6]);
        for four in spellings.flat_map(|spelling| spelling.windows(4)).filter_map(<[u8]>::first_chunk) {
            let (word, bit) = Self::place(*four);
            if let Some(word) = own.0.get_mut(word) {
                *word |= bit;
            }
        }
        own
    }

    fn has(&self, four: [u8; 4]) -> bool {
        let (word, bit) = Self::place(four);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Multiplicative hashing (Knuth, volume 3, section 6.4).
    fn place(four: [u8; 4]) -> (usize, u64) {
        let hash = u32::from_le_bytes(four).wrapping_mul(0x9e37_79b1) >> 32_u32.saturating_sub(FOLLOWING);
        (hash as usize >> 6, 1 << (hash & 63))
    }
}

/// All spellings of a value that are sought, and whether each is digits of base64 or hexadecimal.
fn spellings(value: &[u8]) -> BTreeMap<Vec<u8>, bool> {
    let mut all = Spellings::default();
    all.add_form(value);
    match std::str::from_utf8(value) {
        Ok(text) => all.add_text(text),
        // what is no UTF-8 may be Latin-1, and in UTF-8 elsewhere
        Err(_) => all.add_form(value.iter().map(|byte| char::from(*byte)).collect::<String>().as_bytes()),
    }
    all.0.retain(|spelling, _| spelling.len() >= SHORTEST);
    all.0
}

#[derive(Default)]
struct Spellings(BTreeMap<Vec<u8>, bool>);

impl Spellings {
    fn add(&mut self, spelling: Vec<u8>) {
        self.0.insert(spelling, false);
    }

    fn add_coded(&mut self, spelling: Vec<u8>) {
        if spelling.len() >= LEAST_CODED {
            self.0.entry(spelling).or_insert(true);
        }
    }

    fn add_base64(&mut self, value: &[u8]) {
        for shift in 0..3 {
            self.add_coded(base64_at(value, shift, ALPHABET));
            self.add_coded(base64_at(value, shift, URL_ALPHABET));
        }
    }

    /// Bytes of a value as they may be stored.
    fn add_form(&mut self, value: &[u8]) {
        self.add(value.to_vec());
        self.add_base64(value);
        // base64 of base64, as in secrets of Kubernetes
        for shift in 0..3 {
            self.add_base64(&base64_at(value, shift, ALPHABET));
        }
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
            self.add_coded(value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect());
        }
        // forms, SQL, tables of text, configurations and shells: where these have an escape that is no escape elsewhere
        let spelled: [(u8, &[u8]); 5] =
            [(b' ', b"+"), (b'\'', b"''"), (b'"', b"\"\""), (b'$', b"$$"), (b'\'', b"'\"'\"'")];
        for (sign, instead) in spelled.into_iter().filter(|(sign, _)| value.contains(sign)) {
            let own = |byte: &u8| if *byte == sign { instead.to_vec() } else { vec![*byte] };
            self.add(value.iter().flat_map(own).collect());
        }
    }

    fn add_text(&mut self, text: &str) {
        let latin: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
        if let Some(latin) = latin.filter(|_| !text.is_ascii()) {
            self.add_form(&latin);
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // as PowerShell has its commands
        self.add_base64(&wide);
        self.add(wide);
        self.add(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        if let Some(json) = json_of(text).filter(|json| json != text) {
            self.add_base64(json.as_bytes());
            // JSON in a string of JSON
            self.0.extend(json_of(&json).map(|twice| (twice.into_bytes(), false)));
            self.add(json.into_bytes());
        }
    }
}

/// A text as a string of JSON has it.
fn json_of(text: &str) -> Option<String> {
    let json = serde_json::to_string(text).ok()?;
    json.get(1..json.len().saturating_sub(1)).map(str::to_owned)
}

/// The characters of base64 that the value alone decides when `shift` bytes stand before it in its group of three.
fn base64_at(value: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bit = |at: usize| -> u8 {
        let byte = value.get(at / 8).copied().unwrap_or_default();
        byte >> (7_usize.saturating_sub(at % 8)) & 1
    };
    let bits = value.len().saturating_mul(8);
    // the first character that begins within the value
    let mut at = (shift.saturating_mul(8)).div_ceil(6).saturating_mul(6).saturating_sub(shift.saturating_mul(8));
    let mut coded = Vec::new();
    while at.saturating_add(6) <= bits {
        let sextet = (at..at.saturating_add(6)).fold(0_u8, |value, at| value << 1 | bit(at));
        coded.push(alphabet.get(usize::from(sextet)).copied().unwrap_or_default());
        at = at.saturating_add(6);
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that no rule knows.
    fn value() -> String {
        ["kQ7vT2x", "wZm9!\"Lp4 "].concat()
    }

    fn found(needles: &Needles, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        needles.in_bytes(bytes, &mut |needle, span| all.push((needle, span.start)));
        all
    }

    #[test]
    fn a_value_is_found_in_each_spelling() {
        let value = value().trim().to_owned();
        let needles = Needles::new([b"another-value-8f3".as_slice(), value.as_bytes()]).unwrap();
        let base64 = |text: &str| base64(text.as_bytes());
        let json = serde_json::to_string(&value).unwrap();
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("plain", format!("x={value};").into_bytes()),
            ("base64", base64(&format!("user:{value}:end")).into_bytes()),
            ("base64, one byte on", base64(&format!("{value} end")).into_bytes()),
            ("base64, two bytes on", base64(&format!("ab{value} end")).into_bytes()),
            ("hexadecimal", value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()),
            ("UTF-16", wide(&value)),
            ("JSON", json.clone().into_bytes()),
            ("JSON in JSON", serde_json::to_string(&json).unwrap().into_bytes()),
            ("a URL", format!("https://u:{}@h", value.replace('!', "%21").replace('"', "%22")).into_bytes()),
        ];
        for (what, bytes) in cases {
            let hits = found(&needles, &bytes);
            assert!(hits.iter().any(|(needle, _)| *needle == 1), "{what}: {hits:?}");
            assert!(hits.iter().all(|(needle, _)| *needle == 1), "{what}: {hits:?}");
        }
        assert!(found(&needles, b"kQ7vT2xwZm8 and other text of some length").is_empty());
    }

    fn base64(bytes: &[u8]) -> String {
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let more = [chunk, &[0; 2]].concat();
            let bits = more.iter().take(3).fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
            for shift in [18, 12, 6, 0].into_iter().take(chunk.len().saturating_add(1)) {
                out.push(char::from(ALPHABET[(bits >> shift & 63) as usize]));
            }
        }
        out
    }

    /// Lines of so many characters.
    fn lines(text: &str, width: usize, between: &str) -> String {
        text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect::<Vec<_>>().join(between)
    }

    #[test]
    fn whatever_of_a_value_is_escaped_it_is_found_whole() {
        // every sign that some writer escapes
        for sign in ["", "\\$"] {
            escaped_in_each_way(&["p/w&Q7v+T2\"x$w'Z<m>9", sign, " %\u{e4}=!L#p4"].concat());
        }
    }

    fn escaped_in_each_way(value: &str) {
        let needles = Needles::new([b"another-value-8f3".as_slice(), value.as_bytes()]).unwrap();
        let all = |escape: &dyn Fn(char) -> String| value.chars().map(escape).collect::<String>();
        let some = |signs: &'static str, escape: fn(char) -> String| {
            all(&move |sign| if signs.contains(sign) { escape(sign) } else { sign.to_string() })
        };
        let url = |sign: char| sign.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let php = json_of(value).unwrap().replace('/', "\\/").replace('\u{e4}', "\\u00e4");
        let go = json_of(value).unwrap().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003E");
        let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let latin: Vec<u8> = value.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("JSON of PHP", php.clone().into_bytes()),
            ("JSON of Go", go.clone().into_bytes()),
            ("JSON of .NET", go.replace('+', "\\u002B").replace('\'', "\\u0027").into_bytes()),
            ("JSON of Go in JSON", json_of(&go).unwrap().into_bytes()),
            ("JSON of PHP in JSON", json_of(&php).unwrap().into_bytes()),
            ("XML", xml.clone().into_bytes()),
            ("XML with numbers", xml.replace('\'', "&#39;").replace('=', "&#x3D;").into_bytes()),
            ("XML in XML", xml.replace('&', "&amp;").into_bytes()),
            ("XML in JSON of PHP", json_of(&xml).unwrap().replace('/', "\\/").into_bytes()),
            ("a shell", some("$\"\\`!& '<>", |sign| format!("\\{sign}")).into_bytes()),
            ("a shell, in quotes", value.replace('\'', "'\\''").into_bytes()),
            ("a shell, by Python", value.replace('\'', "'\"'\"'").into_bytes()),
            ("properties", some("=:#! \\", |sign| format!("\\{sign}")).replace('\u{e4}', "\\u00E4").into_bytes()),
            ("C", some("\"&%\\", |sign| format!("\\x{:02x}", u32::from(sign))).into_bytes()),
            ("octal digits", some("$&'\\", |sign| format!("\\{:03o}", u32::from(sign))).into_bytes()),
            (
                "a URL, some signs",
                all(&|sign| if " %&+/<>\"#\u{e4}".contains(sign) { url(sign) } else { sign.into() }).into_bytes(),
            ),
            (
                "a URL, all but letters",
                all(&|sign| if sign.is_ascii_alphanumeric() { sign.into() } else { url(sign) }).into_bytes(),
            ),
            (
                "a URL in a URL",
                all(&|sign| if sign.is_ascii_alphanumeric() { sign.into() } else { url(sign).replace('%', "%25") })
                    .into_bytes(),
            ),
            (
                "a form",
                all(&|sign| {
                    if sign == ' ' {
                        "+".into()
                    } else if sign.is_ascii_alphanumeric() {
                        sign.into()
                    } else {
                        url(sign).to_uppercase()
                    }
                })
                .into_bytes(),
            ),
            ("every sign of a URL", all(&url).into_bytes()),
            ("every sign of a string", all(&|sign| format!("\\u{:04X}", u32::from(sign))).into_bytes()),
            ("a crontab", value.replace('%', "%%").into_bytes()),
            ("SQL", value.replace('\'', "''").into_bytes()),
            ("a table", value.replace('"', "\"\"").into_bytes()),
            ("Compose", value.replace('$', "$$").into_bytes()),
            ("Latin-1", latin.clone()),
            ("Latin-1 in a URL", value.replace('%', "%25").replace('\u{e4}', "%E4").into_bytes()),
            ("Latin-1 in base64", base64(&latin).into_bytes()),
            ("UTF-16", value.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ];
        for (what, bytes) in &cases {
            for around in [("", ""), ("x = \"", "\";\n"), ("\\n%20&amp;", "&amp;")] {
                let text = [around.0.as_bytes(), bytes, around.1.as_bytes()].concat();
                let hits = found(&needles, &text);
                assert!(hits.iter().any(|(needle, _)| *needle == 1), "{what}: {}", String::from_utf8_lossy(&text));
                assert!(hits.iter().all(|(needle, _)| *needle == 1), "{what}");
            }
        }
        let other = value.replace('Q', "R");
        for text in [other.replace('/', "\\/"), other.replace('&', "&amp;"), all(&url)[3..].to_owned()] {
            assert!(found(&needles, text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn base64_is_found_however_it_is_broken_into_lines() {
        let value = ["kQ7vT2xwZm9Lp4-f8", "W1sR6yUe3aHc0nB5"].concat();
        let needles = Needles::new([value.as_bytes()]).unwrap();
        let text = |before: usize| ["#".repeat(before), value.clone(), "!".repeat(150)].concat();
        for before in 0..80 {
            let coded = base64(text(before).as_bytes());
            for width in [64, 76] {
                for between in ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "\" \\\n  \"", "\n# "] {
                    let broken = lines(&coded, width, between);
                    assert!(!found(&needles, broken.as_bytes()).is_empty(), "{before} {width} {between:?}");
                    let escaped = broken.replace('/', "\\/").replace('+', "\\u002B");
                    assert!(!found(&needles, escaped.as_bytes()).is_empty(), "{before} {width} {between:?}, escaped");
                }
            }
            let narrow = lines(&coded.replace('+', "-").replace('/', "_"), 20, "\n");
            assert!(!found(&needles, narrow.as_bytes()).is_empty(), "{before}, narrow, for URLs");
            let twice = lines(&base64(coded.as_bytes()), 76, "\n");
            assert!(!found(&needles, twice.as_bytes()).is_empty(), "{before}, twice");
            let url = lines(&coded, 64, "%0A").replace('+', "%2B").replace('/', "%2f");
            assert!(!found(&needles, url.as_bytes()).is_empty(), "{before}, in a URL");
        }
        let digits: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!found(&needles, lines(&digits, 60, "\n").as_bytes()).is_empty(), "hexadecimal");
        let wide: Vec<u8> = format!("run {value}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!found(&needles, base64(&wide).as_bytes()).is_empty(), "a command of PowerShell");
    }

    #[test]
    fn escaped_values_are_found_at_their_place_in_texts_of_any_length() {
        let value = ["kQ7vT2xw/Zm9&", "Lp4"].concat();
        let needles = Needles::new([value.as_bytes()]).unwrap();
        let spelled = value.replace('/', "\\/").replace('&', "\\u0026");
        // dense with what may be escapes of it
        for filler in ["word ", "a\\/b\\/c ", "\\u0026", "xw\\/Zm9 ", "\\\\"] {
            for count in [0, 1, 7, 400, 20_000] {
                let before = filler.repeat(count);
                let text = [before.as_str(), " ", &spelled, " ", filler, &spelled, "\n", &filler.repeat(9)].concat();
                let mut hits = BTreeSet::new();
                needles.in_bytes(text.as_bytes(), &mut |_, span| {
                    hits.insert((span.start, span.end));
                });
                let first = before.len() + 1;
                let second = first + spelled.len() + 1 + filler.len();
                let expected = [first, second].map(|start| (start, start + spelled.len()));
                assert_eq!(hits.into_iter().collect::<Vec<_>>(), expected, "{filler:?} {count}");
            }
        }
    }

    #[test]
    fn runs_of_escapes_are_looked_at_once() {
        let value = ["kQ7vT2xw/Zm9\"", "Lp4"].concat();
        let needles = Needles::new([value.as_bytes()]).unwrap();
        let twice = value.replace('/', "%252f").replace('"', "\\\\\"");
        for unit in ["\\", "%25", "&amp;", "\\\\n"] {
            let run = unit.repeat(600);
            let mut nested = Nested::default();
            for at in 0..run.len() {
                let _ = needles.may_be_escape(run.as_bytes(), at, &mut nested);
            }
            assert!(nested.known.len() < 100, "{unit}: {}", nested.known.len());
            let text = [run.as_str(), " ", &twice, " ", &run].concat();
            assert!(found(&needles, text.as_bytes()).contains(&(0, run.len() + 1)), "{unit}");
        }
    }

    #[test]
    fn a_long_value_is_known_by_a_line_of_it() {
        let line = |seed: u8| (0..64_u8).map(|at| b'A' + (at.wrapping_mul(7) ^ seed) % 26).collect::<Vec<u8>>();
        let head = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
        let lines: Vec<Vec<u8>> = (1..9).map(line).collect();
        let key = [head.as_bytes(), b"\n", &lines.join(&b'\n'), b"\n-----END"].concat();
        let needles = Needles::new([key.as_slice()]).unwrap();
        assert!(found(&needles, head.as_bytes()).is_empty(), "the head of a key is in every key");
        let indented: Vec<u8> = lines.iter().flat_map(|line| [b"    ", line.as_slice(), b"\r\n"].concat()).collect();
        assert!(!found(&needles, &indented).is_empty());
        assert!(!found(&needles, &lines.join(&b"\\n"[..])).is_empty());
    }

    #[test]
    fn what_stands_anywhere_is_not_sought() {
        for value in ["", "hunter2", "aaaaaaaaaaaa", "abababababab"] {
            assert!(!is_sought(value.as_bytes()), "{value}");
            let needles = Needles::new([value.as_bytes()]).unwrap();
            assert!(needles.is_empty() && found(&needles, b"hunter2 aaaaaaaaaaaa abababababab").is_empty());
        }
        assert!(is_sought(b"correct-horse"));
    }

    #[test]
    fn files_inside_files_are_searched() {
        let value = value();
        let needles = Needles::new([value.trim().as_bytes()]).unwrap();
        let inner = format!("a = {value}\n");
        let mut header = [0_u8; 512];
        header[..8].copy_from_slice(b"app.conf");
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", inner.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let mut archive = [header.as_slice(), inner.as_bytes()].concat();
        archive.resize(3 * 512 + 512, 0);
        let hits = needles.in_files_of(&"srv/app.tar".into(), &archive);
        assert_eq!(hits.into_iter().collect::<Vec<_>>(), [(b"app.conf".to_vec(), 0)]);
        assert_eq!(found(&needles, &archive), [(0, 516)]);
        let length = value.trim().len() as u64;
        let wanted = [("app.conf", 4, length), ("app.conf", 5000, 1), ("other", 0, 1)];
        let taken = take_inside(&"srv/app.tar".into(), &archive, &wanted);
        assert_eq!(taken, [Some(value.trim().as_bytes().to_vec()), None, None]);
    }
}
