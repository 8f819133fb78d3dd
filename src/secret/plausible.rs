//! Whether a setting's value may be a secret: it must be a literal, and look like no word, path, address,
//! digest, date or piece of code.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::entropy;
use super::kind::Kind;
use super::words::is_wordlike;

/// Longest value, in bytes.
const LONGEST: usize = 200;

/// Longest value of several words, in bytes.
const LONGEST_PHRASE: usize = 64;

/// What keys of passwords have in them, in the languages that people write settings in.
const PASSWORDS: &[&[u8]] = &[
    b"pass",
    b"pwd",
    b"pswd",
    b"masterauth",
    b"senha",
    b"contrasena",
    b"clave",
    b"mot_de_",
    b"motdepasse",
    b"wachtwoord",
    b"haslo",
    b"kennwort",
    b"parola",
    b"heslo",
];

/// How a value stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Up to a blank or the line's end.
    Bare,
    /// In quotes, or as an element of XML.
    Quoted,
    /// After a name and a blank at the beginning of a line, as in `requirepass VALUE`.
    Word,
}

/// Words of a key whose value is no secret, whatever its last word is.
const OTHER_KEYS: &[&[u8]] = &[
    b"public",
    b"publishable",
    b"hash",
    b"hashed",
    b"digest",
    b"checksum",
    b"fingerprint",
    b"sha1",
    b"sha256",
    b"md5",
    b"commit",
    b"integrity",
    b"example",
    b"placeholder",
    b"syntax",
    b"i18n",
    b"translation",
    b"message",
    b"msg",
];

/// Words that make a text to show of a password.
const SHOWN: &[&[u8]] = &[b"input", b"label", b"error"];

/// Words right before `key` or `token` that make it no secret: `primary_key`, `lockToken`; not
/// `PRIMARY_API_KEY`, `CACHE_PASSWORD`.
const PAIRED: &[&[u8]] = &[
    b"csrf",
    b"xsrf",
    b"sort",
    b"primary",
    b"foreign",
    b"partition",
    b"cache",
    b"input",
    b"output",
    b"label",
    b"lock",
    b"cancel",
    b"cancellation",
    b"continuation",
    b"idempotency",
    b"error",
];

/// More such words, where `key` and the like tell little: keys of packages and hosts are public.
const PAIRED_WEAKLY: &[&[u8]] = &[
    b"gpg",
    b"pgp",
    b"ssh",
    b"host",
    b"pub",
    b"verify",
    b"verification",
    b"trust",
    b"trusted",
    b"index",
    b"group",
    b"range",
    b"object",
    b"storage",
    b"unique",
    b"dedup",
    b"routing",
    b"event",
    b"row",
    b"hash",
    b"map",
    b"s3",
    b"license",
    b"release",
    b"archive",
    b"repo",
    b"apt",
    b"rpm",
    b"maintainer",
    b"minisign",
    b"cosign",
];

/// Beginnings of the keys of listings: `nextToken`, `page_token`.
const PAGES: &[&[u8]] = &[b"next", b"page", b"nextpage", b"next_page", b"next-page"];

