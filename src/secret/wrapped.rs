//! Texts inside the texts of a configuration: values that are quoted or encoded once more, and the
//! arguments of options that name nothing (`-p VALUE`).
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use crate::format::{base64, percent};
use crate::secret_name::names_secret;

use super::mask;
use super::value::OwnedValue;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `name=value`, the value from this byte on.
    Setting(usize),
    /// A command with its arguments.
    Command,
    /// Commands of a shell, as in build steps.
    Script,
    /// Anything else.
    Text,
}

/// Shortest value that is decoded, and longest.
const LEAST_ENCODED: usize = 16;
const LONGEST_ENCODED: usize = 1 << 20;

/// Most words of a command that are looked at.
const MOST_WORDS: usize = 10_000;

/// What `text` may hold inside, and the part of it that holds it.
pub(super) fn texts(text: &str, form: Form) -> Vec<(OwnedValue, Range<usize>)> {
    let mut inner = Vec::new();
    match form {
        Form::Setting(at) => {
            if let Some(value) = text.get(at..) {
                inner.extend(unescaped(value).map(|plain| (plain, at..text.len())));
                inner.extend(decoded(value.trim().as_bytes()).map(|plain| (plain, at..text.len())));
            }
        }
        Form::Text => inner.extend(unescaped(text).map(|plain| (plain, 0..text.len()))),
        Form::Command | Form::Script => {
            let words = words(text);
            options(text, &words, form, &mut inner);
            settings(text, &words, &mut inner);
            accounts(text, &words, &mut inner);
            written(text, &words, &mut inner);
            for word in words {
                let Some(argument) = text.get(word.clone()) else { continue };
                if argument.contains("$(") {
                    // a command inside quotes
                    let shifted =
                        |part: Range<usize>| word.start.saturating_add(part.start)..word.start.saturating_add(part.end);
                    let parts: Vec<Range<usize>> = self::words(argument).into_iter().map(shifted).collect();
                    accounts(text, &parts, &mut inner);
                }
                // `NAME=value`, or a word of its own
                let from = argument.find('=').map_or(0, |sign| sign.saturating_add(1));
                let value = argument.get(from..).unwrap_or_default();
                let span = word.start.saturating_add(from)..word.end;
                inner.extend(decoded(value.as_bytes()).map(|plain| (plain, span.clone())));
                inner.extend(unescaped(argument).map(|plain| (plain, word)));
            }
        }
    }
    if !matches!(form, Form::Setting(_)) {
        users(text, &mut inner);
        queries(text, &mut inner);
    }
    inner
}

/// Longest name of an option that is told.
const LONGEST_OPTION: usize = 40;

/// The option whose argument begins at `at`: `--token` of `--token=VALUE`, `--token VALUE` and `--token 'VALUE'`.
pub(super) fn option_before(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?.trim_end_matches(['"', '\'', ' ']);
    let before = before.strip_suffix('=').unwrap_or(before);
    let start = before.rfind(|c: char| c.is_whitespace()).map_or(0, |blank| blank.saturating_add(1));
    let option = before.get(start..)?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (option.starts_with('-') && option.len() <= LONGEST_OPTION && option.bytes().all(is_name)).then_some(option)
}

/// Without one level of backslashes, as JSON writes strings within strings; `None` where there is none.
fn unescaped(text: &str) -> Option<OwnedValue> {
    if !text.contains('\\') || text.len() > LONGEST_ENCODED {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            plain.push(sign);
            continue;
        }
        match signs.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('u') => {
                let digits: String = signs.clone().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                match code.and_then(char::from_u32) {
                    Some(sign) => {
                        plain.push(sign);
                        signs.nth(3);
                    }
                    None => plain.push('u'),
                }
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Some(OwnedValue::new(plain.into_bytes()))
}

/// What base64 text stands for, if that is text too.
fn decoded(value: &[u8]) -> Option<OwnedValue> {
    if !(LEAST_ENCODED..=LONGEST_ENCODED).contains(&value.len()) {
        return None;
    }
    let plain = OwnedValue::new(base64::decode(value)?);
    let is_text = plain.with(|bytes| {
        std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.is_empty() && !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)))
    });
    is_text.then_some(plain)
}

