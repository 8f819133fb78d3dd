//! Keys and seeds of wallets and of networks that sign by key: Base58Check and WIF (Bitcoin), BIP 32, BIP 39,
//! base 32 with CRC-16 (SEP 23, NATS nkeys), Bech32 (NIP 19).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::{Look, Opinion};
use crate::digest::Digest;

/// Longest text in base 58 that is decoded, since that takes quadratic time.
const LONGEST_BASE58: usize = 120;

/// Base58Check: the last four bytes are the start of SHA-256 twice over the rest.
pub(super) fn base58check(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base58(look.value())?;
    Some(Opinion::checksum(is_checked(&bytes)))
}

/// A Bitcoin key in the wallet import format: version, 32 bytes, an optional `01`, checksum.
pub(super) fn wif(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base58(look.value())?;
    if !matches!(bytes.len(), 37 | 38) {
        return None;
    }
    Some(Opinion::checksum(is_checked(&bytes)))
}

/// A Solana key pair: 64 bytes in base 58.
pub(super) fn solana(look: &Look<'_>) -> Option<Opinion> {
    (base58(look.value())?.len() == 64).then(|| Opinion::note("key decoded"))
}

/// A number below the order of the curve secp256k1 (SEC 2, section 2.4.1), and no run of one digit.
pub(super) fn secp256k1(look: &Look<'_>) -> Option<Opinion> {
    const ORDER: &[u8] = b"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let value = look.value();
    let digits = value.strip_prefix(b"0x").unwrap_or(value).to_ascii_lowercase();
    let distinct: BTreeSet<u8> = digits.iter().copied().collect();
    (digits.as_slice() < ORDER && distinct.len() >= 8).then(Opinion::default)
}

/// A Stellar seed (SEP 23): version byte, 32 bytes, CRC-16 with its low byte first.
pub(super) fn stellar(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base32(look.value())?;
    if bytes.len() != 35 {
        return None;
    }
    Some(Opinion::checksum(has_crc16(&bytes)))
}

/// A NATS seed (nkeys): two bytes of prefix, 32 bytes, CRC-16 with its low byte first.
pub(super) fn nkey(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base32(look.value())?;
    if bytes.len() != 36 {
        return None;
    }
    Some(Opinion::checksum(has_crc16(&bytes)))
}


/// A phrase as of BIP 39: 12, 15, 18, 21 or 24 words, none of them one that its list has not.
pub(super) fn seed_phrase(look: &Look<'_>) -> Option<Opinion> {
    // Words that every sentence has and that no list of BIP 39 has.
    const FOREIGN: [&[u8]; 20] = [
        b"the", b"and", b"for", b"are", b"was", b"not", b"has", b"but", b"from", b"your", b"with", b"which", b"were",
        b"been", b"they", b"their", b"does", b"its", b"our", b"words",
    ];
    let words: Vec<&[u8]> = look.value().split(|b| *b == b' ').collect();
    let distinct: BTreeSet<&[u8]> = words.iter().copied().collect();
    let is_phrase = matches!(words.len(), 12 | 15 | 18 | 21 | 24)
        && words.iter().all(|word| (3..=8).contains(&word.len()) && !FOREIGN.contains(word))
        && distinct.len().saturating_mul(3) >= words.len().saturating_mul(2);
    is_phrase.then(|| Opinion::note(format!("{} words", words.len())))
}

fn is_checked(bytes: &[u8]) -> bool {
    let Some((body, stated)) = bytes.len().checked_sub(4).and_then(|length| bytes.split_at_checked(length)) else {
        return false;
    };
    let once = from_hex(Digest::sha256(body).hex());
    let twice = from_hex(Digest::sha256(&once).hex());
    twice.starts_with(stated)
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Base 58 in Bitcoin's alphabet; at most [`LONGEST_BASE58`] digits.
fn base58(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.len() > LONGEST_BASE58 {
        return None;
    }
    // Least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for sign in text {
        let mut carry = u32::try_from(ALPHABET.iter().position(|known| known == sign)?).ok()?;
        for byte in &mut bytes {
            let sum = u32::from(*byte).saturating_mul(58).saturating_add(carry);
            *byte = u8::try_from(sum & 0xff).ok()?;
            carry = sum >> 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).ok()?);
        }
    }
    let zeros = text.iter().take_while(|sign| **sign == b'1').count();
    bytes.resize(bytes.len().saturating_add(zeros), 0);
    bytes.reverse();
    Some(bytes)
}

/// Base 32 without padding (RFC 4648, section 6).
fn base32(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for sign in text {
        let digit = match sign {
            b'A'..=b'Z' => sign.wrapping_sub(b'A'),
            b'2'..=b'7' => sign.wrapping_sub(b'2').wrapping_add(26),
            _ => return None,
        };
        buffer = ((buffer << 5) | u32::from(digit)) & 0xffff;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Whether the last two bytes are the CRC-16 of the rest (polynomial 1021, start 0), low byte first.
fn has_crc16(bytes: &[u8]) -> bool {
    let Some((body, stated)) = bytes.len().checked_sub(2).and_then(|length| bytes.split_at_checked(length)) else {
        return false;
    };
    let mut sum = 0_u16;
    for byte in body {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 };
        }
    }
    sum.to_le_bytes() == stated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58_is_decoded() {
        assert_eq!(base58(b"").as_deref(), Some(&b""[..]));
        assert_eq!(base58(b"StV1DL6CwTryKyV").as_deref(), Some(&b"hello world"[..]));
        assert_eq!(base58(b"11StV1DL6CwTryKyV").as_deref(), Some(&b"\0\0hello world"[..]));
        assert_eq!(base58(b"0"), None);
        assert_eq!(base58(&[b'z'; LONGEST_BASE58 + 1]), None);
    }

    #[test]
    fn base32_and_its_checksum() {
        assert_eq!(base32(b"MZXW6YTB").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(base32(b"m"), None);
        // The check value of CRC-16/XMODEM.
        assert!(has_crc16(b"123456789\xc3\x31"));
        assert!(!has_crc16(b"123456789\xc3\x32") && !has_crc16(b"1") && !has_crc16(b""));
    }
}