/// Whether key and value look like a secret that someone set.
///
/// Where the key's last word is weak (`_key`, `_auth`), only a setting with a random value counts.
pub(super) fn is_plausible(key: &[u8], value: &[u8], shape: Shape, kind: Kind, is_weak: bool) -> bool {
    let lower = key.to_ascii_lowercase();
    let has = |part: &[u8]| memchr::memmem::find(&lower, part).is_some();
    let is_password = !is_weak
        && (PASSWORDS.iter().any(|word| has(word))
            || lower.trim_ascii_end().strip_suffix(b"pw").is_some()
            || has(b"pw_"));
    if is_weak && !(kind == Kind::Settings && is_strong(key, value)) {
        return false;
    }
    let least = if kind == Kind::Settings && is_password { 6 } else { 8 };
    if value.len() < least || value.len() > LONGEST || !value.iter().all(|b| (b' '..0x7f).contains(b)) {
        return false;
    }
    if OTHER_KEYS.iter().any(|word| has_part(key, word)) || is_of_listing(&lower) || is_paired(key, PAIRED) {
        return false;
    }
    // `error.password = "Too short"`
    if is_password && value.contains(&b' ') && SHOWN.iter().any(|word| has_part(key, word)) {
        return false;
    }
    let traits = Traits::of(value);
    // a text in another script, as properties of Java have it
    if memchr::memmem::find(value, b"\\u").is_some() {
        return false;
    }
    if traits.is_code || traits.is_path || traits.is_date || traits.is_of_other_rule {
        return false;
    }
    if traits.is_uuid || (!is_password && traits.is_hex && value.len() < 32) {
        return false;
    }
    // no one types a password of several words that is longer
    if traits.blanks > 0 && value.len() > LONGEST_PHRASE {
        return false;
    }
    // a text that speaks of the thing: `SomeKindOfPassword123`, `my-secret-7f3a`
    let value_lower = value.to_ascii_lowercase();
    let speaks = [&b"password"[..], b"passwd", b"secret", b"token"]
        .iter()
        .any(|word| memchr::memmem::find(&value_lower, word).is_some());
    // but people do choose `AdminPassword123`: between quotes it is an example, or a text to show
    let is_chosen =
        is_password && kind == Kind::Settings && (shape == Shape::Bare && traits.has_digit || !is_wordlike(value));
    if speaks && !is_chosen {
        return false;
    }
    // `This-is-my-test-99!`
    if memchr::memmem::find(&value_lower, b"test").is_some() && is_wordlike(value) {
        return false;
    }
    let bits = entropy::shannon(value);
    match kind {
        Kind::Settings if is_password => {
            let is_chosen = bits >= 2.2 && !traits.is_word && (traits.has_digit || !traits.is_identifier);
            match shape {
                Shape::Word => {
                    is_chosen
                        && value.len() >= 8
                        && !value.contains(&b'/')
                        && traits.blanks == 0
                        && traits.is_mixed()
                        && !is_wordlike(value)
                }
                _ => {
                    is_chosen && (traits.blanks == 0 || (traits.blanks <= 3 && traits.has_digit && !is_wordlike(value)))
                }
            }
        }
        Kind::Settings => {
            shape != Shape::Word
                && bits >= 3.0
                && traits.is_mixed()
                && traits.blanks == 0
                && !traits.is_identifier
                && !traits.is_host
                && !is_wordlike(value)
        }
        // code is full of names and messages: only what is as good as random counts
        Kind::Source if is_password && shape == Shape::Quoted && is_human(value, &traits) => true,
        Kind::Source | Kind::Other | Kind::Unnamed | Kind::Unlisted => {
            shape == Shape::Quoted
                && value.len() >= if is_password { 8 } else { 10 }
                && is_random(value, bits, &traits, is_password)
                && traits.is_mixed()
                && traits.blanks == 0
                && !traits.is_identifier
                && !traits.is_host
                && !is_wordlike(value)
        }
    }
}

/// Whether people choose such passwords, and no program has such texts: letters, digits and a sign that no name has,
/// without a blank.
fn is_human(value: &[u8], traits: &Traits) -> bool {
    const SIGNS: &[u8] = b"!@#$*^&+?~";
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let signs = value.iter().filter(|b| SIGNS.contains(b)).count();
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || SIGNS.contains(b) || matches!(b, b'_' | b'-' | b'.');
    (8..=32).contains(&value.len())
        && traits.has_letter
        && digits >= 2
        && (1..=3).contains(&signs)
        && value.first().is_some_and(u8::is_ascii_alphanumeric)
        && value.iter().all(is_plain)
        && !traits.is_host
        && entropy::distinct(value) >= 6
}

