//! Checksums at the end of tokens.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};

/// GitHub and npm: the last six characters are the CRC-32 of the body between `_` and them, in base 62.
pub(super) fn crc_base62(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(6)?)?;
    let underscore = head.iter().position(|b| *b == b'_')?;
    let body = head.get(underscore.checked_add(1)?..)?;
    Some(Opinion::checksum(in_base(crc32(body), 62, 6) == stated))
}

/// GitLab's routable tokens: the last seven characters are the CRC-32 of all before them, in base 36.
pub(super) fn crc_gitlab(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(7)?)?;
    Some(Opinion::checksum(in_base(crc32(head), 36, 7) == stated.to_ascii_lowercase()))
}

/// Grafana service accounts: eight digits, the CRC-32 of prefix and secret, least significant byte first.
pub(super) fn crc_grafana(look: &Look<'_>) -> Option<Opinion> {
    let value = look.value();
    let (head, stated) = value.split_at_checked(value.len().checked_sub(9)?)?;
    let hex = |bytes: [u8; 4]| format!("{:08x}", u32::from_be_bytes(bytes));
    let sum = crc32(head);
    let stated = stated.get(1..)?;
    Some(Opinion::checksum(stated == hex(sum.to_le_bytes()).as_bytes() || stated == hex(sum.to_be_bytes()).as_bytes()))
}

/// CRC-32 as in IEEE 802.3, bit by bit: tokens are short.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

/// `number` in digits 0-9, A-Z, a-z (base 62) or 0-9, a-z (base 36), padded with zeros.
pub(super) fn in_base(mut number: u32, base: u32, width: usize) -> Vec<u8> {
    let digits: &[u8] = if base == 36 {
        b"0123456789abcdefghijklmnopqrstuvwxyz"
    } else {
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    };
    let mut text = vec![b'0'; width];
    for place in text.iter_mut().rev() {
        let index = usize::try_from(number.checked_rem(base).unwrap_or(0)).unwrap_or(0);
        *place = digits.get(index).copied().unwrap_or(b'0');
        number = number.checked_div(base).unwrap_or(0);
    }
    text
}
