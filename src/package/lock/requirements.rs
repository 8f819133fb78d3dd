//! `requirements.txt`, as far as it pins versions (pip "Requirements File Format", `PyPA` "Dependency specifiers").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use crate::collect::{About, Select};
use crate::package::python::PYPI;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::{FOREIGN_UNSEEN, LockFile};

/// What a file of requirements pins.
pub(in crate::package) static REQUIREMENTS: LockFile = LockFile {
    id: "requirements",
    ecosystem: &PYPI,
    select: &[
        // dev-requirements.txt, test_requirements.txt
        Select::Suffix("requirements.txt"),
        // requirements/base.txt
        Select::In("requirements", ".txt"),
        Select::Name("requirements-dev.txt"),
        Select::Name("requirements_dev.txt"),
        Select::Name("requirements-test.txt"),
        Select::Name("requirements-prod.txt"),
        Select::Name("requirements-lock.txt"),
        Select::Name("requirements.lock"),
        Select::Name("requirements-dev.lock"),
    ],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Python requirements",
        ecosystems: &[&PYPI],
        reads: "Names and versions of requirements that are pinned with `==` or `===`.",
        not_seen: &[
            "requirements that name no exact version, as a range or `==1.*`",
            "archives, folders and repositories, and files of other names that `-r` names",
            FOREIGN_UNSEEN,
        ],
        references: &["https://pip.pypa.io/en/stable/reference/requirements-file-format/"],
    },
};

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let text = decoded(bytes);
    if text.contains('\0') {
        return Err("it is no text".to_owned());
    }
    let mut continues = false;
    for line in text.lines() {
        let is_continued = std::mem::replace(&mut continues, line.trim_end().ends_with('\\'));
        // what goes on are hashes
        if !is_continued && let Some((name, version)) = pin(line) {
            declared.add(Entry::new(name, version));
        }
    }
    Ok(())
}

/// Windows' tools write UTF-16, which pip reads by its byte order mark.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).map(order).skip(1);
        char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    }
}

/// The name that a requirement begins with.
pub(super) fn name_of(requirement: &str) -> Option<&str> {
    let requirement = requirement.trim_start();
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let end = requirement.find(|sign| !is_part(sign)).unwrap_or(requirement.len());
    let name = requirement.get(..end)?;
    let is_edge = |sign: Option<char>| sign.is_some_and(|sign| sign.is_ascii_alphanumeric());
    (is_edge(name.chars().next()) && is_edge(name.chars().next_back())).then_some(name)
}

/// Name and version of `name[extra] == 1.0 ; marker --hash=… # comment`.
pub(super) fn pin(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let name = name_of(line)?;
    let mut rest = line.get(name.len()..)?.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']')?.1.trim_start();
    }
    // older tools put it in parentheses
    let rest = rest.strip_prefix('(').unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix("==")?;
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_' | '+' | '!');
    let end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
    let (version, after) = rest.split_at_checked(end)?;
    let is_whole = after.is_empty() || after.starts_with([' ', '\t', ';', '#', '\\', ',', ')']);
    let is_version = version.trim_start_matches(['v', 'V']).starts_with(|sign: char| sign.is_ascii_digit());
    (is_whole && is_version).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    #[test]
    fn pinned_requirements_are_declared() {
        let cases = [
            ("Flask==2.0.0", Some(("Flask", "2.0.0"))),
            ("  flask [async,dotenv] === 2.0.0+local ; python_version < '3.8' # why", Some(("flask", "2.0.0+local"))),
            ("zope.interface (==5)", Some(("zope.interface", "5"))),
            ("a==1!2.0.post1 --hash=sha256:00", Some(("a", "1!2.0.post1"))),
            ("a==1 \\", Some(("a", "1"))),
            ("a==1#comment", Some(("a", "1"))),
            ("a==1,!=1.1", Some(("a", "1"))),
            ("a==1.*", None),
            ("a>=1", None),
            ("a~=1.0", None),
            ("a", None),
            ("a=='1'", None),
            ("a=={{ version }}", None),
            ("#a==1", None),
            ("-r other.txt", None),
            ("--hash=sha256:00", None),
            ("-e git+https://example.com/x@1#egg=a==1", None),
            ("https://example.com/a==1", None),
            ("a @ https://example.com/a.whl", None),
            ("foo|bar==1", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(pin(line), expected, "{line}");
        }
    }

    #[test]
    fn files_are_known_by_their_name() {
        let text = "Jinja2==3.0.0 \\\n    --hash=sha256:00 \\\n    b==1\nb==2\r\n";
        for path in ["app/requirements.txt", "requirements/base.txt", "dev-requirements.txt", "requirements-dev.txt"] {
            assert_eq!(shown(path, text), ["pypi/b@2", "pypi/jinja2@3.0.0"], "{path}");
        }
        assert!(shown("app/requirements-notes.txt", text).is_empty());
        let wide: Vec<u8> = "\u{feff}a==1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(shown("requirements.txt", wide), ["pypi/a@1"]);
        assert_eq!(shown("requirements.txt", b"a==1\0").len(), 1);
        torment(read, text.as_bytes());
    }
}
