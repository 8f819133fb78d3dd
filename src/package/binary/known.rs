//! Programs that are installed without any package manager, told by version strings: a table of names and texts.
//!
//! A file is searched only if its name is that of such a program, for one text that its sources put in front of or
//! behind the version.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use memchr::{memchr_iter, memmem};

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select, View};
use crate::format::program::Program;
use crate::inventory::{Ecosystem, Inventory, Proof};
use crate::package::{ecosystem::GOLANG, ecosystem::OTP, purl};
use crate::rule::Confidence;

/// Finds well-known programs by the names that lead to them, be they links, and reads their versions.
pub(in crate::package) struct KnownPrograms;

/// Software without a package manager.
pub(in crate::package) static GENERIC: Ecosystem = Ecosystem { id: "generic", purl_type: "generic", is_system: false };

/// Longest version, in bytes.
const VERSION: usize = 40;

/// Places looked at in one file for one text.
const PLACES: usize = 10_000;

/// Texts of a file kept that are a version and nothing else; servers have below 10.
const VERSIONS: usize = 10_000;

/// A program, the names its file has, and where its version stands.
struct Known {
    program: &'static str,
    /// File names; with `*` at the end, how they begin.
    names: &'static [&'static str],
    /// Tried in this order.
    find: &'static [Find],
}