/// Clients whose option of one letter takes a password as the next word.
const CLIENTS: &[(&str, &[&str])] = &[
    ("-a", &["keydb-cli", "redis-cli", "valkey-cli"]),
    ("-P", &["mosquitto_pub", "mosquitto_sub", "mqttx"]),
    (
        "-p",
        &[
            "buildah",
            "cqlsh",
            "crane",
            "docker",
            "helm",
            "mongo",
            "mongodump",
            "mongoexport",
            "mongoimport",
            "mongorestore",
            "mongosh",
            "nerdctl",
            "oc",
            "oras",
            "podman",
            "rabbitmqadmin",
            "skopeo",
            "sshpass",
            "step",
            "useradd",
            "usermod",
        ],
    ),
    ("-k", &["openssl"]),
    ("-N", &["ssh-keygen"]),
    ("-u", &["lftp"]),
    ("password", &["mysqladmin", "mariadb-admin"]),
    ("-w", &["ldapadd", "ldapmodify", "ldappasswd", "ldapsearch", "ldapwhoami"]),
];

/// Settings made of `-p VALUE`: `password=VALUE` for clients known to take one; for other commands the
/// value must look as random as a token.
fn options(text: &str, words: &[Range<usize>], form: Form, inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    let word = |at: usize| words.get(at).and_then(|word| text.get(word.clone())).unwrap_or_default();
    let mut program = "";
    let mut has_user = false;
    for at in 0..words.len() {
        let option = word(at);
        let gap = at.checked_sub(1).and_then(|before| text.get(words.get(before)?.end..words.get(at)?.start));
        if gap.is_some_and(|gap| gap.contains('\n')) {
            program = "";
            has_user = false;
        }
        if matches!(option, "&&" | "||" | ";" | "|") || option.ends_with(';') {
            program = "";
            has_user = false;
            continue;
        }
        has_user |= names_user(option);
        let name = option.rsplit('/').next().unwrap_or_default();
        if program.is_empty() || CLIENTS.iter().any(|(_, clients)| clients.contains(&name)) {
            // `sudo -u app`, `if`, `A=b`: the program comes later
            program = if LEADERS.contains(&name) || name.contains('=') { "" } else { name };
        }
        let value = word(at.saturating_add(1));
        // a hash whose dollar signs are kept from the shell
        if ACCOUNTS.contains(&program) && matches!(option, "-p" | "--password") && value.starts_with("\\$") {
            let hash = value.replace('\\', "");
            let span = words.get(at.saturating_add(1)).cloned().unwrap_or_default();
            inner.push((OwnedValue::new(format!("{program} -p '{hash}'").into_bytes()), span));
            continue;
        }
        let is_value = value.len() >= 6 && !value.starts_with(['-', '/', '.', '$', '<', '{', '~']);
        let Some(span) = words.get(at.saturating_add(1)).filter(|_| is_value) else { continue };
        if option == "-u" && program == "lftp" {
            // the user before the comma
            let Some((user, password)) = value.split_once(',').filter(|(_, password)| password.len() >= 6) else {
                continue;
            };
            let start = span.start.saturating_add(user.len()).saturating_add(1);
            inner.push((named("password", password), start..span.end));
            continue;
        }
        let client = CLIENTS.iter().find(|(letter, _)| *letter == option);
        let is_client = client.is_some_and(|(_, clients)| clients.contains(&program));
        // `docker run -p 80:80`
        let is_address = value.bytes().all(|b| b.is_ascii_digit() || b".:/-tcpud[]".contains(&b));
        let key = match option {
            _ if is_client && !is_address => "password",
            "-p" if has_user => "secret",
            "-p" if form == Form::Script && is_token(value) && !is_known(program) => "secret",
            "-p" | "-P" | "-t" | "-k" | "-s" if form == Form::Command => "secret",
            _ => continue,
        };
        inner.push((named(key, value), span.clone()));
    }
}

