//! JSON Web Keys: RFC 7517, and RFC 7518, section 6.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use memchr::memmem;

use super::{Look, Opinion};

/// A member `d` or `k` is a private or symmetric key only in an object that has a key type.
pub(super) fn jwk(look: &Look<'_>) -> Option<Opinion> {
    const REACH: usize = 4096;
    let before = look.bytes.get(look.whole.start.saturating_sub(REACH)..look.whole.start)?;
    let after = look.bytes.get(look.whole.end..look.whole.end.saturating_add(REACH).min(look.bytes.len()))?;
    // keys are flat but for lists: no brace lies between the object's own
    let before = memchr::memrchr(b'{', before).and_then(|at| before.get(at..))?;
    let after = after.get(..memchr::memchr(b'}', after)?)?;
    let key_type = [before, after].into_iter().find_map(key_type)?;
    let is_symmetric = look.bytes.get(look.whole.clone())?.starts_with(b"\"k\"");
    match key_type {
        b"oct" if is_symmetric => Some(Opinion::note("symmetric")),
        b"RSA" | b"EC" | b"OKP" if !is_symmetric => {
            Some(Opinion::note(format!("private key, type {}", String::from_utf8_lossy(key_type))))
        }
        _ => None,
    }
}

/// The value of the member `kty`.
fn key_type(part: &[u8]) -> Option<&[u8]> {
    let name = b"\"kty\"";
    let rest = part.get(memmem::find(part, name)?.checked_add(name.len())?..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_types() {
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (br#"{"kty":"EC","#, Some(b"EC")),
            (br#"{"use":"sig", "kty" : "RSA""#, Some(b"RSA")),
            (br#"{"kty":"#, None),
            (br#"{"kty":7"#, None),
            (b"", None),
        ];
        for (text, expected) in cases {
            assert_eq!(key_type(text), *expected);
        }
    }
}
