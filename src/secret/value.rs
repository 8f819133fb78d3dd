//! The bytes of a secret, in the one type that may hold them.
//!
//! Neither type here can be printed, compared, copied or written out: they give a masked form, a
//! fingerprint and figures, and nothing else. A constant below fails to compile if that changes.

use super::entropy;
use super::known;
use super::mask;
use crate::digest::Digest;

/// A secret's bytes, lent by the file they stand in.
pub(super) struct Value<'a>(&'a [u8]);

/// A secret's bytes that stand in no buffer of their own accord: decoded, or put together. Zeroed when dropped.
pub(super) struct OwnedValue(Vec<u8>);

impl<'a> Value<'a> {
    /// Lends the bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The public prefix of `shown` bytes and, of long values, the last four characters.
    pub(super) fn masked(&self, shown: usize) -> String {
        mask::token(self.0, shown)
    }

    /// Nothing but stars and the length.
    pub(super) fn masked_wholly(&self) -> String {
        mask::password(self.0)
    }

    /// Bits for each byte behind the first `shown`.
    pub(super) fn entropy(&self, shown: usize) -> f64 {
        entropy::shannon(self.0.get(shown..).unwrap_or_default())
    }

    /// What is known of the value where it was published.
    pub(super) fn published(&self) -> Option<&'static str> {
        known::published(self.0)
    }

    /// 16 hexadecimal digits that stand for family and value: the same value found anywhere has the same.
    pub(super) fn id(&self, family: &str) -> String {
        let mut keyed = [b"careen.secret/1\0", family.as_bytes(), b"\0", self.0].concat();
        let digest = Digest::sha256(&keyed);
        wipe(&mut keyed);
        digest.hex().get(..16).unwrap_or_default().to_owned()
    }
}

impl OwnedValue {
    /// Takes the bytes over.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Lends them.
    pub(super) fn as_value(&self) -> Value<'_> {
        Value(&self.0)
    }

    /// Scans them as a text, for secrets inside.
    pub(super) fn with<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.0)
    }

    /// Puts stars in the place of each run of signs in `text` that has the value in it.
    pub(super) fn hide_in(&self, text: &str) -> String {
        match std::str::from_utf8(&self.0) {
            Ok(value) => mask::hide(text, value),
            Err(_) => text.to_owned(),
        }
    }
}

impl Drop for OwnedValue {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites bytes that are about to be freed, in a way the compiler cannot take for useless.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

/// What a type that holds secrets must not be able to do. Each is an ambiguity, and so an error, if the type can.
macro_rules! never {
    ($type:ty: $($capability:path),+) => {
        $(const _: fn() = || {
            trait Never<Marker> {
                fn holds() {}
            }
            struct Can;
            impl<T: ?Sized> Never<()> for T {}
            impl<T: ?Sized + $capability> Never<Can> for T {}
            let _ = <$type as Never<_>>::holds;
        };)+
    };
}
pub(crate) use never;

never!(
    Value<'static>: std::fmt::Debug, std::fmt::Display, std::fmt::LowerHex, serde::Serialize, Clone, PartialEq,
    std::hash::Hash, AsRef<[u8]>, AsRef<str>, std::ops::Deref, Into<Vec<u8>>, Into<String>, std::error::Error
);
never!(
    OwnedValue: std::fmt::Debug, std::fmt::Display, std::fmt::LowerHex, serde::Serialize, Clone, PartialEq,
    std::hash::Hash, AsRef<[u8]>, AsRef<str>, std::ops::Deref, Into<Vec<u8>>, Into<String>, std::error::Error
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gives_figures_and_nothing_else() {
        let owned = OwnedValue::new(b"abc_0123456789012345678901234567".to_vec());
        let value = owned.as_value();
        assert_eq!(value.masked(4), "abc_****4567");
        assert_eq!(value.masked_wholly(), "**** (32 characters)");
        assert!(value.entropy(4) > 3.0);
        assert_eq!(value.id("a").len(), 16);
        assert_eq!(value.id("a"), Value::new(b"abc_0123456789012345678901234567").id("a"));
        assert_ne!(value.id("a"), value.id("b"), "families are apart");
        assert_eq!(OwnedValue::new(b"hunter22".to_vec()).hide_in("run -p xhunter22y now"), "run -p **** now");
    }

    #[test]
    fn what_is_freed_is_wiped() {
        let mut bytes = b"secret".to_vec();
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 6]);
    }
}
