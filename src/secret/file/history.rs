//! Histories of shells and of databases' clients, and scripts for both: commands with a password in them.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::cluster::application;
use super::lines::{self, EQUALS};
use super::setting::looks_set;
use super::{FileFormat, Reader, hit};

/// Longest line looked at, in bytes.
const LINE: usize = 4 << 10;

/// Scripts of shells; those without an extension are known by their first line.
pub(super) static SCRIPT: FileFormat =
    FileFormat { names: &["*.sh", "*.bash", "*.zsh", "*.ksh"], holds: &["#!/", "sh\n"], read: read_commands };

/// What shells read when they start (bash(1), "FILES"): `export NAME=value`.
pub(super) static PROFILE: FileFormat = FileFormat {
    names: &[
        ".bash_profile",
        ".bash_login",
        ".bash_aliases",
        ".bashrc",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".kshrc",
        ".envrc",
    ],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| application(setting.key(), setting.value, "environment-file-secret"));
    },
};

/// Histories of shells.
pub(super) static SHELL: FileFormat = FileFormat {
    names: &[
        ".bash_history",
        ".zsh_history",
        ".ash_history",
        ".sh_history",
        ".history",
        ".histfile",
        ".zhistory",
        "*_history",
        "fish_history",
        "consolehost_history.txt",
    ],
    holds: &[],
    read: read_commands,
};

fn read_commands(reader: &mut Reader<'_>) {
    // told by its first line, that has to name a shell
    let first = reader.bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let names_shell = first.starts_with(b"#!") && first.trim_ascii_end().ends_with(b"sh");
    if !reader.is_named && !names_shell {
        return;
    }
    for line in lines::each(reader.bytes) {
        if line.len() <= LINE && !reader.at(&line).starts_with(b"#") {
            command(reader, line);
        }
    }
}

/// Judges the words of one command.
fn command(reader: &mut Reader<'_>, line: Range<usize>) {
    let words = lines::words(reader.bytes, line);
    let mut program: &[u8] = b"";
    let mut before: &[u8] = b"";
    let mut verb: &[u8] = b"";
    for span in words {
        let word = reader.at(&span);
        let from = |skip: usize| span.start.saturating_add(skip)..span.end;
        // `: 1700000000:0;curl` of zsh
        let word_start = memchr::memchr(b';', word).filter(|_| before == b":").map_or(0, |at| at.saturating_add(1));
        let word = word.get(word_start..).unwrap_or_default();
        let from = |skip: usize| from(skip.saturating_add(word_start));
        if matches!(word, b"|" | b"||" | b"&&" | b";" | b"sudo" | b"time" | b"exec" | b"then" | b"do") {
            (program, verb) = (b"", b"");
            before = word;
            continue;
        }
        let name = word.rsplit(|b| *b == b'/').next().unwrap_or_default();
        // `NAME=value` before the program, or behind `export`
        if let Some(sign) = memchr::memchr(b'=', word).filter(|sign| *sign > 0)
            && (program.is_empty()
                || matches!(program, b"export" | b"set" | b"env")
                || matches!(before, b"-e" | b"--env" | b"--build-arg" | b"--set"))
        {
            let key = word.get(..sign).unwrap_or_default();
            let start = sign.saturating_add(1);
            let value = word.get(start..).unwrap_or_default();
            let quoted = usize::from(matches!(value.first(), Some(b'"' | b'\'')));
            let bare = value.get(quoted..value.len().saturating_sub(quoted)).unwrap_or_default();
            let span = from(start.saturating_add(quoted));
            let span = span.start..span.start.saturating_add(bare.len());
            if key.eq_ignore_ascii_case(b"PGPASSWORD") || key.eq_ignore_ascii_case(b"MYSQL_PWD") {
                note(reader, &[key], span);
            } else if let Some(hit) = application(key, bare, rule_of(reader)) {
                reader.add(&[key], span, hit);
            }
            before = word;
            continue;
        }
        if program.is_empty() && !name.is_empty() && before != b":" || word_start > 0 {
            program = name;
        } else if verb.is_empty() && !word.starts_with(b"-") {
            verb = word;
        }
        let is_mysql = matches!(program, b"mysql" | b"mysqldump" | b"mysqladmin" | b"mariadb" | b"mysqlimport");
        let takes = |options: &[&[u8]]| options.contains(&before);
        if is_mysql && word.len() > 2 && word.starts_with(b"-p") && !word.starts_with(b"-protocol") {
            let quoted = usize::from(matches!(word.get(2), Some(b'"' | b'\'')));
            let span = from(2_usize.saturating_add(quoted));
            note(reader, &[program, b"-p"], span.start..span.end.saturating_sub(quoted));
        } else if let Some(skip) = long_option(word) {
            let quoted = usize::from(matches!(word.get(skip), Some(b'"' | b'\'')));
            let span = from(skip.saturating_add(quoted));
            let span = span.start..span.end.saturating_sub(quoted).max(span.start);
            note(reader, &[program, b"--password"], span);
        } else if program == b"curl" && word.starts_with(b"-u") && word.len() > 2 {
            if let Some(colon) = memchr::memchr(b':', word) {
                reader.add(&[program, b"-u"], from(colon.saturating_add(1)), hit("curl-user"));
            }
        } else if takes(&[b"--password", b"--passwd", b"--passphrase"]) && !word.starts_with(b"-") {
            note(reader, &[program, b"--password"], from(0));
        } else if takes(&[b"-u", b"--user", b"--proxy-user"]) && matches!(program, b"curl" | b"http" | b"https") {
            if let Some(colon) = memchr::memchr(b':', word) {
                reader.add(&[program, before], from(colon.saturating_add(1)), hit("curl-user"));
            }
        } else if takes(&[b"-p"])
            && (matches!(
                program,
                b"docker" | b"podman" | b"nerdctl" | b"buildah" | b"skopeo" | b"helm" | b"oc" | b"az" | b"crane"
            ) && memchr::memmem::find(verb, b"login").is_some()
                || matches!(program, b"az" | b"sshpass" | b"mongo" | b"mongosh" | b"mongodump" | b"mongorestore"))
        {
            note(reader, &[program, b"-p"], from(0));
        } else if program == b"sshpass" && word.starts_with(b"-p") && word.len() > 2 {
            note(reader, &[program, b"-p"], from(2));
        } else if takes(&[b"-a", b"--pass"]) && program == b"redis-cli"
            || takes(&[b"-w"]) && matches!(program, b"ldapsearch" | b"ldapmodify" | b"ldapadd" | b"ldapwhoami")
            || takes(&[b"-P"])
                && matches!(program, b"sqlcmd" | b"bcp" | b"unzip" | b"zip" | b"mosquitto_pub" | b"mosquitto_sub")
        {
            note(reader, &[program, before], from(0));
        }
        before = word;
    }
}

