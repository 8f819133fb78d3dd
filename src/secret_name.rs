//! Names that promise a secret, and values that may be one: of variables, labels and build arguments.

/// Whether the name promises a secret and the value may be one.
pub fn is_suspect(name: &str, value: &str) -> bool {
    names_secret(name) && may_be_secret(name, value)
}

/// Words that name a secret by themselves.
const SECRET_WORDS: &str = "\
    password passwd passphrase pass pwd passcode sshpass secret secrets token credential credentials \
    apikey secretkey accesskey privatekey authtoken";

/// Ends of words that name a secret: `PGPASSWORD`, `ACCESSTOKEN`.
const SECRET_ENDINGS: &str =
    "password passwd passphrase secret token apikey accesskey secretkey privatekey credentials";

/// Words that name a secret when `key` follows.
const KEY_WORDS: &str = "api access secret private encryption signing auth master session account storage app";

/// Last words of names that speak about a secret rather than hold it.
const ABOUT_WORDS: &str = "\
    file path dir directory folder location url uri endpoint host port name user username id type kind \
    format length len size min max count limit ttl expiry expires expiration lifetime timeout duration \
    interval age enabled disabled required allowed policy algorithm alg header prefix suffix version \
    issuer audience scope provider backend store manager parallelism sha1 sha256 sha512 md5 checksum \
    fingerprint hash field env var mode method authentication auth encryption plugin class handler \
    service server driver validator pattern regex charset reset bucket strategy rounds ref arn \
    description title algo role template encoder";

/// First words of names that say the value is for everybody.
const OPEN_WORDS: &str = "public example sample disable enable allow require no use";

/// Whether a list of words, separated by blanks, holds this one.
fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|other| other == word)
}

/// Whether the name promises a secret.
pub fn names_secret(name: &str) -> bool {
    let words = words_of(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let first_is_open = words.len() > 1 && lists(OPEN_WORDS, first.as_str());
    let is_public = words.iter().any(|word| word == "public");
    // the shell's own: the working folder and the one before
    let is_shell = matches!(name, "PWD" | "OLDPWD");
    if first_is_open || is_public || is_shell || lists(ABOUT_WORDS, last.as_str()) {
        return false;
    }
    let ends_so = |word: &str| SECRET_ENDINGS.split(' ').any(|ending| word.ends_with(ending));
    let by_word = words.iter().any(|word| lists(SECRET_WORDS, word.as_str()) || ends_so(word)) || last == "pw";
    let by_key = words.windows(2).any(|pair| matches!(pair, [a, b] if b == "key" && lists(KEY_WORDS, a.as_str())));
    by_word || by_key
}

/// The words of `DB_PASSWORD`, `dbPassword`, `com.example.api-key`, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars().take(256) {
        let starts_word = c.is_ascii_uppercase() && was_lower;
        if (!c.is_ascii_alphanumeric() || starts_word) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value may be a secret: nothing empty, no switch, number, place, placeholder or sentence.
pub fn may_be_secret(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    value.len() >= 4
        && !is_switch(&lower)
        && !is_number(&lower)
        && !is_place(value)
        && !is_placeholder(&lower)
        && !value.eq_ignore_ascii_case(name)
        && value.split_whitespace().count() <= 2
}

fn is_switch(value: &str) -> bool {
    matches!(
        value,
        "true"
            | "false"
            | "enabled"
            | "disabled"
            | "none"
            | "null"
            | "undefined"
            | "auto"
            | "optional"
            | "required"
            | "default"
    )
}

/// Numbers, also with a unit of time or size: `3600`, `1.5`, `30m`, `24h`, `64kb`.
fn is_number(value: &str) -> bool {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '-' | '+'));
    unit.len() < value.len()
        && (unit.is_empty()
            || matches!(unit, "s" | "m" | "h" | "d" | "ms" | "min" | "sec" | "days" | "kb" | "mb" | "gb"))
}

/// Paths, addresses without credentials, names of files.
fn is_place(value: &str) -> bool {
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        return !authority.rsplit_once('@').is_some_and(|(credentials, _)| credentials.contains(':'));
    }
    let is_path = ["/", "./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start));
    let ending = value.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let is_file = ending.is_some_and(|ending| {
        matches!(
            ending.as_str(),
            "txt" | "pem" | "key" | "crt" | "json" | "yaml" | "yml" | "conf" | "env" | "jks" | "p12"
        )
    });
    // base64 may start with a slash, but hardly consists of short components
    (is_path && (value.len() < 40 || value.matches('/').count() > 1)) || is_file
}

