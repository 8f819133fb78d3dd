//! Sets of bytes by name, for what may stand beside a token.

use serde::Deserialize;

/// A set of bytes that tokens are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Charset {
    /// No byte.
    None,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`.
    Word,
    /// Letters, digits, `_`, `-`: base64url.
    Base64url,
    /// Letters, digits, `+`, `/`, `=`: base64.
    Base64,
    /// Letters, digits and all signs that tokens use: `_ - + / = .`.
    Token,
    /// Digits and letters a to f in either case.
    Hex,
}

impl Charset {
    /// Whether `byte` is in the set.
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Self::None => false,
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Base64url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Token => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.'),
            Self::Hex => byte.is_ascii_hexdigit(),
        }
    }
}
