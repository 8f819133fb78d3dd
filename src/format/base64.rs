//! Decodes base64 as found in files: either alphabet, with or without padding (RFC 4648, sections 4 and 5).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// The bytes, or `None` when a sign is of neither alphabet, or the length is impossible.
///
/// Not strict about trailing bits, since some issuers are not.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |last| last.saturating_add(1));
    let digits = text.get(..end)?;
    if digits.len() % 4 == 1 || text.len().saturating_sub(end) > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len().saturating_mul(3) / 4);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for digit in digits {
        buffer = (buffer << 6) | u32::from(value_of(*digit)?);
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
            buffer &= 0xff >> (8_u32.saturating_sub(bits));
        }
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit.wrapping_sub(b'A'),
        b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_and_any_padding() {
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (b"", Some(b"")),
            (b"Zg==", Some(b"f")),
            (b"Zg", Some(b"f")),
            (b"Zm9vYmE=", Some(b"fooba")),
            (b"-_-_", Some(b"\xfb\xff\xbf")),
            (b"+/+/", Some(b"\xfb\xff\xbf")),
            (b"Z", None),
            (b"Zg===", None),
            (b"Z.==", None),
            (b"Z=g=", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode(text).as_deref(), *bytes, "{}", String::from_utf8_lossy(text));
        }
    }
}
