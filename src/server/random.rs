//! Chance: what nobody can guess, and ids that nobody meets twice.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::digest::hex;
use crate::error::{Error, ErrorKind, Result};

/// Bytes that nobody can guess.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let failed = |_| Error::new(ErrorKind::Io, "the system gives no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// An id in the form of RFC 9562, version 4.
pub fn id() -> Result<String> {
    let mut bytes: [u8; 16] = bytes()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// A number, for waits; the middle where the system gives none.
pub fn number() -> u32 {
    bytes().map_or(u32::MAX / 2, u32::from_le_bytes)
}

/// Whether a text has the form of an id; one that has not is no id of anything.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_form_and_differ() {
        let (first, second) = (id().expect("chance"), id().expect("chance"));
        assert!(is_id(&first) && is_id(&second) && first != second, "{first}");
        assert_eq!((first.as_bytes()[14], first.matches('-').count()), (b'4', 4));
        for wrong in ["", "..", "../../../../etc/passwd/xxxxxxxxxxxxxx", &first.to_uppercase(), &first[1..], "%2e%2e"] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
