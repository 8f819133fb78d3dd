//! Looks for values that are known in every spelling they may have: whether what was taken out of an image stands anywhere
//! else.
//!
//! A value is sought as it is, in base64 at each of its three alignments, in hexadecimal, as UTF-16, and with the escapes of
//! JSON and URLs. Of a long one its longest line near the middle stands for all of it: keys are wrapped, indented and escaped in
//! many ways, and no other text has such a line.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::path::ImagePath;

use super::container;
use super::entropy;

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

/// Most values at once.
const MOST: usize = 10_000;

/// Places of values in the files inside of one file that are told apart.
const MOST_PLACES: usize = 10_000;

/// Bits of a byte of a value that is no word, on average.
const LEAST_ENTROPY: f64 = 2.0;

/// Values to look for, all at once.
pub struct Needles {
    automaton: Option<AhoCorasick>,
    /// What each spelling stands for: indices of values, by the number of its pattern.
    owners: Vec<Vec<usize>>,
    longest: usize,
}

impl Needles {
    /// Of these values; those that [`is_sought`] says no to are in the list and never found. Too many are an error.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let too_many = || Error::limit(format!("more than {MOST} values would have to be sought"));
        let mut owners: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (index, value) in values.into_iter().enumerate() {
            if !is_sought(value) {
                continue;
            }
            if index >= MOST {
                return Err(too_many());
            }
            for spelling in spellings(part(value)) {
                let known = owners.entry(spelling).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
            }
        }
        let longest = owners.keys().map(Vec::len).max().unwrap_or(0);
        // of two that begin alike the longer one is taken
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest);
        let automaton =
            if owners.is_empty() { None } else { Some(builder.build(owners.keys()).map_err(|_| too_many())?) };
        Ok(Self { automaton, owners: owners.into_values().collect(), longest })
    }

    /// Whether nothing is sought.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Bytes that two windows of a text must share so that nothing is missed between them.
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }

    /// What stands in these bytes themselves: index of the value and where its spelling stands, ascending.
    pub fn in_bytes(&self, bytes: &[u8], found: &mut dyn FnMut(usize, Range<usize>)) {
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_iter(bytes) {
            for owner in self.owners.get(hit.pattern().as_usize()).into_iter().flatten() {
                found(*owner, hit.range());
            }
        }
    }

    /// Whether any of them stands in these bytes.
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.automaton.as_ref().is_some_and(|automaton| automaton.is_match(bytes))
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

/// All spellings of a value that are sought.
fn spellings(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::from([value.to_vec()]);
    for alphabet in [ALPHABET, URL_ALPHABET] {
        for shift in 0..3 {
            let coded = base64_at(value, shift, alphabet);
            if coded.len() >= LEAST_CODED {
                all.insert(coded);
            }
        }
    }
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
        all.insert(value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect());
    }
    all.insert(value.iter().flat_map(|byte| [*byte, 0]).collect());
    all.insert(value.iter().flat_map(|byte| [0, *byte]).collect());
    if let Ok(text) = std::str::from_utf8(value)
        && let Ok(json) = serde_json::to_string(text)
    {
        let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
        all.insert(inner.as_bytes().to_vec());
        // JSON in a string of JSON
        if let Ok(twice) = serde_json::to_string(inner) {
            all.insert(twice.get(1..twice.len().saturating_sub(1)).unwrap_or_default().as_bytes().to_vec());
        }
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if !value.iter().all(|byte| is_plain(*byte)) {
        let escaped = value
            .iter()
            .flat_map(|byte| if is_plain(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() });
        all.insert(escaped.collect());
    }
    // every sign of it escaped
    let escapes: [fn(u8) -> String; 3] =
        [|byte| format!("%{byte:02X}"), |byte| format!("%{byte:02x}"), |byte| format!("\\u{byte:04x}")];
    for escape in escapes {
        all.insert(value.iter().flat_map(|byte| escape(*byte).into_bytes()).collect());
    }
    all.retain(|spelling| spelling.len() >= SHORTEST);
    all
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
        let base64 = |text: &str| {
            let mut out = String::new();
            for chunk in text.as_bytes().chunks(3) {
                let bits = chunk.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
                for place in 0..=chunk.len() {
                    out.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
                }
            }
            out
        };
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
