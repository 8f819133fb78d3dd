//! Keys in Bech32: BIP 173.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};

/// Bech32 with the BCH checksum of BIP 173: keys of age and of others.
pub(super) fn bech32(look: &Look<'_>) -> Option<Opinion> {
    let text = look.value().to_ascii_lowercase();
    let separator = text.iter().rposition(|b| *b == b'1')?;
    let (human, data) = text.split_at_checked(separator)?;
    let data = data.get(1..)?;
    let mut digits: Vec<u32> = human.iter().map(|b| u32::from(b >> 5)).collect();
    digits.push(0);
    digits.extend(human.iter().map(|b| u32::from(b & 31)));
    for sign in data {
        let digit = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".iter().position(|known| known == sign)?;
        digits.push(u32::try_from(digit).ok()?);
    }
    Some(Opinion::checksum(bech32_polymod(&digits) == 1))
}

pub(super) fn bech32_polymod(digits: &[u32]) -> u32 {
    let mut sum = 1_u32;
    for digit in digits {
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ digit;
        for (bit, generator) in [0x3b6a_57b2_u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].iter().enumerate()
        {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum
}