/// Whether a value is random enough to tell of itself that it is secret, under a key that does not.
fn is_strong(key: &[u8], value: &[u8]) -> bool {
    let is_hex = value.iter().all(u8::is_ascii_hexdigit);
    // forty digits are the fingerprint of a key, or a commit; `AAAA` begins public keys of SSH
    let is_long = if is_hex { matches!(value.len(), 32 | 48 | 64 | 96 | 128) } else { value.len() >= 16 };
    let is_spread = entropy::shannon(value) >= if is_hex { 3.0 } else { 3.6 };
    is_long && is_spread && !value.starts_with(b"AAAA") && !is_paired(key, PAIRED_WEAKLY)
}

/// Whether the key's last words are one of `firsts` and `key`, `token` or the like.
fn is_paired(key: &[u8], firsts: &[&[u8]]) -> bool {
    const LASTS: &[&[u8]] = &[b"keys", b"key", b"tokens", b"token"];
    let end = key.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |index| index.saturating_add(1));
    let key = key.get(..end).unwrap_or_default();
    let ends_with = |text: &[u8], word: &[u8]| {
        let start = text.len().checked_sub(word.len());
        start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    let Some(last) = LASTS.iter().find(|last| ends_with(key, last)) else { return false };
    let before = key.get(..key.len().saturating_sub(last.len())).unwrap_or_default();
    let before = before.strip_suffix(b"_").or_else(|| before.strip_suffix(b"-")).unwrap_or(before);
    let before = before.strip_suffix(b".").unwrap_or(before);
    firsts.iter().filter(|word| ends_with(before, word)).any(|word| {
        let start = before.len().saturating_sub(word.len());
        let (first, previous) = (before.get(start), start.checked_sub(1).and_then(|index| before.get(index)));
        previous.is_none_or(|b| {
            !b.is_ascii_alphabetic() || (b.is_ascii_lowercase() && first.is_some_and(u8::is_ascii_uppercase))
        })
    })
}

/// Whether the bytes are as evenly spread as those of random values of that length.
fn is_random(value: &[u8], bits: f64, traits: &Traits, is_password: bool) -> bool {
    if traits.is_hex && value.len() >= 32 {
        return bits >= 3.0;
    }
    // short values cannot have more than the logarithm of their length
    let is_spread = entropy::distinct(value).saturating_mul(10) >= value.len().saturating_mul(6);
    bits >= 3.7 || (is_password && value.len() <= 24 && bits >= 2.7 && is_spread)
}

/// Whether `word` is a part of a key: between signs, or between a small letter and a capital.
fn has_part(key: &[u8], word: &[u8]) -> bool {
    let lower = key.to_ascii_lowercase();
    memchr::memmem::find_iter(&lower, word).any(|start| {
        let end = start.saturating_add(word.len());
        let first = key.get(start);
        let before = start.checked_sub(1).and_then(|index| key.get(index));
        let after = key.get(end);
        let begins = before.is_none_or(|b| {
            !b.is_ascii_alphabetic() || (b.is_ascii_lowercase() && first.is_some_and(u8::is_ascii_uppercase))
        });
        let last = end.checked_sub(1).and_then(|index| key.get(index));
        let ends = after.is_none_or(|b| {
            !b.is_ascii_alphabetic() || (b.is_ascii_uppercase() && last.is_some_and(u8::is_ascii_lowercase))
        });
        begins && ends
    })
}

/// Whether the key, in small letters, is where the next page of a listing begins.
fn is_of_listing(key: &[u8]) -> bool {
    let parts = key.rsplit(|b| *b == b'.').next().unwrap_or(key);
    [&b"token"[..], b"_token", b"-token"]
        .iter()
        .filter_map(|end| parts.strip_suffix(*end))
        .any(|start| PAGES.contains(&start) || start.ends_with(b"continuation"))
}