/// Words that stand before a program.
const LEADERS: &[&str] =
    &["!", "(", "do", "else", "env", "exec", "if", "nice", "nohup", "sudo", "then", "time", "until", "while", "{"];

fn names_user(option: &str) -> bool {
    matches!(option, "-u" | "-U" | "--user" | "--username" | "login")
}

/// Whether what an option is given at `at` stands in a command that names a user before it.
pub(super) fn has_user_before(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let command = before.rsplit([';', '|', '&', '\n']).next().unwrap_or_default();
    command.split_whitespace().any(names_user)
}

/// Programs that set the password of an account, and take its hash.
const ACCOUNTS: &[&str] = &["groupadd", "groupmod", "useradd", "usermod"];

/// Programs that mean something else by `-p`: a path, a port, a package, a process, a pattern.
const OTHERS: &[&str] = &[
    "7z",
    "ansible",
    "apk",
    "bash",
    "cargo",
    "cat",
    "celery",
    "chage",
    "chmod",
    "command",
    "conda",
    "cp",
    "cpan",
    "dash",
    "declare",
    "diff",
    "docker",
    "dotnet",
    "dpkg",
    "exit",
    "export",
    "find",
    "g++",
    "gcc",
    "git",
    "gitleaks",
    "go",
    "gradle",
    "grep",
    "gunicorn",
    "hatch",
    "install",
    "iptables",
    "java",
    "javac",
    "kill",
    "less",
    "ln",
    "ls",
    "make",
    "mamba",
    "memcached",
    "micromamba",
    "mkdir",
    "mkfifo",
    "msbuild",
    "mv",
    "mvn",
    "nc",
    "netstat",
    "nginx",
    "nix",
    "nmap",
    "node",
    "npm",
    "npx",
    "patch",
    "pdm",
    "perl",
    "pg_dump",
    "pg_restore",
    "php",
    "php-fpm",
    "pip",
    "pipenv",
    "pnpm",
    "podman",
    "poetry",
    "ps",
    "psql",
    "pytest",
    "python",
    "python3",
    "read",
    "readlink",
    "redis-cli",
    "rm",
    "rmdir",
    "rsync",
    "ruby",
    "scp",
    "sed",
    "set",
    "sh",
    "ssh",
    "ssh-keygen",
    "su",
    "sudo",
    "tar",
    "tee",
    "terraform",
    "test",
    "time",
    "touch",
    "tox",
    "type",
    "umount",
    "unzip",
    "uv",
    "uvicorn",
    "virtualenv",
    "wget",
    "xargs",
    "yarn",
    "zip",
    "zypper",
];

fn is_known(program: &str) -> bool {
    program.is_empty() || OTHERS.contains(&program)
}

/// Shortest argument of an option of a program nobody knows that may be a token.
const LEAST_TOKEN: usize = 12;

