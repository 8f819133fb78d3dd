//! Tells made-up values from real ones: examples, variables, masks, templates.

use super::entropy;

/// Words of templates: whoever uses one is to put a value in their place. Lower case.
const TEMPLATES: &[&str] = &[
    "changeme",
    "changeit",
    "change_me",
    "change-me",
    "change_it",
    "placeholder",
    "redacted",
    "your_",
    "your-",
    "yourtoken",
    "yoursecret",
    "yourpass",
    "yourkey",
    "yourapi",
    "insert",
    "replace",
    "xxxx",
    "****",
    "....",
    "todo",
    "fixme",
    "notarealkey",
    "not-a-real",
    "not-a-secret",
    "not_a_secret",
    "notasecret",
    "not-secret",
    "not_secret",
    "not my real",
];

/// Words that stand in values of examples, lower case.
const EXAMPLES: &[&str] = &["example", "dummy", "sample", "deadbeef", "_1234", "fakekey", "fake_", "fake-"];

/// Words that people do choose, though they guard nothing, lower case.
const COMMON: &[&str] = &[
    "password",
    "passwd",
    "passw0rd",
    "pass",
    "secret",
    "token",
    "test",
    "testing",
    "tests",
    "user",
    "username",
    "admin",
    "root",
    "guest",
    "mysecret",
    "mypassword",
    "mytoken",
    "my-secret",
    "my-token",
    "my_secret",
    "my_token",
    "secretkey",
    "secret_key",
    "apikey",
    "api_key",
    "foo",
    "bar",
    "foobar",
    "baz",
    "hunter2",
    "letmein",
    "qwerty",
    "abc123",
    "pass123",
    "password1",
    "password123",
    "test123",
    "secret123",
    "s3cr3t",
    "p@ssw0rd",
    "sekret",
    "shadow",
    "postgres",
    "mysql",
    "redis",
    "rabbitmq",
    "minio",
    "minioadmin",
    "tiger",
    "scott",
    "somepassword",
    "notasecret",
];

/// Values that say that there is none, or what belongs there, lower case.
const NOTHING: &[&str] = &[
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "default",
    "empty",
    "key",
    "value",
    "string",
    "text",
    "file",
    "env",
    "prompt",
    "required",
    "optional",
    "hidden",
    "masked",
    "unknown",
    "basic",
    "bearer",
    "digest",
    "str",
    "int",
    "bool",
    "self",
    "this",
    "yes",
    "no",
    "on",
    "off",
    "disabled",
    "enabled",
    "never",
    "always",
    "auto",
    "x",
    "bogus",
    "invalid",
    "wrong",
    "correct",
    "nothing",
    "anonymous",
    "anoncvs",
    "credentials",
    "credential",
    "private",
    "public",
    "generated",
    "random",
    "tbd",
    "n/a",
    "pw",
    "pwd",
    "blah",
];

/// Whether the random part of a token is made up: a mask, a run, a word of examples.
pub(super) fn is_made_up_token(value: &[u8]) -> bool {
    let least = match value.len() {
        0..8 => 1,
        8..16 => 4,
        16..32 => 6,
        _ => 7,
    };
    entropy::distinct(value) < least || entropy::longest_run(value) >= 9 || is_counted(value) || has_word(value)
}

/// Whether most signs are the next of the one before: `abc123def456`, `0123456789abcdef0123456789ABCDEF`.
fn is_counted(value: &[u8]) -> bool {
    let is_next = |pair: &&[u8]| matches!(pair, [first, second] if first.is_ascii_alphanumeric() && first.checked_add(1) == Some(*second));
    value.len() >= 12 && value.windows(2).filter(is_next).count() * 5 >= value.len() * 3
}

/// Whether a value is a word and the next few numbers: `key_7890`, `secret-4567`.
fn is_numbered(lower: &str) -> bool {
    let word = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = lower.get(word.len()..).unwrap_or_default().as_bytes();
    let is_next = |pair: &[u8]| matches!(pair, [first, second] if *second == if *first == b'9' { b'0' } else { first.saturating_add(1) });
    let word = word.strip_suffix(['_', '-']).unwrap_or(word);
    digits.len() >= 4 && digits.windows(2).all(is_next) && (COMMON.contains(&word) || NOTHING.contains(&word))
}

/// Whether a text is a common word twice: `testtest`.
fn is_doubled(lower: &str) -> bool {
    let half = lower.get(..lower.len() / 2).unwrap_or_default();
    lower.len() >= 6 && lower.strip_prefix(half) == Some(half) && COMMON.contains(&half)
}

/// Whether a password, or the value of a setting, is none: a variable, a template, a mask, a common word.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    is_reference(text)
        || entropy::distinct(value) < 3
        || (value.len() >= 6 && entropy::longest_run(value) >= value.len().saturating_sub(1))
        || is_counted(value)
        || is_doubled(&lower)
        || is_numbered(&lower)
        || COMMON.contains(&lower.as_str())
        || NOTHING.contains(&lower.as_str())
        || has_word(lower.as_bytes())
        || is_disguised(&lower)
}

/// Longest weak word, in bytes. Longer values with a word of examples in them are keys out of manuals.
const LONGEST_WEAK: usize = 32;