/// Beginnings of values that rules of their own judge, or that are public: what these refuse is no secret.
const OF_OTHER_RULES: &[&[u8]] = &[
    b"ghp_",
    b"gho_",
    b"ghu_",
    b"ghs_",
    b"ghr_",
    b"github_pat_",
    b"glpat-",
    b"xoxb-",
    b"xoxp-",
    b"npm_",
    b"AKIA",
    b"ASIA",
    b"AIza",
    b"SG.",
    b"pk_live_",
    b"pk_test_",
    b"pk.eyJ",
    b"phc_",
    b"sha1-",
    b"sha256-",
    b"sha384-",
    b"sha512-",
    b"sha256:",
    b"sha1:",
    b"md5:",
    b"ssh-rsa",
    b"ssh-ed25519",
    b"data:",
    b"-----",
    b"urn:",
];

/// What a value looks like.
#[expect(clippy::struct_excessive_bools, reason = "independent marks of one value")]
struct Traits {
    blanks: usize,
    has_digit: bool,
    has_letter: bool,
    is_word: bool,
    is_identifier: bool,
    is_code: bool,
    is_path: bool,
    is_uuid: bool,
    is_hex: bool,
    is_date: bool,
    is_host: bool,
    is_of_other_rule: bool,
}

impl Traits {
    fn of(value: &[u8]) -> Self {
        let any = |test: fn(&u8) -> bool| value.iter().any(test);
        let (lower, upper, digit) = (any(u8::is_ascii_lowercase), any(u8::is_ascii_uppercase), any(u8::is_ascii_digit));
        let count = |byte: u8| memchr::memchr_iter(byte, value).count();
        let contains = |part: &[u8]| memchr::memmem::find(value, part).is_some();
        // Parts between signs; names are made of parts that are words or numbers, not a mix.
        let parts = || value.split(|b| matches!(b, b'_' | b'-' | b'.' | b'/' | b':')).filter(|part| !part.is_empty());
        Self {
            blanks: count(b' '),
            has_digit: digit,
            has_letter: lower || upper,
            is_word: value.iter().all(u8::is_ascii_alphabetic) && is_cased_as_word(value),
            is_identifier: parts().all(is_plain_part) && value.len() < 64,
            is_code: is_code(value, digit),
            is_path: value.starts_with(b"/") && (count(b'/') >= 2 || !digit)
                || value.starts_with(b"C:\\")
                || count(b'/') >= 3 && !contains(b"=") && !digit,
            is_uuid: value.len() == 36
                && value.iter().enumerate().all(|(index, b)| {
                    if matches!(index, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() }
                }),
            is_hex: value.iter().all(u8::is_ascii_hexdigit),
            is_date: is_date(value),
            is_host: is_host(value),
            is_of_other_rule: OF_OTHER_RULES.iter().any(|start| value.starts_with(start)),
        }
    }

    fn is_mixed(&self) -> bool {
        self.has_digit && self.has_letter
    }
}