/// Whether a word is made of letters of both cases and digits and nothing else, as no name or path is.
fn is_token(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    value.len() >= LEAST_TOKEN
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// `chpasswd <<< USER:VALUE`, the same in a document, and what `openssl passwd` and `mkpasswd` hash.
fn accounts(text: &str, words: &[Range<usize>], inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    let word = |at: usize| words.get(at).and_then(|word| text.get(word.clone())).unwrap_or_default();
    let is_value = |value: &str| {
        value.len() >= 6
            && !value.starts_with(['{', '-', '*', '!', '/', '%'])
            && !value.contains(['$', '`', '<', '>', '|'])
    };
    let is_same_line = |one: usize, other: usize| {
        let between = words.get(one).zip(words.get(other)).and_then(|(one, other)| text.get(one.end..other.start));
        between.is_some_and(|between| !between.contains('\n'))
    };
    for at in 0..words.len() {
        let next = at.saturating_add(1);
        let program = word(at).rsplit(['/', '(', '`']).next().unwrap_or_default();
        let is_hashing = program == "mkpasswd" || program == "openssl" && word(next) == "passwd";
        if is_hashing {
            let first = if program == "openssl" { next.saturating_add(1) } else { next };
            let mut place = first;
            while word(place).starts_with('-') && place < first.saturating_add(MOST_PASSED) {
                let takes = matches!(word(place), "-salt" | "-S" | "--salt" | "-m" | "--method" | "-R" | "--rounds");
                place = place.saturating_add(1).saturating_add(usize::from(takes));
            }
            let value = word(place).trim_end_matches([')', '`', '"', '\'']);
            if let Some(span) = words.get(place).filter(|_| is_value(value) && is_same_line(at, place)) {
                inner.push((named("password", value), span.start..span.start.saturating_add(value.len())));
            }
            continue;
        }
        if program != "chpasswd" {
            continue;
        }
        let options = (next..words.len()).take(MOST_PASSED).take_while(|at| word(*at).starts_with('-')).count();
        let operator = next.saturating_add(options);
        let given = match word(operator) {
            "<<<" => operator.saturating_add(1)..operator.saturating_add(2),
            // up to the word that ends the document
            start if start.starts_with("<<") && start.len() > 2 => {
                let end = start.trim_start_matches(['<', '-']).trim_matches(['"', '\'']);
                let first = operator.saturating_add(1);
                let last = (first..words.len()).take(MOST_ACCOUNTS).find(|at| word(*at) == end);
                first..last.unwrap_or(first.saturating_add(MOST_ACCOUNTS).min(words.len()))
            }
            _ => continue,
        };
        for place in given {
            let Some((user, value)) = word(place).split_once(':') else { continue };
            if let Some(span) = words.get(place).filter(|_| is_value(value) && !user.is_empty()) {
                let start = span.start.saturating_add(user.len()).saturating_add(1);
                inner.push((named("password", value), start..span.end));
            }
        }
    }
}

/// Accounts of one document that are looked at.
const MOST_ACCOUNTS: usize = 64;

/// A setting of which the value is `value`.
fn named(key: &str, value: &str) -> OwnedValue {
    OwnedValue::new(format!("{key}=\"{value}\"").into_bytes())
}

/// `config set KEY VALUE`, `configure set KEY VALUE` and `config KEY VALUE`, as package managers and clients have it.
fn settings(text: &str, words: &[Range<usize>], inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    let word = |at: usize| words.get(at).and_then(|word| text.get(word.clone())).unwrap_or_default();
    for at in 0..words.len() {
        if !matches!(word(at), "config" | "configure") {
            continue;
        }
        let is_passed = |word: &str| word.starts_with('-') || word == "set";
        let Some(key) = (at.saturating_add(1)..words.len()).take(MOST_PASSED).find(|at| !is_passed(word(*at))) else {
            continue;
        };
        let (value, span) = (word(key.saturating_add(1)), words.get(key.saturating_add(1)));
        // `github-oauth.github.com`, `//registry/:_authToken`, `pypi-token.pypi`
        let last = word(key).rsplit('/').next().unwrap_or_default();
        let first = last.split('.').next().unwrap_or_default();
        let is_secret = [last, first].into_iter().any(names_secret)
            || ["-oauth", "-token", "_auth"].iter().any(|end| first.ends_with(end));
        let is_value = value.len() >= 6 && !value.starts_with(['-', '$', '<', '{', '&', '|', '/']);
        if let Some(span) = span.filter(|_| is_secret && is_value) {
            inner.push((named("password", value), span.clone()));
        }
    }
}

/// Options that may stand between `config` and the key.
const MOST_PASSED: usize = 6;

/// `echo VALUE > …/password` and `echo VALUE | passwd`.
fn written(text: &str, words: &[Range<usize>], inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    let word = |at: usize| words.get(at).and_then(|word| text.get(word.clone())).unwrap_or_default();
    for at in 0..words.len() {
        if word(at) == "<<<" {
            let asks = words.get(at.saturating_sub(MOST_PASSED)..at).unwrap_or_default();
            let asks = asks.iter().filter_map(|word| text.get(word.clone()));
            let value = word(at.saturating_add(1));
            let is_plain = value.len() >= 6 && !value.starts_with(['$', '`', '<', '{']);
            let is_asked = asks.map(|word| word.rsplit('/').next().unwrap_or_default()).any(asks_password);
            let span = words.get(at.saturating_add(1)).filter(|_| is_plain && is_asked);
            inner.extend(span.map(|span| (named("password", value), span.clone())));
            continue;
        }
        if !matches!(word(at), "echo" | "printf" | "yes") {
            continue;
        }
        let is_passed = |word: &str| word.starts_with('-') || matches!(word, "%s" | "%s\\n");
        let Some(place) = (at.saturating_add(1)..words.len()).take(MOST_PASSED).find(|at| !is_passed(word(*at))) else {
            continue;
        };
        let (whole, operator) = (word(place), word(place.saturating_add(1)));
        // twice, as `passwd` asks for it
        let value = whole.split("\\n").next().unwrap_or_default();
        let target = match operator.trim_start_matches('>') {
            "" => word(place.saturating_add(2)),
            attached => attached,
        };
        let name = target.trim_matches(['"', '\'']).rsplit('/').next().unwrap_or_default();
        let name = name.split_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
        let is_secret = match operator {
            "|" => asks_password(target_of_pipe(word, place)) || is_login(word, place),
            operator => operator.starts_with('>') && names_secret(name),
        };
        // a setting is judged by its own name
        let is_setting = value.trim_end_matches('=').contains('=');
        let is_plain =
            !is_setting && !value.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '`' | '<' | '{'));
        if is_secret && is_plain && value.len() >= 6 {
            let span = words.get(place).map(|word| word.start..word.start.saturating_add(whole.len()));
            inner.extend(span.map(|span| (named("password", value), span)));
        }
    }
}