/// Where a version stands.
enum Find {
    /// Behind the first text, with so many numbers at least; the second text follows.
    After(&'static str, usize, &'static str),
    /// The same, with a date behind the version, whose day comes first.
    Dated(&'static str),
    /// Between the text and `)`, however it looks.
    InParentheses(&'static str),
    /// In front of the text.
    Before(&'static str),
    /// A text of its own that begins with the two numbers that end the file's name.
    OfName,
    /// At the end of the file's name.
    InName,
    /// In front of a build's host and time, without any mark between (`7.2.4builder-17048128410000000000`), and alone.
    Build,
    /// Behind the text, with at least three numbers and whatever packagers add, up to `, released `.
    Released(&'static str),
    /// The only text of its own that is a version of three numbers, with or without a `v`: Go's linker writes what it
    /// is told so (`-X`), and Go's other texts have no end of their own.
    Alone,
    /// A text of its own with three numbers, the one nearest to this one, with so many bytes between at most. Compilers
    /// put the texts of a source file next to each other.
    Beside(&'static str, usize),
}

use Find::{After, Alone, Before, Beside, Build, Dated, InName, InParentheses, OfName, Released};

/// Sorted by program. Programs written in Go tell their modules by themselves; the version of their own was often told to
/// the linker alone, which leaves it as a text.
static KNOWN: &[Known] = &[
    Known { program: "bash", names: &["bash", "bash-static"], find: &[After("@(#)Bash version ", 2, "")] },
    Known { program: "busybox", names: &["busybox*"], find: &[After("BusyBox v", 2, "")] },
    Known {
        program: "consul",
        names: &["consul"],
        find: &[After("CONSUL_VERSION: ", 3, ""), After("GitDescribe=", 3, ""), Alone],
    },
    Known { program: "curl", names: &["curl"], find: &[After("curl ", 2, " (")] },
    Known { program: "curl", names: &["libcurl.so*", "libcurl-*"], find: &[After("libcurl/", 2, "")] },
    Known { program: "erts", names: &["beam.smp", "beam"], find: &[After("(BEAM) emulator version ", 2, "")] },
    Known { program: "haproxy", names: &["haproxy"], find: &[Released(" version ")] },
    Known { program: "httpd", names: &["httpd", "apache2"], find: &[After("Apache/", 3, "")] },
    Known {
        program: "julia",
        names: &["libjulia-internal.so.*", "libjulia.so.*"],
        find: &[InName, Beside("julia version %s\n", 64)],
    },
    Known { program: "lighttpd", names: &["lighttpd"], find: &[After("lighttpd/", 3, "")] },
    Known {
        program: "lua",
        names: &["lua", "lua5*", "luac*", "liblua*"],
        find: &[After("Lua ", 2, "  Copyright"), After("$Lua: Lua ", 2, "")],
    },
    Known { program: "mariadb", names: &["mariadbd", "mariadb", "mysqld", "mysql"], find: &[Before("-MariaDB")] },
    Known { program: "memcached", names: &["memcached"], find: &[After("memcached ", 2, "")] },
    // the keys of what it tells of its build
    Known {
        program: "mongodb",
        names: &["mongod", "mongos"],
        find: &[Beside("distmod", 512), Beside("distarch", 512)],
    },
    // what it writes into its log of changes; or a folder of its sources
    Known {
        program: "mysql",
        names: &["mysqld", "mysql"],
        find: &[After("\0MySQL ", 3, "\0"), After("mysql-", 3, "")],
    },
    Known {
        program: "nginx",
        names: &["nginx", "openresty", "angie"],
        find: &[
            After("nginx version: nginx/", 3, ""),
            After("nginx version: openresty/", 3, ""),
            After("nginx version: angie/", 3, ""),
        ],
    },
    Known { program: "node", names: &["node", "nodejs", "libnode.so*"], find: &[After("node.js/v", 3, "")] },
    Known { program: "openjdk", names: &["libjvm.so", "jvm.dll"], find: &[InParentheses(" JRE (")] },
    Known {
        program: "openssl",
        names: &["openssl", "libcrypto.so*", "libssl.so*", "libcrypto-*", "libssl-*"],
        find: &[Dated("OpenSSL ")],
    },
    Known {
        program: "perl",
        names: &["perl", "perl5*", "libperl.so*"],
        find: &[After("/perl5/", 3, ""), After("/perl/", 3, "")],
    },
    Known { program: "php", names: &["php*", "libphp*"], find: &[After("X-Powered-By: PHP/", 3, "")] },
    Known { program: "postgresql", names: &["postgres", "psql"], find: &[After("(PostgreSQL) ", 2, "")] },
    Known { program: "python", names: &["python*", "libpython*"], find: &[OfName] },
    Known { program: "redis", names: &["redis-*"], find: &[Build] },
    Known { program: "ruby", names: &["ruby*", "libruby*"], find: &[After("ruby ", 3, " (")] },
    Known { program: "rust", names: &["rustc", "librustc_driver-*"], find: &[After("rustc version ", 3, "")] },
    Known { program: "traefik", names: &["traefik"], find: &[Alone] },
    Known { program: "valkey", names: &["valkey-*"], find: &[Build] },
    // since 1.13 it is a text of a file that was compiled in, which Go's linker puts behind others as long
    Known { program: "vault", names: &["vault"], find: &[Alone, After("revoke", 3, "")] },
];

static ABOUT: About = About {
    title: "Well-known programs",
    ecosystems: &[&GENERIC, &GOLANG, &OTP],
    reads: "Where no package owns the file, the version strings of well-known programs and libraries, such as Node.js, \
                    nginx, PostgreSQL and OpenSSL. Only programs are searched, for one text each; links may have the name.",
    not_seen: &[
        "programs under names of their own, to which no link of a known name leads",
        "versions that a program has in no text of a known form",
    ],
    references: &[],
};

/// The names of all known programs.
static SELECT: LazyLock<Vec<Select>> = LazyLock::new(|| {
    let names: BTreeSet<&'static str> = KNOWN.iter().flat_map(|known| known.names.iter().copied()).collect();
    let select = |name: &'static str| name.strip_suffix('*').map_or(Select::Name(name), Select::Prefix);
    names.into_iter().map(select).collect()
});

impl Collector for KnownPrograms {
    fn id(&self) -> &'static str {
        "known-program"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &SELECT
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(super::WHOLE)
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // of what comes behind the beginning it can only be told that it is no text, such as a large log
        let is_program =
            if file.offset == 0 { Program::has_magic(file.bytes) } else { memchr::memchr(0, file.bytes).is_some() };
        if is_program {
            push(file.path.file_name(), file.bytes, facts);
        }
    }

    /// A link only tells what a program is: who owns it is known of the file.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        super::take_by_node(self, view, inventory);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Adds the program that the file of this name is, if it is a known one and says its version.
fn push(name: &[u8], bytes: &[u8], facts: &mut Facts) {
    for known in KNOWN.iter().filter(|known| known.names.iter().any(|pattern| fits(name, pattern))) {
        let Some((version, text)) = known.find.iter().find_map(|find| find.in_file(name, bytes)) else { continue };
        let fact = match known.program {
            // the runtime is an application of its own, whose resource file may stand elsewhere
            "erts" => purl::fact(&OTP, known.program, &version),
            "consul" | "traefik" | "vault" => {
                purl::fact(&GOLANG, &module_path(known.program, &version), &format!("v{version}"))
            }
            _ => purl::fact(&GENERIC, known.program, &version),
        };
        if let Some(fact) = fact {
            let proof = Proof::VersionString(text.into());
            facts.package(PackageFact { confidence: Some(Confidence::Medium), proof, ..fact });
        }
        // MariaDB's programs have MySQL's names
        return;
    }
}

/// The main module of a program in Go, by which its build information and its advisories call it.
fn module_path(program: &str, version: &str) -> String {
    let major = version.split('.').next().unwrap_or_default();
    match (program, major) {
        ("traefik", "0" | "1") => "github.com/traefik/traefik".to_owned(),
        ("traefik", _) => format!("github.com/traefik/traefik/v{major}"),
        _ => format!("github.com/hashicorp/{program}"),
    }
}

fn fits(name: &[u8], pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => name == pattern.as_bytes(),
    }
}

impl Find {
    /// The version and the text that says it.
    fn in_file(&self, name: &[u8], bytes: &[u8]) -> Option<(String, String)> {
        match *self {
            After(anchor, parts, then) => behind(bytes, anchor).find_map(|rest| {
                let version = version_at(rest, parts)?;
                let tail = rest.get(version.len()..)?;
                // Ruby's patch level
                let end = tail.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(tail.len());
                let follows = then.is_empty() || tail.get(end..)?.starts_with(then.as_bytes());
                follows.then(|| (version.to_owned(), format!("{}{version}", anchor.trim_start_matches('\0'))))
            }),
            Dated(anchor) => behind(bytes, anchor).find_map(|rest| {
                let version = version_at(rest, 2)?;
                let tail = rest.get(version.len()..)?.strip_prefix(b" ")?.trim_ascii_start();
                let is_dated = tail.first()?.is_ascii_digit();
                is_dated.then(|| (version.to_owned(), format!("{anchor}{version}")))
            }),
            InParentheses(anchor) => behind(bytes, anchor).find_map(|rest| {
                let end = rest.iter().take(VERSION).position(|byte| *byte == b')')?;
                let version = std::str::from_utf8(rest.get(..end)?).ok()?;
                let is_plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_~".contains(&b));
                (is_plain && version.starts_with(|first: char| first.is_ascii_digit()))
                    .then(|| (version.to_owned(), format!("{}{version})", anchor.trim_start())))
            }),
            Before(anchor) => memmem::find_iter(bytes, anchor).take(PLACES).find_map(|at| {
                let version = version_before(bytes.get(..at)?)?;
                Some((version.to_owned(), format!("{version}{anchor}")))
            }),
            OfName => {
                let numbers = name.iter().position(u8::is_ascii_digit).and_then(|at| name.get(at..))?;
                let numbers = std::str::from_utf8(numbers).ok()?;
                let mut parts = numbers.split(|c: char| !c.is_ascii_digit());
                let anchor = format!("{}.{}.", parts.next()?, parts.next().filter(|minor| !minor.is_empty())?);
                memmem::find_iter(bytes, anchor.as_bytes()).take(PLACES).find_map(|at| {
                    // linkers let a text begin within a longer one that ends alike, such as a folder's name
                    let before = bytes.get(at.checked_sub(1)?)?;
                    let rest = bytes.get(at..)?;
                    let version = version_at(rest, 3)?;
                    let is_all =
                        !before.is_ascii_alphanumeric() && *before != b'.' && rest.get(version.len()) == Some(&0);
                    is_all.then(|| (version.to_owned(), version.to_owned()))
                })
            }
            InName => {
                let start = memmem::find(name, b".so.")?.checked_add(4)?;
                let version = version_at(name.get(start..)?, 3)?;
                Some((version.to_owned(), String::from_utf8_lossy(name).into_owned()))
            }
            // the end of the time, a flag, and a revision that releases do not have
            Build => {
                let alone = LazyCell::new(|| versions_alone(bytes));
                memmem::find_iter(bytes, b"000000000\0").take(PLACES).find_map(|at| {
                    // what stands before it need not end in a zero
                    let text = text_before(bytes.get(..at)?)?.trim_start_matches(|first: char| !first.is_ascii_digit());
                    let version = longest_of(text, &alone)?;
                    Some((version.to_owned(), text.to_owned()))
                })
            }
            Released(anchor) => behind(bytes, anchor).find_map(|rest| {
                let version = version_at(rest, 3)?;
                let tail = rest.get(version.len()..)?;
                let tail = tail.get(..VERSION).unwrap_or(tail);
                let end = tail.iter().position(|byte| b", \0".contains(byte))?;
                let is_released = tail.get(end..)?.starts_with(b", released ");
                is_released.then(|| (version.to_owned(), format!("{}{version}", anchor.trim_start())))
            }),
            Alone => {
                // what stands before the first zero may be the end of something
                let mut start = None;
                let mut versions = memchr_iter(0, bytes).filter_map(|end| {
                    let text = bytes.get(start.replace(end.saturating_add(1))?..end)?;
                    let number = text.strip_prefix(b"v").unwrap_or(text);
                    let version = version_at(number, 3).filter(|version| version.len() == number.len())?;
                    (version.split('.').count() == 3).then_some(version)
                });
                let first = versions.next()?;
                versions.all(|other| other == first).then(|| (first.to_owned(), first.to_owned()))
            }
            Beside(anchor, distance) => memmem::find_iter(bytes, anchor).take(PLACES).find_map(|at| {
                let start = at.saturating_sub(distance);
                let end = at.saturating_add(anchor.len()).saturating_add(distance);
                let near = bytes.get(start..end).or_else(|| bytes.get(start..))?;
                let zeros: Vec<usize> = memchr_iter(0, near).collect();
                let texts = zeros.iter().zip(zeros.iter().skip(1)).filter_map(|(before, after)| {
                    let text = near.get(before.checked_add(1)?..*after)?;
                    let version = version_at(text, 3).filter(|version| version.len() == text.len())?;
                    Some((start.saturating_add(*before).abs_diff(at), version))
                });
                let (_, version) = texts.min_by_key(|(distance, _)| *distance)?;
                Some((version.to_owned(), version.to_owned()))
            }),
        }
    }
}

/// What follows each place of `anchor`.
fn behind<'a>(bytes: &'a [u8], anchor: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let places = memmem::find_iter(bytes, anchor).take(PLACES);
    places.filter_map(move |at| bytes.get(at.checked_add(anchor.len())?..))
}

/// The version that `bytes` begin with: at least so many numbers with points between, and what marks a release before
/// the release, or one letter as OpenSSL's fixes have.
fn version_at(bytes: &[u8], parts: usize) -> Option<&str> {
    let bytes = bytes.get(..VERSION).unwrap_or(bytes);
    let length = |range: &[u8], fits: fn(&u8) -> bool| range.iter().position(|byte| !fits(byte)).unwrap_or(range.len());
    let mut end = length(bytes, |byte| byte.is_ascii_digit() || *byte == b'.');
    while end > 0 && bytes.get(end.saturating_sub(1)) == Some(&b'.') {
        end = end.saturating_sub(1);
    }
    let numbers = bytes.get(..end)?;
    let count = numbers.split(|byte| *byte == b'.').count();
    if count < parts || count > 4 || numbers.split(|byte| *byte == b'.').any(|part| part.is_empty() || part.len() > 9) {
        return None;
    }
    let suffix = bytes.get(end..)?;
    let word = suffix.strip_prefix(b"-").or_else(|| suffix.strip_prefix(b"~")).unwrap_or(suffix);
    let letters = length(word, u8::is_ascii_alphabetic);
    let rest = word.get(letters..)?;
    let number = length(rest, |byte| byte.is_ascii_digit() || *byte == b'.');
    let is_release = match word.get(..letters)? {
        b"alpha" | b"beta" | b"rc" | b"RC" | b"dev" | b"pre" => true,
        b"a" | b"b" if number > 0 => word.len() == suffix.len(),
        // 1.1.1w, but not 2.7.8p225
        [_] => word.len() == suffix.len() && number == 0,
        _ => false,
    };
    if is_release {
        let mark = suffix.len().saturating_sub(word.len());
        end = end.saturating_add(mark).saturating_add(letters).saturating_add(number);
    }
    let version = std::str::from_utf8(bytes.get(..end)?).ok()?;
    Some(version.trim_end_matches('.'))
}

/// The version that `bytes` end with.
fn version_before(bytes: &[u8]) -> Option<&str> {
    let tail = bytes.get(bytes.len().saturating_sub(VERSION)..)?;
    let start =
        tail.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'.').map_or(0, |at| at.saturating_add(1));
    let version = version_at(tail.get(start..)?, 3)?;
    (version.len() == tail.len().saturating_sub(start)).then_some(version)
}

/// The longest of these versions that `text` begins with: the name of a host behind it may begin with digits.
fn longest_of<'a>(text: &'a str, versions: &HashSet<&[u8]>) -> Option<&'a str> {
    let last = text.match_indices('.').nth(1)?.0;
    let mut longest_first = (2..=4).rev().filter_map(|digits| text.get(..last.checked_add(digits)?));
    longest_first.find(|version| versions.contains(version.as_bytes()))
}