/// Whether the value is an expression rather than a literal.
fn is_code(value: &[u8], has_digit: bool) -> bool {
    let contains = |part: &[u8]| memchr::memmem::find(value, part).is_some();
    let sign = value.iter().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
    let is_member = memchr::memchr(b'.', value).is_some()
        && !has_digit
        && !sign
        && value.split(|b| *b == b'.').all(|part| part.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_'));
    // `&session-state:Name`, a list of ciphers of GnuTLS
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.');
    let is_reference = value.strip_prefix(b"&").is_some_and(|name| name.contains(&b':') && name.iter().all(is_name));
    let parts: [&[u8]; 15] = [
        b":+",
        b"[\"",
        b"['",
        b"::",
        b"->",
        b"[-",
        b"[0",
        b"[*",
        b":uuid:",
        b"locktoken:",
        b"=>",
        b" + ",
        b"\\n",
        b"\\d",
        b"\\w",
    ];
    (contains(b"(") && contains(b")"))
        || parts.iter().any(|part| contains(part))
        || [&b"urn:"[..], b"http://", b"https://"].iter().any(|start| value.starts_with(start))
        || [&b"("[..], b":", b"[", b"{"].iter().any(|end| value.ends_with(end))
        || is_subscript(value)
        || is_member
        || is_reference
        || is_entry_point(value)
        || is_group(value)
}

/// `keyword.tag-$1`: the name of a kind of word, with a group of a pattern in it.
fn is_group(value: &[u8]) -> bool {
    matches!(value, [.., b'.' | b'-', b'$', digit] if digit.is_ascii_digit())
}

/// `package.module:Class`, as Python names what a plug-in is made by.
fn is_entry_point(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        name.len() >= 2
            && !name.first().is_some_and(u8::is_ascii_digit)
            && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    let Some(colon) = memchr::memchr(b':', value) else { return false };
    let (module, object) =
        (value.get(..colon).unwrap_or_default(), value.get(colon.saturating_add(1)..).unwrap_or_default());
    module.contains(&b'.')
        && is_wordlike(value)
        && module.split(|b| *b == b'.').chain(object.split(|b| *b == b'.')).all(is_name)
}

/// `name[1]`, `names[key]`: a place in a list.
fn is_subscript(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'[', value) else { return false };
    let name = value.get(..open).unwrap_or_default();
    value.ends_with(b"]")
        && !name.is_empty()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// `2026-01-02T03:04:05Z`, `2026/01/02`.
fn is_date(value: &[u8]) -> bool {
    let shape: Vec<u8> = value.iter().take(10).map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect();
    shape == b"0000-00-00" || shape == b"0000/00/00"
}

/// `db-1.acme.io`, `v1.2.3-rc4`, `ann2@acme.io`, `10.0.0.1:80`.
fn is_host(value: &[u8]) -> bool {
    let is_name = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'@');
    let last = value.rsplit(|b| *b == b'.').next().unwrap_or_default();
    let dots = memchr::memchr_iter(b'.', value).count();
    dots >= 1
        && value.iter().all(is_name)
        && (dots >= 2 || (last.len() <= 6 && last.iter().all(u8::is_ascii_lowercase)))
        && value.split(|b| matches!(b, b'.' | b'-' | b':' | b'@')).all(|part| part.len() <= 20)
}

/// A word with up to four digits behind it.
fn is_plain_part(part: &[u8]) -> bool {
    let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let word = part.get(..part.len().saturating_sub(digits)).unwrap_or_default();
    digits <= 4 && word.iter().all(u8::is_ascii_alphabetic) && is_cased_as_word(word)
}

/// Whether letters are cased as people case names: `word`, `WORD`, `Word`, `twoWords`; not `qXzRtLw`.
fn is_cased_as_word(letters: &[u8]) -> bool {
    let changes = letters
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    changes.saturating_mul(4) <= letters.len() && has_vowels(letters)
}

