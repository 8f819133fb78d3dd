//! Keys of crypto wallets: `Base58Check` (as the Bitcoin wiki describes it) and recovery phrases (BIP 39).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::{Look, Opinion};
use crate::digest::Digest;
use crate::rule::Severity;

/// Longest text that is decoded: decoding takes the square of the length.
const LONGEST: usize = 128;

/// A key whose last four bytes are the head of the double SHA-256 of all before them.
pub(super) fn base58check(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base58(look.value())?;
    let (payload, stated) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let sum = sha256(&sha256(payload)?)?;
    Some(Opinion::checksum(sum.get(..4)? == stated))
}

/// A recovery phrase has 12, 15, 18, 21 or 24 words, none of which is a word that only joins others.
pub(super) fn mnemonic(look: &Look<'_>) -> Option<Opinion> {
    const JOINING: [&[u8]; 14] = [
        b"the", b"and", b"for", b"are", b"with", b"not", b"was", b"from", b"which", b"these", b"were", b"been",
        b"their", b"has",
    ];
    let words: Vec<&[u8]> = look.value().split(|b| matches!(b, b' ' | b',')).filter(|word| !word.is_empty()).collect();
    if !matches!(words.len(), 12 | 15 | 18 | 21 | 24) || words.iter().any(|word| JOINING.contains(word)) {
        return None;
    }
    let note = format!("{} words", words.len());
    let different: BTreeSet<&[u8]> = words.into_iter().collect();
    // `abandon … about` and `test … junk` are phrases of manuals and of test networks
    Some(if different.len() < 6 {
        Opinion { severity: Some(Severity::Info), ..Opinion::note("a phrase of manuals and tests") }
    } else {
        Opinion::note(note)
    })
}

/// The bytes of a number in base 58, the most significant first; each leading `1` is a zero byte.
pub(super) fn base58(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.len() > LONGEST {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for sign in text {
        let mut carry = u32::try_from(DIGITS.iter().position(|known| known == sign)?).ok()?;
        for byte in &mut bytes {
            carry = carry.saturating_add(u32::from(*byte).saturating_mul(58));
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).ok()?);
        }
    }
    bytes.extend(text.iter().take_while(|b| **b == b'1').map(|_| 0));
    bytes.reverse();
    Some(bytes)
}

fn sha256(bytes: &[u8]) -> Option<Vec<u8>> {
    let digest = Digest::sha256(bytes);
    let digits = digest.hex().as_bytes().chunks_exact(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58_of_known_numbers() {
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (b"", Some(b"")),
            (b"1", Some(b"\0")),
            (b"2g", Some(b"a")),
            (b"a3gV", Some(b"bbb")),
            (b"11233QC4", Some(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd])),
            (b"0", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(base58(text).as_deref(), *bytes);
        }
        assert_eq!(base58(&[b'z'; LONGEST + 1]), None);
        assert_eq!(sha256(b"").map(|sum| (sum.len(), sum[0])), Some((32, 0xe3)));
    }
}
