//! Laws of the formats over the examples of all rules for files, and tables of each format.
#![expect(clippy::arithmetic_side_effects, reason = "tests count in short texts")]

use super::super::tests::file_examples;
use super::*;

fn scanned(name: &str, bytes: &[u8]) -> Vec<Found> {
    scanned_part(name, bytes, 0, bytes)
}

fn scanned_part(name: &str, part: &[u8], offset: u64, whole: &[u8]) -> Vec<Found> {
    let path: ImagePath = name.into();
    let mut found = engine::scan(part, kind::of(&path)).found;
    found.extend(fields(&path, whole, offset, part.len()).found);
    engine::resolve(found)
}

/// Rule, line and key of each secret, without those of no weight.
fn shown(name: &str, text: &str) -> Vec<String> {
    let key = |found: &Found| {
        let note = found.notes.iter().find_map(|note| note.strip_prefix("key `"));
        note.map(|note| note.trim_end_matches('`').to_owned()).unwrap_or_default()
    };
    let line = |found: &Found| memchr::memchr_iter(b'\n', &text.as_bytes()[..found.span.start]).count() + 1;
    let found = scanned(name, text.as_bytes());
    let rule = |found: &Found| found.rule.id.trim_start_matches("secret/").to_owned();
    found
        .iter()
        .filter(|found| found.severity > Severity::Info)
        .map(|found| format!("{} {} {}", rule(found), line(found), key(found)))
        .collect()
}

#[test]
fn formats_know_their_files_by_names_in_lower_case() {
    for format in FILES {
        assert!(!format.names.is_empty() || !format.holds.is_empty());
        for name in format.names {
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(name.matches('*').count() <= 1 && !name.contains('/'), "{name}");
        }
    }
}

#[test]
fn examples_are_found_once_each_by_their_own_rule() {
    let mut wrong = Vec::new();
    for (id, name, bytes) in file_examples().0 {
        let found = scanned(&name, &bytes);
        let ids: Vec<&str> = found.iter().map(|found| found.rule.id).collect();
        if ids != [id.as_str()] || found.iter().any(|found| found.severity == Severity::Info) {
            wrong.push(format!("{id}: {name}: {found:?} in {}", String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn near_misses_are_not_found() {
    let mut wrong = Vec::new();
    for (id, name, bytes) in file_examples().1 {
        let found = scanned(&name, &bytes);
        if found.iter().any(|found| found.rule.id == id && found.severity > Severity::Info) {
            wrong.push(format!("{id}: {name}: {found:?} in {}", String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_of_a_value_is_shown() {
    for (id, name, bytes) in file_examples().0 {
        for found in scanned(&name, &bytes) {
            let value = String::from_utf8_lossy(&bytes[found.span.clone()]).into_owned();
            let is_hidden = rule::by_id(id.trim_start_matches("secret/")).is_some_and(|rule| rule.is_hidden);
            if value.len() < 8 {
                continue;
            }
            assert!(!found.masked.contains(&value), "{id}");
            if is_hidden && !found.masked.contains("key") {
                assert!(found.masked.starts_with("****"), "{id}: {}", found.masked);
            }
            assert!(found.notes.iter().all(|note| !note.contains(&value)), "{id}: {:?}", found.notes);
        }
    }
}

#[test]
fn no_prefix_and_no_flaw_makes_a_reader_fail() {
    let signs = b"\"'{}[]():=\\\n<>|&!-#$ \0\xff";
    for (_, name, bytes) in file_examples().0 {
        for end in 0..bytes.len() {
            search(&name.as_str().into(), &bytes[..end]);
        }
        for (index, sign) in (0..bytes.len()).zip(signs.iter().cycle()) {
            let mut broken = bytes.clone();
            broken[index] = *sign;
            search(&name.as_str().into(), &broken);
        }
    }
    // each format on the files of all others
    let examples = file_examples().0;
    for format in FILES {
        for (_, name, bytes) in &examples {
            let path: ImagePath = name.as_str().into();
            let mut reader = Reader {
                bytes,
                path: &path,
                name: name.to_ascii_lowercase().into(),
                is_named: true,
                found: Vec::new(),
            };
            (format.read)(&mut reader);
        }
    }
}

#[test]
fn a_file_in_parts_gives_what_the_whole_gives() {
    let value = ["k3J9dk20", "sKw8Zq1L"].concat();
    let text = format!("{}machine a login b password {value}\n", "# nothing here\n".repeat(200));
    let path = "root/a.tar!.netrc";
    let whole = scanned(path, text.as_bytes());
    assert_eq!(whole.len(), 1);
    let cut = 1_000;
    let part = scanned_part(path, &text.as_bytes()[cut..], cut as u64, text.as_bytes());
    assert_eq!(part[0].span.start + cut, whole[0].span.start);
    assert_eq!((part[0].rule.id, &part[0].id), (whole[0].rule.id, &whole[0].id));
    assert_eq!(scanned_part(path, &text.as_bytes()[..cut], 0, text.as_bytes()), []);
}

#[test]
fn hostile_files_end_soon() {
    let names = [
        "a.json",
        ".env",
        "values.yaml",
        "secret.yaml",
        "web.config",
        "settings.php",
        ".netrc",
        ".bash_history",
        "a.tfstate",
        "ks.cfg",
        "hosts",
        ".git/config",
        "a.ovpn",
        "redis.conf",
        "settings.xml",
    ];
    let parts = [
        "{\"auths\":",
        "[",
        "kind: Secret\n data:\n",
        "- - - ",
        "<a b='",
        "ansible_password=",
        "'",
        "\\",
        "://a:b@",
        "a: |\n ",
        "/*",
        "password ",
        "=",
        "(",
        "<a>",
        "a;Password=b;",
        "mysql -p",
    ];
    for part in parts {
        let bytes = part.as_bytes().repeat(300_000 / part.len());
        for name in names {
            let started = std::time::Instant::now();
            search(&name.into(), &bytes);
            assert!(started.elapsed().as_secs() < 20, "{name}: {part}");
        }
    }
}

#[test]
fn every_format_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/secret/file");
    let sources = std::fs::read_dir(folder)
        .expect("is there")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let formats: usize = sources.map(|source| source.matches("pub(super) static ").count()).sum();
    assert_eq!(formats, FILES.len());
}

mod tables;