/// Values that stand for one that comes later.
fn is_placeholder(value: &str) -> bool {
    const STARTS: &[&str] =
        &["$", "%", "{{", "<", "[", "@", "#{", "your", "insert", "replace", "change", "enter", "fill"];
    const INSIDE: &[&str] = &[
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "change me",
        "example",
        "dummy",
        "redacted",
        "todo",
        "${",
        "{{",
        "not-set",
        "not-a-secret",
        "not_a_secret",
        "notasecret",
        "notset",
        "vault:",
        "secretsmanager",
    ];
    let is_one_letter = value.chars().all(|c| value.starts_with(c));
    let stands_for_itself = lists(SECRET_WORDS, value)
        || matches!(value, "key" | "string" | "value" | "text" | "test" | "fake" | "unset" | "unused" | "empty");
    is_one_letter
        || stands_for_itself
        || STARTS.iter().any(|start| value.starts_with(start))
        || INSIDE.iter().any(|part| value.contains(part))
        || speaks_of_build(value)
        || (value.contains("xxx") && value.chars().filter(|c| *c == 'x').count() * 2 > value.len())
}

/// Words that say a value serves a build or a test only.
const PASSING_WORDS: &str = "build buildtime collectstatic compile precompile dummy fake mock stub ignored unused temp temporary tmp test testing throwaway";

/// Words that stand beside them.
const FILLING_WORDS: &str = "\
    a abc any app assets at base be building ci default dev development django docker during for image in insecure is \
    it just key local me my needed nextauth no not nothing of only or override overridden overwritten passing \
    password phase pls please prod production purposes rails random real replaced runtime secret set some step string \
    the this time to token used value will with";

/// Whether a value consists of words that say it serves a build or a test only: `build-only`, `fake_secret_for_build`.
fn speaks_of_build(value: &str) -> bool {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric());
    let mut is_passing = false;
    for word in words.filter(|word| !word.is_empty()) {
        let passes = lists(PASSING_WORDS, word);
        is_passing |= passes;
        if !passes && !lists(FILLING_WORDS, word) {
            return false;
        }
    }
    is_passing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_a_secret_are_told_from_those_that_speak_of_one() {
        for name in [
            "DB_PASSWORD",
            "PGPASS_SECRET",
            "MYSQL_ROOT_PASSWORD",
            "TOKEN",
            "NPM_TOKEN",
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "apiKey",
            "com.example.db-password",
            "SMTP_PASS",
            "DB_PWD",
            "DJANGO_SECRET_KEY",
            "STRIPE_APIKEY",
            "dbPassword",
            "PGPASSWORD",
            "SECRET_KEY_BASE",
            "SSHPASS",
            "PW",
            "DB_PW",
            "adminPw",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "OLDPWD",
            "KEYCLOAK_VERSION",
            "TOKENIZERS_PARALLELISM",
            "PASSWORD_HASH_ALGO",
            "PASSWORD_ENCODER",
            "PASSWORD_RESET_TEMPLATE",
            "VAULT_TOKEN_ROLE",
            "GPG_KEY",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "PASSENGER_APP",
            "SECRET_NAME",
            "PUBLIC_API_KEY",
            "ACCESS_LOG",
            "MYSQL_ALLOW_EMPTY_PASSWORD_POLICY",
            "DISABLE_TOKEN",
            "COMPASS",
            "KEYBOARD",
            "TOKEN_EXPIRY",
            "PYTHON_GET_PIP_SHA256",
            "AUTHOR",
            "BYPASS_CACHE",
            "NODE_VERSION",
            "PW_FILE",
            "PW_BROWSERS_PATH",
            "MPW2",
            "",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn values_are_judged_before_names() {
        for value in [
            "kQ7vT2xw",
            "hunter2!",
            "postgres",
            "correct horse",
            "postgres://u:p4ss@db/x",
            "a1b2c3d4e5f6",
            "test-kQ7vT2xw",
            "test1234",
            "dev-secret",
            "builder1x",
        ] {
            assert!(is_suspect("DB_PASSWORD", value), "{value}");
        }
        for value in [
            "",
            " ",
            "yes",
            "true",
            "False",
            "none",
            "1",
            "3600",
            "30m",
            "1.5",
            "/run/secrets/db",
            "./key",
            "~/.token",
            "https://auth.example.org/token",
            "${DB_PASSWORD}",
            "$TOKEN",
            "{{ token }}",
            "<password>",
            "%TOKEN%",
            "changeme",
            "CHANGE_ME",
            "your-token-here",
            "xxxxxxxx",
            "********",
            "password",
            "db_password",
            "db.pem",
            "the password of the database",
            "placeholder",
            "build-only",
            "build-time-only",
            "dummy",
            "dummy_key_for_build",
            "fake-secret",
            "test-secret-key",
            "precompile",
            "temporary secret",
            "not-used-in-build",
        ] {
            assert!(!is_suspect("DB_PASSWORD", value), "{value}");
        }
    }
}
