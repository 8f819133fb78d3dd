//! Reads DER far enough to tell a private key from noise (X.690, RFC 8017, RFC 5958, RFC 5915).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What a DER document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// `RSA`, `EC`, `Ed25519`, …
    pub(super) algorithm: &'static str,
    /// Size of the modulus, where there is one.
    pub(super) bits: Option<usize>,
    /// Whether a passphrase guards it.
    pub(super) is_encrypted: bool,
}

/// The private key `bytes` are, whole and of any of the usual forms.
pub(super) fn private_key(bytes: &[u8]) -> Option<Key> {
    let (tag, body, rest) = element(bytes)?;
    // Some writers pad the last line; more than a block of it is something else.
    if tag != SEQUENCE || rest.len() > 16 {
        return None;
    }
    let (tag, first, rest) = element(body)?;
    match tag {
        INTEGER => keyed_by_version(first, rest),
        SEQUENCE => encrypted(first, rest),
        _ => None,
    }
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

fn keyed_by_version(version: &[u8], rest: &[u8]) -> Option<Key> {
    let (tag, second, after) = element(rest)?;
    match (version, tag) {
        // PKCS#8: version, algorithm, the key as an octet string.
        ([0 | 1], SEQUENCE) => {
            let (tag, object_id, _) = element(second)?;
            let (octets, inner, _) = element(after)?;
            if tag != OBJECT_ID || octets != OCTET_STRING || inner.is_empty() {
                return None;
            }
            let (algorithm, bits) = match object_id {
                [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, ..] => ("RSA", private_key(inner)?.bits),
                [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => ("EC", None),
                [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => ("DSA", None),
                [0x2b, 0x65, 0x6e] => ("X25519", None),
                [0x2b, 0x65, 0x6f] => ("X448", None),
                [0x2b, 0x65, 0x70] => ("Ed25519", None),
                [0x2b, 0x65, 0x71] => ("Ed448", None),
                _ => ("unknown algorithm", None),
            };
            Some(Key { algorithm, bits, is_encrypted: false })
        }
        // SEC 1: version 1, the key as an octet string.
        ([1], OCTET_STRING) if second.len() >= 16 => Some(Key { algorithm: "EC", bits: None, is_encrypted: false }),
        // PKCS#1 and DSA: version 0 and a row of integers, eight of them for RSA, five for DSA.
        ([0 | 1], INTEGER) => {
            let mut count = 1_usize;
            let mut left = after;
            while let Some((INTEGER, _, next)) = element(left) {
                count = count.saturating_add(1);
                left = next;
            }
            let bits = second.strip_prefix(&[0]).unwrap_or(second).len().checked_mul(8);
            match count {
                8.. => Some(Key { algorithm: "RSA", bits, is_encrypted: false }),
                5 => Some(Key { algorithm: "DSA", bits, is_encrypted: false }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// PKCS#8 encrypted: an algorithm of PKCS#5 or PKCS#12, and an octet string.
fn encrypted(algorithm: &[u8], rest: &[u8]) -> Option<Key> {
    let (tag, object_id, _) = element(algorithm)?;
    let (octets, inner, _) = element(rest)?;
    let is_password_based = object_id.starts_with(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01]);
    (tag == OBJECT_ID && octets == OCTET_STRING && is_password_based && inner.len() >= 16).then_some(Key {
        algorithm: "PKCS#8",
        bits: None,
        is_encrypted: true,
    })
}

/// The first element: tag, content, what follows. Lengths of up to four bytes, definite only.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            let length = digits.iter().fold(0_u32, |length, digit| (length << 8) | u32::from(*digit));
            (usize::try_from(length).ok()?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {

    use super::*;

    fn sequence(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u8::try_from(body.len()).expect("short");
        [&[tag, 0x81, length][..], &body].concat()
    }

    #[test]
    fn keys_are_told_apart() {
        let integer = |n: u8| vec![INTEGER, 1, n];
        let row = |count: u8| {
            let numbers: Vec<u8> = (0..count).flat_map(|n| integer(n + 3)).collect();
            sequence(SEQUENCE, &[&integer(0), &numbers])
        };
        let rsa = private_key(&row(8)).expect("eight integers");
        assert_eq!((rsa.algorithm, rsa.bits), ("RSA", Some(8)));
        assert_eq!(private_key(&row(5)).map(|key| key.algorithm), Some("DSA"));
        assert_eq!(private_key(&row(3)), None);
        let object_id = [OBJECT_ID, 3, 0x2b, 0x65, 0x70];
        let ed = sequence(
            SEQUENCE,
            &[&integer(0), &sequence(SEQUENCE, &[&object_id]), &sequence(OCTET_STRING, &[&[7; 32]])],
        );
        assert_eq!(private_key(&ed).map(|key| key.algorithm), Some("Ed25519"));
        for end in 0..ed.len() {
            assert_eq!(private_key(&ed[..end]), None, "{end}");
        }
        let sealed_id = [OBJECT_ID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
        let sealed = sequence(SEQUENCE, &[&sequence(SEQUENCE, &[&sealed_id]), &sequence(OCTET_STRING, &[&[7; 32]])]);
        assert_eq!(private_key(&sealed).map(|key| key.is_encrypted), Some(true));
        assert_eq!(private_key(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
