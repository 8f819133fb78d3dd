//! Contents known to hold no secret: copies of a file, in other layers or under other names, are searched once.
//!
//! Contents are told apart by two polynomials over the field of 2^61 - 1 (Carter and Wegman, "New hash functions
//! and their use in authentication and set equality", 1981) at points drawn for each run: nobody who makes an image
//! can make two contents look alike but by chance, some 2^-96 for a pair. That is several times as fast as a
//! cryptographic digest, and has to be: the search itself goes at hundreds of megabytes a second. What holds secrets
//! is searched anew each time: it is rare, and told in each place.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::kind::Kind;

/// Bytes of a file that is looked up. Larger copies are rare, and hashing what has none costs more than it saves.
const LARGEST: usize = 64 << 10;

/// Parts of the table, each with a lock of its own, and contents that a part remembers: some 40 MiB in all.
const PARTS: usize = 16;
const MOST: usize = 1 << 16;

const PRIME: u64 = (1 << 61) - 1;

type Key = (u64, u64, usize, Kind);

/// What was searched in this run, and held nothing.
static CLEAN: LazyLock<Seen> = LazyLock::new(Seen::new);

struct Seen {
    points: [u64; 2],
    parts: [Mutex<HashSet<Key>>; PARTS],
}

/// What `search` finds, unless the same bytes of the same sort held nothing before; `holds_nothing` tells of a result.
pub(super) fn once<T>(
    bytes: &[u8],
    kind: Kind,
    search: impl FnOnce() -> T,
    holds_nothing: fn(&T) -> bool,
) -> Option<T> {
    CLEAN.once(bytes, kind, search, holds_nothing)
}

impl Seen {
    fn new() -> Self {
        let point = || RandomState::new().build_hasher().finish() % PRIME;
        Self { points: [point(), point()], parts: Default::default() }
    }

    fn once<T>(
        &self,
        bytes: &[u8],
        kind: Kind,
        search: impl FnOnce() -> T,
        holds_nothing: fn(&T) -> bool,
    ) -> Option<T> {
        if bytes.len() > LARGEST {
            return Some(search());
        }
        let [first, second] = polynomials(bytes, self.points);
        let key = (first, second, bytes.len(), kind);
        let part = usize::try_from(first).unwrap_or(0) % PARTS;
        let Some(part) = self.parts.get(part) else { return Some(search()) };
        if part.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return None;
        }
        let result = search();
        if holds_nothing(&result) {
            let mut known = part.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MOST {
                known.insert(key);
            }
        }
        Some(result)
    }
}

/// Words of seven bytes as the coefficients of a polynomial, at two points.
fn polynomials(bytes: &[u8], [near, far]: [u64; 2]) -> [u64; 2] {
    let [mut first, mut second] = [1, 1];
    let mut rest = bytes;
    // four at once: their products do not wait for each other
    let (near_powers, far_powers) = (powers_of(near), powers_of(far));
    while let Some(words) = words_of(rest) {
        first = steps(first, near_powers, words);
        second = steps(second, far_powers, words);
        rest = rest.get(28..).unwrap_or_default();
    }
    let mut add = |word| {
        first = step(first, near, word);
        second = step(second, far, word);
    };
    while let Some(word) = rest.first_chunk::<8>() {
        add(u64::from_le_bytes(*word) & (u64::MAX >> 8));
        rest = rest.get(7..).unwrap_or_default();
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        add(u64::from_le_bytes(word));
    }
    [first % PRIME, second % PRIME]
}

/// The next four words, of seven bytes each.
#[inline]
fn words_of(bytes: &[u8]) -> Option<[u64; 4]> {
    let [one, two, three, four, ..] = bytes.first_chunk::<32>()?.as_chunks::<8>().0 else { return None };
    let [one, two, three, four] = [one, two, three, four].map(|word| u64::from_le_bytes(*word));
    let word = |word: u64| word & (u64::MAX >> 8);
    // the byte that each leaves is the first of the next
    Some([word(one), word(one >> 56 | two << 8), word(two >> 48 | three << 16), word(three >> 40 | four << 24)])
}

/// The point and its powers up to the fourth, modulo the prime.
fn powers_of(point: u64) -> [u64; 4] {
    let square = step(point, point, 0) % PRIME;
    let cube = step(square, point, 0) % PRIME;
    [point, square, cube, step(cube, point, 0) % PRIME]
}

/// Four steps: `(((sum * p + a) * p + b) * p + c) * p + d`, with the powers of `p`.
#[inline]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "factors below 2^63 and 2^61, and words below 2^56: all is below 2^125"
)]
fn steps(sum: u64, [one, two, three, four]: [u64; 4], [a, b, c, d]: [u64; 4]) -> u64 {
    let product = |word: u64, power: u64| u128::from(word) * u128::from(power);
    remainder(product(sum, four) + product(a, three) + product(b, two) + product(c, one) + u128::from(d))
}

/// `sum * point + word`, congruent modulo the prime and below 2^63: 2^61 is 1 there.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "factors below 2^63 and 2^61 fit, and so do the sums")]
fn step(sum: u64, point: u64, word: u64) -> u64 {
    remainder(u128::from(sum) * u128::from(point) + u128::from(word))
}

/// What is congruent to a number below 2^125.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "the parts have 61 bits, 61 and 3")]
fn remainder(product: u128) -> u64 {
    let low = u64::try_from(product & u128::from(PRIME)).unwrap_or(0);
    let high = u64::try_from(product >> 61).unwrap_or(0);
    // below 2^62 + 2^61: the next product fits, and the last remainder is taken at the end
    low + (high & PRIME) + (high >> 61)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_held_nothing_is_searched_once() {
        let seen = Seen::new();
        let search = |bytes: &[u8], kind, found: usize| seen.once(bytes, kind, || found, |found| *found == 0);
        assert_eq!(search(b"clean", Kind::Settings, 0), Some(0));
        assert_eq!(search(b"clean", Kind::Settings, 7), None);
        assert_eq!(search(b"clean", Kind::Source, 7), Some(7));
        assert_eq!(search(b"clean\0", Kind::Settings, 7), Some(7));
        assert_eq!(search(b"clean\0", Kind::Settings, 7), Some(7), "what holds something is searched each time");
        let large = vec![b'x'; LARGEST + 1];
        assert_eq!([search(&large, Kind::Other, 0), search(&large, Kind::Other, 0)], [Some(0); 2]);
    }

    #[test]
    fn polynomials_are_those_of_plain_arithmetic() {
        let bytes: Vec<u8> = (0..=255_u8).cycle().take(1_000).collect();
        let points = [PRIME - 1, 0x0123_4567_89ab_cdef % PRIME];
        let plain = |point: u64| {
            bytes.chunks(7).fold(1_u128, |sum, chunk| {
                let word = chunk.iter().rev().fold(0_u128, |word, byte| word << 8 | u128::from(*byte));
                (sum * u128::from(point) + word) % u128::from(PRIME)
            })
        };
        assert_eq!(polynomials(&bytes, points).map(u128::from), points.map(plain));
        assert_ne!(polynomials(b"a", points), polynomials(b"b", points));
    }
}
