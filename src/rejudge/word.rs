//! Words that are part of types as `&'static str`, read from a file: each distinct one is kept once, for good.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Most distinct words of one run: careen itself knows a few hundred.
const MOST: usize = 4_096;

/// Longest word, in bytes.
const LONGEST: usize = 64;

static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The word as one that lives as long as the program; `None` where there are too many, or it is too long.
pub(super) fn kept(word: &str) -> Option<&'static str> {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word) {
        return Some(known);
    }
    if word.len() > LONGEST || words.len() >= MOST {
        return None;
    }
    let word: &'static str = Box::leak(word.into());
    words.insert(word);
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_once_and_never_a_long_one() {
        let first = kept("masked").expect("short");
        assert!(std::ptr::eq(first, kept(&String::from("masked")).expect("short")));
        assert_eq!(kept(&"x".repeat(65)), None);
    }
}
