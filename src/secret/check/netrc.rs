//! The netrc file: inetutils, "The .netrc file".
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Look, Opinion};
use crate::rule::Confidence;
use crate::secret::kind::Kind;

/// A netrc file is made of pairs of keyword and value (inetutils, "The .netrc file"). Amid other text,
/// as in a script that writes one, it is less sure; amid source code or prose it is an example.
pub(super) fn netrc(look: &Look<'_>) -> Option<Opinion> {
    const LARGEST: usize = 64 << 10;
    if look.bytes.len() <= LARGEST && is_netrc(look.bytes) {
        return Some(Opinion::default());
    }
    let is_template = look.bytes.get(look.whole.clone())?.iter().any(|b| b"{}<>*".contains(b));
    (look.kind == Kind::Settings && !is_template)
        .then(|| Opinion { confidence: Some(Confidence::Medium), ..Opinion::default() })
}

fn is_netrc(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let mut wants_value = false;
    while let Some(line) = lines.next() {
        if line.starts_with(b"#") {
            continue;
        }
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for word in words {
            if wants_value {
                wants_value = false;
                continue;
            }
            match word {
                b"machine" | b"login" | b"password" | b"account" => wants_value = true,
                b"default" => {}
                b"macdef" => {
                    // commands up to an empty line
                    lines.by_ref().find(|line| line.is_empty());
                    break;
                }
                word if word.starts_with(b"#") => break,
                _ => return false,
            }
        }
    }
    !wants_value
}