/// The texts that are three numbers and nothing else, found in one go: places that ask for them may be many.
fn versions_alone(bytes: &[u8]) -> HashSet<&[u8]> {
    let mut start = 0_usize;
    let texts = memchr_iter(0, bytes).filter_map(|end| {
        let text = bytes.get(start..end);
        start = end.saturating_add(1);
        text
    });
    let is_version = |text: &&[u8]| {
        text.len() <= VERSION
            && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
            && text.split(|byte| *byte == b'.').all(|part| !part.is_empty())
            && text.split(|byte| *byte == b'.').count() == 3
    };
    texts.filter(is_version).take(VERSIONS).collect()
}

/// The text that `bytes` end with, back to the zero before it.
fn text_before(bytes: &[u8]) -> Option<&str> {
    let tail = bytes.get(bytes.len().saturating_sub(128)..)?;
    let start = tail.iter().rposition(|byte| *byte == 0)?.checked_add(1)?;
    std::str::from_utf8(tail.get(start..)?).ok().filter(|text| text.is_ascii())
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Option<(&'static str, String)> {
        let bytes = format!("\0usage: %s\0{text}\0more\0");
        let mut known = KNOWN.iter().filter(|known| known.names.iter().any(|pattern| fits(name.as_bytes(), pattern)));
        known.find_map(|known| {
            let version = known.find.iter().find_map(|find| find.in_file(name.as_bytes(), bytes.as_bytes()));
            version.map(|(version, _)| (known.program, version))
        })
    }

    #[test]
    fn each_program_is_known_by_what_its_sources_put_together() {
        let cases = [
            ("bash", "@(#)Bash version 5.2.15(1) release GNU", "bash 5.2.15"),
            ("busybox", "BusyBox v1.36.1 (2023-11-07 18:53:09 UTC)", "busybox 1.36.1"),
            ("curl", "curl 8.4.0 (x86_64-pc-linux-gnu) %s", "curl 8.4.0"),
            ("libcurl.so.4.8.0", "libcurl/8.4.0-DEV", "curl 8.4.0"),
            ("beam.smp", "(BEAM) emulator version 14.0.2", "erts 14.0.2"),
            ("bash-static", "@(#)Bash version 5.2.15(1) release GNU", "bash 5.2.15"),
            ("consul", "<!-- CONSUL_VERSION: 1.15.2 -->", "consul 1.15.2"),
            ("consul", "GitDescribe=1.12.9\"", "consul 1.12.9"),
            ("consul", "v1.7.14\0\0", "consul 1.7.14"),
            ("traefik", "2.9.6", "traefik 2.9.6"),
            ("traefik", "v1.7.34\x001.7.34", "traefik 1.7.34"),
            ("traefik", "v3.0.0-rc1", "traefik 3.0.0-rc1"),
            ("vault", "1.11.6", "vault 1.11.6"),
            ("vault", "selectrevoke1.18.0active", "vault 1.18.0"),
            ("haproxy", "2.8.3-86e043a\0 version 2.8.3-86e043a, released 2023/09/07", "haproxy 2.8.3"),
            ("haproxy", " version 2.6.12-1+deb12u4, released 2026/10/17", "haproxy 2.6.12"),
            ("httpd", "Apache/2.4.57 (Unix)", "httpd 2.4.57"),
            ("libjulia-internal.so.1.9.3", "", "julia 1.9.3"),
            ("libjulia.so.1.4", "1.4.1\0julia version %s\n\0(julia) malloc", "julia 1.4.1"),
            ("lighttpd", "lighttpd/1.4.69 (ssl) - a light and fast webserver", "lighttpd 1.4.69"),
            ("lua5.4", "Lua 5.4.6  Copyright (C) 1994-2023 Lua.org, PUC-Rio", "lua 5.4.6"),
            ("mariadbd", "10.11.5-MariaDB-1:10.11.5+maria~ubu2204", "mariadb 10.11.5"),
            ("mysqld", "10.5.8-MariaDB", "mariadb 10.5.8"),
            (
                "mongod",
                "1.2.11\0zlib 1.2.11\0EndStartupOptionParsing\x003.6.8\0mozjs\0distmod\0distarch",
                "mongodb 3.6.8",
            ),
            ("mysqld", "As of MySQL 8.0.27, no longer\0MySQL 8.0.28\0./storage/", "mysql 8.0.28"),
            ("mysqld", "/build/mysql-8.0.35/sql", "mysql 8.0.35"),
            ("memcached", "memcached 1.6.22\n", "memcached 1.6.22"),
            ("nginx", "nginx version: nginx/1.25.3", "nginx 1.25.3"),
            ("openresty", "nginx version: openresty/1.21.4.2", "nginx 1.21.4.2"),
            ("node", "node.js/v20.9.0", "node 20.9.0"),
            (
                "libjvm.so",
                "OpenJDK 64-Bit Server VM (17.0.9+9) for linux-amd64 JRE (17.0.9+9), built on",
                "openjdk 17.0.9+9",
            ),
            ("libjvm.so", "VM (25.392-b08) for linux-amd64 JRE (1.8.0_392-b08), built", "openjdk 1.8.0_392-b08"),
            ("openssl", "OpenSSL 1.1.1w  11 Sep 2023", "openssl 1.1.1w"),
            ("libcrypto.so.3", "OpenSSL 1.1.0 or later\0OpenSSL 3.2.0-beta1 26 Oct 2023", "openssl 3.2.0-beta1"),
            ("perl", "/usr/local/lib/perl5/5.38.0/x86_64-linux-gnu", "perl 5.38.0"),
            ("php-fpm", "X-Powered-By: PHP/8.3.0RC4", "php 8.3.0RC4"),
            ("postgres", "postgres (PostgreSQL) 16.1\n", "postgresql 16.1"),
            ("python3.12", "3.1\x003.12.0\x003.12.1rc1", "python 3.12.0"),
            ("python3.12", "1.3.12.1\0/opt/3.12.0rc1", "python 3.12.0rc1"),
            ("libpython3.11.so.1.0", "3.11.6", "python 3.11.6"),
            ("redis-server", "7.2.4\x007.2.4buildkitsandbox-1704812841000000000", "redis 7.2.4"),
            ("redis-check-rdb", "7.0.15\0A7.0.151790282056000000000", "redis 7.0.15"),
            ("redis-server", "6.2.14\x006.2.149a1b2c3d4e5-1704812841000000000", "redis 6.2.14"),
            ("libruby.so.3.2.2", "ruby 3.2.2 (2023-03-30 revision e51014f9c0) [x86_64-linux]", "ruby 3.2.2"),
            ("ruby2.7", "ruby 2.7.8p225 (2023-03-30 revision 1f4d455848)", "ruby 2.7.8"),
            ("rustc", "rustc version 1.73.0 (cc66ad468 2023-10-03)", "rust 1.73.0"),
        ];
        for (name, text, expected) in cases {
            let found = found(name, text).map(|(program, version)| format!("{program} {version}"));
            assert_eq!(found.as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn programs_in_go_are_their_main_modules() {
        let cases = [
            ("consul", "1.15.2", "github.com/hashicorp/consul"),
            ("vault", "1.18.0", "github.com/hashicorp/vault"),
            ("traefik", "1.7.34", "github.com/traefik/traefik"),
            ("traefik", "3.0.4", "github.com/traefik/traefik/v3"),
        ];
        for (program, version, expected) in cases {
            assert_eq!(module_path(program, version), expected);
        }
    }

    #[test]
    fn texts_that_only_look_like_it_are_passed_over() {
        let cases = [
            ("bash-completion", "@(#)Bash version 5.2.15(1)"),
            ("openssl", "OpenSSL 1.1.0 or later"),
            ("openssl", "OpenSSL %s"),
            ("node", "node.js/v20"),
            ("node", "node.js/v1234567890.1.1"),
            ("curl", "curl 8.4.0"),
            ("python3.12", "3.12."),
            ("python3", "3.12.1"),
            ("python", "3.12.1"),
            ("libjvm.so", "JRE (%s)"),
            ("redis-cli", "7.2.4"),
            ("redis-cli", "7.2.4builder-1704812841000000000"),
            ("haproxy", "not supported any more since HAProxy version 2.5.\x001.2.3-abc"),
            ("traefik", "2.9.6\x001.2.3"),
            ("traefik", "go1.22.1 and 2.9.6, text"),
            ("vault", "127.0.0.1"),
            ("", "nginx version: nginx/1.25.3"),
        ];
        for (name, text) in cases {
            assert_eq!(found(name, text), None, "{name} {text}");
        }
    }

    #[test]
    fn a_file_full_of_beginnings_costs_little_and_nothing_panics() {
        for known in KNOWN {
            let name = known.names[0].replace('*', "3.1");
            for text in ["OpenSSL 1.", "-", "0000000000\0", "\x003.1.", "1.1.1-MariaDB", " JRE (", "node.js/v1.1.", "a"]
            {
                let bytes = text.repeat(20_000);
                for find in known.find {
                    find.in_file(name.as_bytes(), bytes.as_bytes());
                    find.in_file(text.as_bytes(), bytes.as_bytes());
                }
            }
        }
    }
    #[test]
    fn a_file_full_of_builds_is_searched_once() {
        // ten thousand searches of this file would take minutes
        let bytes = format!("{}{}", "7.2.4builder-17048128410000000000\0".repeat(10_000), "-".repeat(8 << 20));
        let started = std::time::Instant::now();
        assert_eq!(Build.in_file(b"redis-server", bytes.as_bytes()), None);
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
        let with_version = format!("{bytes}\x007.2.4\0");
        let found = Build.in_file(b"redis-server", with_version.as_bytes());
        assert_eq!(found.map(|(version, _)| version).as_deref(), Some("7.2.4"));
    }
}