/// Words have a vowel in every stretch of six letters or so.
fn has_vowels(letters: &[u8]) -> bool {
    let longest = letters.split(|b| b"aeiouyAEIOUY".contains(b)).map(<[u8]>::len).max().unwrap_or(0);
    longest <= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_key_and_sort_of_text() {
        let random = ["s8Kd!93f", "k3J9dk20", "sKw8Zq1L"];
        let long = random[1..].concat();
        let cases: &[(&str, &str, Shape, Kind, bool)] = &[
            ("DB_PASSWORD", random[0], Shape::Bare, Kind::Settings, true),
            ("password", random[0], Shape::Quoted, Kind::Source, true),
            ("password", random[0], Shape::Bare, Kind::Source, false),
            ("password", "Winter!2031", Shape::Quoted, Kind::Source, true),
            ("password", "ann42@acme.io", Shape::Quoted, Kind::Source, false),
            ("Cleartext-Password", "&session-state:Tmp-Integer-0", Shape::Bare, Kind::Settings, false),
            ("TLSCipherPSK", "NONE:+VERS-TLS1.2:+ECDHE-PSK", Shape::Bare, Kind::Settings, false),
            ("token", "Winter!2031", Shape::Quoted, Kind::Source, false),
            ("password", "Confirm password 2", Shape::Quoted, Kind::Settings, false),
            ("TemporaryPassword", "This-is-my-test-99!", Shape::Quoted, Kind::Source, false),
            ("password", "This-is-my-test-99!", Shape::Quoted, Kind::Settings, false),
            ("AdminPassword", "AdminPassword123", Shape::Bare, Kind::Settings, true),
            ("AdminPassword", "AdminPassword123", Shape::Quoted, Kind::Settings, false),
            ("password", "expired", Shape::Word, Kind::Settings, false),
            ("password", random[0], Shape::Word, Kind::Settings, true),
            ("nextcloud_secret", &long, Shape::Bare, Kind::Settings, true),
            ("SHARED_SECRET", &long, Shape::Bare, Kind::Settings, true),
            ("nextToken", &long, Shape::Quoted, Kind::Settings, false),
            ("next_page_token", &long, Shape::Quoted, Kind::Settings, false),
            ("csrfToken", &long, Shape::Quoted, Kind::Settings, false),
            ("token", "2026-01-02T03:04:05Z", Shape::Bare, Kind::Settings, false),
            ("token", "v1.2.3-rc4", Shape::Bare, Kind::Settings, false),
            ("secret", "db-credentials-prod2", Shape::Bare, Kind::Settings, false),
            ("token", "tokens[key2]", Shape::Bare, Kind::Settings, false),
        ];
        for (key, value, shape, kind, expected) in cases {
            let plausible = is_plausible(key.as_bytes(), value.as_bytes(), *shape, *kind, false);
            assert_eq!(plausible, *expected, "{key}: {value}");
        }
    }

    #[test]
    fn words_of_keys_count_by_pairs() {
        let long = ["k3J9dk20", "sKw8Zq1L"].concat();
        let cases = [
            ("CACHE_PASSWORD", true),
            ("PRIMARY_DB_PASSWD", true),
            ("input.password", true),
            ("LABEL_API_KEY", true),
            ("PRIMARY_API_KEY", true),
            ("API_KEY_PRIMARY", true),
            ("lockSecret", true),
            ("CSRF_SECRET", true),
            ("primary_access_key", true),
            ("primary_key", false),
            ("primaryKey", false),
            ("csrf-token", false),
            ("lock_token", false),
            ("cache.key", false),
            ("hashed_password", false),
            ("PUBLIC_API_KEY", false),
        ];
        for (key, expected) in cases {
            let plausible = is_plausible(key.as_bytes(), long.as_bytes(), Shape::Bare, Kind::Settings, false);
            assert_eq!(plausible, expected, "{key}");
        }
        assert!(!is_plausible(b"error.password", b"At least 8", Shape::Bare, Kind::Settings, false));
    }

    #[test]
    fn weak_words_need_random_values_in_settings() {
        let (long, digits) = (["k3J9dk20", "sKw8Zq1L", "pT"].concat(), "e3ff2839c048b25c084debe9b26995e310250568");
        let cases = [
            ("ACME_KEY", long.as_str(), Kind::Settings, true),
            ("ACME_KEY", long.as_str(), Kind::Source, false),
            ("FERNET_KEY", &digits[..32], Kind::Settings, true),
            ("ACME_KEY", "prod-eu-1", Kind::Settings, false),
            ("ACME_KEY", "billing-service-production", Kind::Settings, false),
            ("GPG_KEY", digits, Kind::Settings, false),
            ("ACME_KEY", digits, Kind::Settings, false),
            ("host_key", long.as_str(), Kind::Settings, false),
            ("cache_key", long.as_str(), Kind::Settings, false),
        ];
        for (key, value, kind, expected) in cases {
            let plausible = is_plausible(key.as_bytes(), value.as_bytes(), Shape::Bare, kind, true);
            assert_eq!(plausible, expected, "{key}: {value}");
        }
    }
}
