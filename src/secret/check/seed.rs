//! Seeds of networks that sign by key: base 32 with CRC-16 (Stellar's SEP 23, NATS nkeys), pairs in base 58 (Solana).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::wallet::base58;
use super::{Look, Opinion};

/// A Solana key pair: 64 bytes in base 58.
pub(super) fn solana(look: &Look<'_>) -> Option<Opinion> {
    (base58(look.value())?.len() == 64).then(|| Opinion::note("key decoded"))
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
    fn base32_and_its_checksum() {
        assert_eq!(base32(b"MZXW6YTB").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(base32(b"m"), None);
        // The check value of CRC-16/XMODEM.
        assert!(has_crc16(b"123456789\xc3\x31"));
        assert!(!has_crc16(b"123456789\xc3\x32") && !has_crc16(b"1") && !has_crc16(b""));
    }
}