/// Programs that read a password and nothing else.
fn asks_password(program: &str) -> bool {
    matches!(program, "passwd" | "smbpasswd" | "kinit")
}

/// Whether a pipe behind the word at `place` leads to a program that is told to read a password.
fn is_login<'t>(word: impl Fn(usize) -> &'t str, place: usize) -> bool {
    let behind = (place.saturating_add(2)..place.saturating_add(MOST_ARGUMENTS)).map(word);
    behind
        .take_while(|word| !matches!(*word, "" | "&&" | "||" | ";" | "|"))
        .any(|word| matches!(word, "--password-stdin" | "--passphrase-fd"))
}

/// Words behind a pipe that are looked at.
const MOST_ARGUMENTS: usize = 16;

/// The program that a pipe behind the word at `place` leads to.
fn target_of_pipe<'t>(word: impl Fn(usize) -> &'t str, place: usize) -> &'t str {
    let first = word(place.saturating_add(2));
    let program = if first == "sudo" { word(place.saturating_add(3)) } else { first };
    program.rsplit('/').next().unwrap_or_default()
}

/// Shortest user in an address that may be a token.
const LEAST_USER: usize = 16;

/// `https://TOKEN@host`: a token in the place of the user, without a password or with one that says so.
fn users(text: &str, inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    for (scheme, separator) in text.match_indices("://") {
        let start = scheme.saturating_add(separator.len());
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | '?' | '#'));
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let Some((user, host)) = authority.rsplit_once('@') else { continue };
        let user = user.strip_suffix(":x-oauth-basic").or_else(|| user.strip_suffix(':')).unwrap_or(user);
        let is_sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'~');
        // the key of a reporter of errors is meant to be seen
        if user.len() >= LEAST_USER && user.bytes().all(is_sign) && !host.contains("sentry") && !host.is_empty() {
            inner.push((named("token", user), start..start.saturating_add(user.len())));
        }
    }
}

