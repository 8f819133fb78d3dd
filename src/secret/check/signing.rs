//! Keys that sign releases, and keys in containers that are no PEM of DER: minisign, signify, SSH.com's form.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::format::base64;
use crate::rule::Severity;
use crate::secret::value::OwnedValue;

/// minisign: `Ed`, derivation `Sc` or none, checksum `B2`, 158 bytes in all.
pub(super) fn minisign(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base64::decode(look.value())?;
    match bytes.as_slice() {
        [b'E', b'd', derivation @ .., _, _] if bytes.len() == 158 => {
            let is_sealed = derivation.starts_with(b"Sc");
            Some(key("minisign", is_sealed, bytes.clone()))
        }
        _ => None,
    }
}

/// signify: `Ed`, derivation `BK`, rounds (none: no passphrase), 104 bytes in all.
pub(super) fn signify(look: &Look<'_>) -> Option<Opinion> {
    let bytes = base64::decode(look.value())?;
    match bytes.as_slice() {
        [b'E', b'd', b'B', b'K', rounds_a, rounds_b, rounds_c, rounds_d, ..] if bytes.len() == 104 => {
            let is_sealed = [rounds_a, rounds_b, rounds_c, rounds_d].iter().any(|byte| **byte != 0);
            Some(key("signify", is_sealed, bytes.clone()))
        }
        _ => None,
    }
}

/// SSH.com: armour as of RFC 4716, body with the magic number `3f6ff9eb`. The value is its first line.
pub(super) fn ssh2(look: &Look<'_>) -> Option<Opinion> {
    const LONGEST: usize = 16 << 10;
    let rest = look.bytes.get(look.value.end..look.value.end.saturating_add(LONGEST).min(look.bytes.len()))?;
    let body = rest.get(..memchr::memmem::find(rest, b"---- END SSH2 ")?)?;
    let lines = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.contains(&b':'));
    let digits: Vec<u8> = lines.flatten().copied().collect();
    let bytes = base64::decode(&digits)?;
    if !bytes.starts_with(b"\x3f\x6f\xf9\xeb") {
        return None;
    }
    let end = look.value.end.saturating_add(body.len());
    Some(Opinion { span: Some(look.value.start..end), ..key("SSH.com", false, bytes) })
}

fn key(name: &str, is_sealed: bool, bytes: Vec<u8>) -> Opinion {
    Opinion {
        severity: is_sealed.then_some(Severity::Low),
        masked: Some(format!("{name} private key{}", if is_sealed { ", encrypted" } else { "" })),
        identity: Some(OwnedValue::new(bytes)),
        ..Opinion::note(if is_sealed { "encrypted with a passphrase" } else { "key decoded" })
    }
}