/// The rule of the file: what stands in a script may be a manual's example, so that it has to look like a password.
fn rule_of(reader: &Reader<'_>) -> &'static str {
    if is_script(reader) { "shell-script-password" } else { "shell-history-password" }
}

fn is_script(reader: &Reader<'_>) -> bool {
    reader.bytes.starts_with(b"#!") || reader.name.ends_with(b"sh")
}

fn note(reader: &mut Reader<'_>, key: &[&[u8]], span: Range<usize>) {
    if !is_script(reader) || looks_set(reader.at(&span), true) {
        reader.add(key, span, hit(rule_of(reader)));
    }
}

/// Length of `--password=`, where the word begins so.
fn long_option(word: &[u8]) -> Option<usize> {
    let options: [&[u8]; 6] =
        [b"--password=", b"--passwd=", b"--http-password=", b"--pass=", b"--passphrase=", b"--ftp-password="];
    options.iter().find(|option| word.starts_with(option)).map(|option| option.len())
}

/// Histories of databases' clients: `IDENTIFIED BY 'x'`, `PASSWORD 'x'`.
pub(super) static DATABASE: FileFormat = FileFormat {
    names: &[
        ".mysql_history",
        ".psql_history",
        ".mariadb_history",
        ".rediscli_history",
        ".dbshell",
        "mongo*_history",
        "*.sql",
    ],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        // what stands in a script may be a manual's example
        let is_script = reader.name.ends_with(b".sql");
        let rule = if is_script { "sql-user-password" } else { "database-history-password" };
        for line in lines::each(bytes).filter(|line| line.len() <= LINE) {
            let text = reader.at(&line);
            // libedit writes blanks as `\040`
            let plain: Vec<u8> = text.to_ascii_lowercase();
            for (start, is_command) in
                [(&b"identified by"[..], false), (b"password", false), (b"auth ", true), (b"requirepass ", true)]
            {
                let Some(found) = memchr::memmem::find(&plain, start) else { continue };
                let mut at = line.start.saturating_add(found).saturating_add(start.len());
                while let Some(rest) = bytes.get(at..line.end) {
                    let skip = if rest.starts_with(b"\\040") {
                        4
                    } else if matches!(rest.first(), Some(b' ' | b'=' | b'(' | b':')) {
                        1
                    } else {
                        break;
                    };
                    at = at.saturating_add(skip);
                }
                let rest = bytes.get(at..line.end).unwrap_or_default();
                match rest.first() {
                    Some(quote @ (b'\'' | b'"')) => {
                        let Some(length) = lines::closing(rest.get(1..).unwrap_or_default(), *quote) else { continue };
                        let from = at.saturating_add(1);
                        let span = from..from.saturating_add(length);
                        if is_script && !looks_set(reader.at(&span), true) {
                            continue;
                        }
                        reader.add(&[start.trim_ascii()], span, hit(rule));
                    }
                    Some(_) if is_command && found == 0 && !is_script => {
                        let last = lines::words(bytes, at..line.end).pop();
                        reader.add(&[start.trim_ascii()], last.unwrap_or(at..at), hit(rule));
                    }
                    _ => {}
                }
            }
        }
    },
};