/// Whether a placeholder is a word that somebody may have set all the same: `password`, `admin123`, `dummy-pass`. A
/// variable, a mask, `changeme` and the word for none are not.
///
/// For the fields of credential files: there a weak password is one.
pub(super) fn is_weak_word(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let lower = text.trim().to_ascii_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    is_placeholder(value)
        && value.len() <= LONGEST_WEAK
        && !is_reference(text.trim())
        && entropy::distinct(value) >= 3
        && lower.bytes().any(|b| b.is_ascii_alphanumeric())
        && !lower.contains([' ', '<', '>'])
        && !holds(TEMPLATES)
        && !NOTHING.contains(&lower.as_str())
}

/// Whether nothing is left of a value but a common word, once escapes of URLs are resolved, letters stand
/// where signs stood for them, and other signs are gone: `p%40ss%3aword`, `P@ssw0rd!`, `foo%40bar`.
fn is_disguised(lower: &str) -> bool {
    // with letters for signs, and without signs
    let (mut read, mut bare) = (String::with_capacity(lower.len()), String::with_capacity(lower.len()));
    let mut rest = lower.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = escaped.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
        let byte = code.unwrap_or(*first);
        match byte {
            b'@' => read.push('a'),
            b'0' => read.push('o'),
            b'$' => read.push('s'),
            _ if byte.is_ascii_alphanumeric() => read.push(char::from(byte)),
            _ => {}
        }
        if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
            bare.push(char::from(byte));
        }
    }
    let is_known = |text: &str| COMMON.contains(&text) || NOTHING.contains(&text);
    (bare.is_empty() && lower.len() < 8) || is_known(&read) || is_known(&bare) || read.contains("notreal")
}

/// Whether the text stands for a value that is elsewhere, or was encrypted.
fn is_reference(text: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "$",
        // what a command of the shell prints
        "`",
        "%(",
        "%{",
        "{{",
        "{%",
        "#{",
        "@{",
        "<",
        "ENC[",
        "ENC(",
        "!vault",
        "$ANSIBLE_VAULT",
        "AgB",
        "vault:",
        "ref:",
        "env(",
        "env:",
        "file:",
        "op://",
        "arn:",
        "ssm:",
        "secret://",
        "\\$",
        "{0",
        "{}",
        "{cipher}",
        "os.environ",
        "process.env",
        "getenv",
        "ENV[",
        "(",
        "[",
        "var.",
        "local.",
        "data.",
        "!Ref",
        "!Sub",
        "!GetAtt",
        "Ref:",
        "keyring:",
        "/run/secrets/",
        "../",
        "./",
        "~/",
    ];
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        || ["${", "{{", "$(", "%s", "%d", "<%", "%>", "{}", "()"].iter().any(|part| text.contains(part))
        || (text.starts_with('%') && text.ends_with('%'))
        || (text.starts_with('{') && text.ends_with('}'))
        || (text.starts_with("__") && text.ends_with("__"))
        || text.ends_with('>')
        || text.ends_with("...")
}

fn has_word(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    TEMPLATES.iter().chain(EXAMPLES).any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_tokens() {
        for made_up in [
            "xxxxxxxxxxxxxxxxxxxx",
            "0123456789abcdef0123",
            "IOSFODNN7EXAMPLE",
            "aaaaaaaaaaaabbbbbb",
            "YOUR_TOKEN_GOES_HERE",
            "abc123def456ghi789",
        ] {
            assert!(is_made_up_token(made_up.as_bytes()), "{made_up}");
        }
        for real in ["q8Zr1Lm0Tn4Ys7Vb2Kc9", "7f3a9c0e1b5d8264", "K7QX"] {
            assert!(!is_made_up_token(real.as_bytes()), "{real}");
        }
    }

    #[test]
    fn placeholders_of_settings() {
        for none in [
            "${DB_PASSWORD}",
            "$PASSWORD",
            "{{ secret }}",
            "<password>",
            "changeme",
            "Password",
            "********",
            "%DB_PASS%",
            "ENC[abc]",
            "$(cat x)",
            "__PASSWORD__",
            "your-password",
            "/run/secrets/db",
            "aaaaaaaa",
            "12345678",
            "p%40ss%3Aword",
            "P@ssw0rd!",
            "foo%40bar",
            "%2F%40",
            "eyJ2IjoiMSIsInMiOjEsImMiOi...",
            "testtest",
            "key_7890",
            "not-re%40l",
            "`pass_of $user`",
            "0123456789abcdef0123456789ABCDEF",
        ] {
            assert!(is_placeholder(none.as_bytes()), "{none}");
        }
        for weak in ["password", "P@ssw0rd!", "hunter2", "12345678", "dummy-pass", "ExamplePas123"] {
            assert!(is_weak_word(weak.as_bytes()), "{weak}");
        }
        for none in
            ["${X}", "<password>", "changeme", "your-password", "xxxxxxxx", "none", "True", "********", "x9Kd83jd"]
        {
            assert!(!is_weak_word(none.as_bytes()), "{none}");
        }
        for real in ["Tr0ub4dor&3", "correct horse", "s8d7f6g5", "vK!2pz"] {
            assert!(!is_placeholder(real.as_bytes()), "{real}");
        }
    }
}
