//! A value in a file, and the keys that lead to it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

/// Stands in a path for the place in a list.
pub(super) const ITEM: &[u8] = b"[]";

/// A value with its place.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    /// Section or parents, then the key itself.
    pub(super) path: &'a [&'a [u8]],
    /// The bytes of the value as they stand in the file, without quotes.
    pub(super) value: &'a [u8],
    /// Where they stand.
    pub(super) span: Range<usize>,
}

impl<'a> Setting<'a> {
    /// The `back`th key from the end, 0 for the setting's own.
    pub(super) fn above(&self, back: usize) -> &'a [u8] {
        let index = self.path.len().checked_sub(back.saturating_add(1));
        index.and_then(|index| self.path.get(index)).copied().unwrap_or_default()
    }

    /// The key itself.
    pub(super) fn key(&self) -> &'a [u8] {
        self.above(0)
    }

    /// Whether the key is one of `names`, in whatever case.
    pub(super) fn key_is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.key().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether the key ends with one of `endings`, in whatever case.
    pub(super) fn key_ends(&self, endings: &[&str]) -> bool {
        let key = self.key();
        endings.iter().any(|ending| {
            let start = key.len().checked_sub(ending.len());
            start.and_then(|start| key.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
        })
    }

    /// Whether `name` is among the keys that lead to the value, in whatever case.
    pub(super) fn is_under(&self, name: &str) -> bool {
        self.path.iter().any(|key| key.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether the file's section begins so.
    pub(super) fn section_begins(&self, start: &str) -> bool {
        self.path
            .first()
            .is_some_and(|first| first.get(..start.len()).is_some_and(|f| f.eq_ignore_ascii_case(start.as_bytes())))
    }
}

/// The last word of a key as people write keys: `dbPassword`, `DB_PASSWORD2` and `db.password` end with `password`.
///
/// A word of two parts is told by both: `api key`, `secret key`.
fn words(key: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = 0_u8;
    for byte in key.iter().take(128) {
        let begins = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
        if begins || !byte.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if byte.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        before = *byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a key names a password.
pub(super) fn is_password_key(key: &[u8]) -> bool {
    let words = words(key);
    let Some(last) = words.last() else { return false };
    !is_other(&words)
        && (["pass", "pwd", "psk"].contains(&last.as_str())
            || ["password", "passwd", "passphrase", "passwort", "userpassword"].iter().any(|word| last.ends_with(word)))
}

/// Whether a key names a password, token or key that opens something.
pub(super) fn is_secret_key(key: &[u8]) -> bool {
    let words = words(key);
    let Some(last) = words.last() else { return false };
    if is_other(&words) {
        return false;
    }
    if is_password_key(key)
        || ["secret", "token", "apikey", "secretkey", "accesskey", "privatekey", "credential", "authkey", "secrets"]
            .iter()
            .any(|word| last.ends_with(word))
    {
        return true;
    }
    let previous = words.len().checked_sub(2).and_then(|index| words.get(index));
    last == "key"
        && previous.is_some_and(|word| {
            ["api", "secret", "access", "private", "auth", "encryption", "signing", "master", "account", "app", "crypt"]
                .contains(&word.as_str())
        })
}

/// Words that make a key name something else than a secret.
fn is_other(words: &[String]) -> bool {
    const OTHER: &[&str] = &[
        "existing",
        "name",
        "file",
        "path",
        "public",
        "hash",
        "policy",
        "min",
        "max",
        "length",
        "reset",
        "enabled",
        "csrf",
        "xsrf",
        "next",
        "page",
        "ref",
        "encoder",
        "change",
        "forgot",
        "expiry",
        "expiration",
        "ttl",
        "type",
        "use",
        "has",
        "is",
        "show",
        "old",
        "require",
        "field",
        "label",
        "placeholder",
        "hint",
        "prompt",
        "generate",
        "create",
    ];
    words.iter().any(|word| OTHER.contains(&word.as_str()))
}

/// Whether a value looks as if somebody set it: no word, path, address or truth value.
///
/// For keys of settings files; files that hold nothing but credentials do without.
pub(super) fn looks_set(value: &[u8], is_password: bool) -> bool {
    let any = |test: fn(&u8) -> bool| value.iter().any(test);
    let least = if is_password { 5 } else { 8 };
    if value.len() < least || value.len() > 4096 || value.starts_with(b"/") || value.iter().any(|b| *b < b' ') {
        return false;
    }
    if memchr::memmem::find(value, b"://").is_some() || memchr::memchr_iter(b' ', value).count() > 3 {
        return false;
    }
    let (digit, lower, upper) = (any(u8::is_ascii_digit), any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase));
    let sign = value.iter().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.' | b'/'));
    if !is_password {
        return digit && (lower || upper);
    }
    let has_blank = value.contains(&b' ');
    let turns =
        value.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    (digit && (lower || upper))
        || (!has_blank && sign && (lower || upper))
        || (!has_blank && turns.count() >= 2)
        || (digit && value.len() >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_judged_by_their_last_words() {
        let cases = [
            ("DB_PASSWORD", true, true),
            ("dbPassword", true, true),
            ("spring.datasource.password", true, true),
            ("password2", true, true),
            ("apiKey", false, true),
            ("AWS_SECRET_ACCESS_KEY", false, true),
            ("primary_access_key", false, true),
            ("clientSecret", false, true),
            ("authToken", false, true),
            ("password_file", false, false),
            ("existingSecret", false, false),
            ("secretName", false, false),
            ("tokenUrl", false, false),
            ("passwordPolicy", false, false),
            ("compass", false, false),
            ("monkey", false, false),
            ("", false, false),
        ];
        for (key, password, secret) in cases {
            assert_eq!(is_password_key(key.as_bytes()), password, "{key}");
            assert_eq!(is_secret_key(key.as_bytes()), secret, "{key}");
        }
    }

    #[test]
    fn values_are_told_from_words() {
        for (value, password, expected) in [
            ("s8Kd!93f", true, true),
            ("shopdb", true, false),
            ("two-words", true, false),
            ("/run/secrets/x9", true, false),
            ("https://a/b1", false, false),
            ("k3J9dk20sKw8", false, true),
            ("true", true, false),
            ("838271", true, true),
        ] {
            assert_eq!(looks_set(value.as_bytes(), password), expected, "{value}");
        }
    }
}