/// `https://host/path?sig=VALUE`: what lets in whoever has the address.
fn queries(text: &str, inner: &mut Vec<(OwnedValue, Range<usize>)>) {
    for span in mask::query_values(text).into_iter().take(MOST_QUERIES) {
        let value = percent::decode_lossy(text.get(span.clone()).unwrap_or_default());
        inner.push((named("token", &value), span));
    }
}

/// Most parameters of addresses in one text that are looked at.
const MOST_QUERIES: usize = 1_000;

/// The words of a command, without the quotes round them.
fn words(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        if words.len() == MOST_WORDS {
            break;
        }
        if byte.is_ascii_whitespace() {
            at = at.saturating_add(1);
            continue;
        }
        let quote = Some(*byte).filter(|b| matches!(b, b'"' | b'\''));
        let start = at.saturating_add(usize::from(quote.is_some()));
        let rest = bytes.get(start..).unwrap_or_default();
        let mut is_escaped = false;
        let is_end = |b: &u8| {
            // `a\ b` is one word
            let ends = quote.map_or_else(|| b.is_ascii_whitespace() && !is_escaped, |quote| *b == quote);
            is_escaped = *b == b'\\' && !is_escaped;
            ends
        };
        let end = start.saturating_add(rest.iter().position(is_end).unwrap_or(rest.len()));
        if start < end {
            words.push(start..end);
        }
        at = end.saturating_add(usize::from(quote.is_some()));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(text: &str, form: Form) -> Vec<(String, &str)> {
        let plain = |value: &OwnedValue| value.with(|bytes| String::from_utf8_lossy(bytes).into_owned());
        texts(text, form).iter().map(|(value, span)| (plain(value), &text[span.clone()])).collect()
    }

    #[test]
    fn what_is_quoted_or_encoded_is_opened_once() {
        let cases = [
            (r#"X={\"k\": \"a\u0041\nb\"}"#, vec![("{\"k\": \"aA\nb\"}", r#"{\"k\": \"a\u0041\nb\"}"#)]),
            ("X=cGFzc3dvcmQ9eHl6IGFiYw==", vec![("password=xyz abc", "cGFzc3dvcmQ9eHl6IGFiYw==")]),
            ("X=AAECAwQFBgcICQoLDA0ODw==", vec![]),
            ("X=plain", vec![]),
            (r"X=\", vec![("", r"\")]),
            (r"X=\u12", vec![("u12", r"\u12")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, &str)> =
                expected.into_iter().map(|(plain, span): (&str, &str)| (plain.to_owned(), span)).collect();
            assert_eq!(inner(text, Form::Setting(2)), expected, "{text}");
        }
    }

    #[test]
    fn the_option_before_an_argument_is_known() {
        let cases = [
            ("run --token=V", Some("--token")),
            ("run --token V", Some("--token")),
            ("run -p 'V'", Some("-p")),
            ("run --url=https://V", None),
            ("run token=V", None),
            ("V", None),
        ];
        for (text, expected) in cases {
            assert_eq!(option_before(text, text.len() - if text.ends_with('\'') { 2 } else { 1 }), expected, "{text}");
        }
    }

    #[test]
    fn arguments_of_options_are_named() {
        let value = ["q7Rt2", "xLm9"].concat();
        let cases = [
            (format!("docker login -u ci -p {value} r.example"), Form::Script, Some("password")),
            (format!("true && /usr/bin/redis-cli -a '{value}' ping"), Form::Script, Some("password")),
            (format!("/app/run -p {value}"), Form::Command, Some("secret")),
            (format!("cp -p {value} /x"), Form::Script, None),
            ("docker run -p 8080:8080 x".to_owned(), Form::Script, None),
            (format!("openssl enc -aes-256-cbc -k {value} -in a"), Form::Script, Some("password")),
            (format!("useradd -m -p {value} app"), Form::Script, Some("password")),
            (format!("npm config set //r.example/:_authToken {value}"), Form::Script, Some("password")),
            (format!("aws configure set aws_secret_access_key '{value}'"), Form::Script, Some("password")),
            (format!("composer config --global github-oauth.github.com {value}"), Form::Script, Some("password")),
            (format!("npm config set prefix {value}"), Form::Script, None),
            (format!("echo {value} > /run/x/db_password"), Form::Script, Some("password")),
            (format!("echo -n '{value}' >/root/.token"), Form::Script, Some("password")),
            (format!("echo \"{value}\" | sudo passwd app"), Form::Script, Some("password")),
            (format!("echo {value} > /etc/hostname"), Form::Script, None),
            (format!("mysqladmin -u root password {value}"), Form::Script, Some("password")),
            (format!("lftp -u bob,{value} h.example"), Form::Script, Some("password")),
            (format!("yes {value} | passwd app"), Form::Script, Some("password")),
            (format!("kinit app <<< {value}"), Form::Script, Some("password")),
            (format!("ssh-keygen -t rsa -N {value} -f /k"), Form::Script, Some("password")),
            (format!("printf %s \"{value}\" | podman login --password-stdin"), Form::Script, Some("password")),
            (format!("app -u bob -p {value}"), Form::Script, Some("secret")),
            ("frob -p kQ7vT2xwZm9Lp3Rt".to_owned(), Form::Script, Some("secret")),
            ("frob -p kq7vt2xwzm9lp3rt".to_owned(), Form::Script, None),
            ("conda create -p kQ7vT2xwZm9Lp3Rt".to_owned(), Form::Script, None),
            ("true && mkdir -p kQ7vT2xwZm9Lp3Rt".to_owned(), Form::Script, None),
            (format!("chpasswd <<< app:{value}"), Form::Script, Some("password")),
            (format!("chpasswd <<EOF\napp:{value}\nEOF"), Form::Script, Some("password")),
            (format!("chpasswd -e <<'EOF'\napp:${value}\nEOF"), Form::Script, None),
            (format!("cat <<EOF\napp:{value}\nEOF"), Form::Script, None),
            (format!("openssl passwd -6 -salt abcdefgh {value}"), Form::Script, Some("password")),
            (format!("useradd -p \"$(openssl passwd -1 {value})\" app"), Form::Script, Some("password")),
            (format!("P=$(mkpasswd -m sha-512 {value})"), Form::Script, Some("password")),
            ("openssl passwd -6 -stdin".to_owned(), Form::Script, None),
            (format!("mkpasswd -s\n{value}"), Form::Script, None),
            (format!("openssl passwd -6 -stdin 2>/tmp/{value}"), Form::Script, None),
            ("openssl passwd -6 $PASSWORD".to_owned(), Form::Script, None),
            (format!("cat <<< {value}"), Form::Script, None),
            ("ssh-keygen -N '' -f /etc/key".to_owned(), Form::Script, None),
            (format!("usermod -u {value} app"), Form::Script, None),
            (format!("echo a.b={value} > /etc/sysctl.d/token.conf"), Form::Script, None),
            (format!("git clone https://{value}{value}@h.example/a"), Form::Script, None),
            ("docker login -p $TOKEN".to_owned(), Form::Script, None),
            ("docker login -p".to_owned(), Form::Script, None),
        ];
        for (text, form, key) in cases {
            let found: Vec<String> = inner(&text, form).into_iter().map(|(plain, _)| plain).collect();
            let value = if text.starts_with("frob") { "kQ7vT2xwZm9Lp3Rt" } else { &value };
            let mut expected: Vec<String> = key.map(|key| format!("{key}=\"{value}\"")).into_iter().collect();
            if text.contains("://") {
                expected.push(format!("token=\"{value}{value}\""));
            }
            assert_eq!(found, expected, "{text}");
        }
    }
}
