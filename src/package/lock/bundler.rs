//! `Gemfile.lock` and `gems.locked` (Bundler's `lockfile_parser.rb`; bundler.io "Gemfile.lock").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Select};
use crate::inventory::Need;
use crate::package::ecosystem::GEM;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS, encoded};
use super::{FOREIGN_UNSEEN, LockFile, read};

/// What Bundler locks.
pub(in crate::package) static BUNDLER_LOCK: LockFile = LockFile {
    id: "bundler-lock",
    ecosystem: &GEM,
    select: &[Select::Name("Gemfile.lock"), Select::Name("gems.locked")],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Lock files of Bundler",
        ecosystems: &[&GEM],
        reads: "Names, versions and platforms of all gems that a project asks for, those of all groups, from servers, \
            repositories and folders, and which of them needs which.",
        not_seen: &["which group a gem is of: the file does not tell", "Bundler itself", FOREIGN_UNSEEN],
        references: &["https://bundler.io/guides/rationale.html#checking-your-code-into-version-control"],
    },
};

/// Sections that hold gems.
const SOURCES: &[&str] = &["GEM", "GIT", "PATH", "PLUGIN SOURCE"];

/// Other sections.
const OTHERS: &[&str] = &["PLATFORMS", "DEPENDENCIES", "CHECKSUMS", "RUBY VERSION", "BUNDLED WITH"];

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let text = read::text(bytes)?;
    let mut is_source = false;
    let mut last: Option<Entry> = None;
    let mut outcome = Ok(());
    for (number, line) in (1_u64..).zip(text.lines()) {
        let content = line.trim_start_matches(' ');
        match line.len().saturating_sub(content.len()) {
            _ if content.trim().is_empty() => {}
            0 => {
                let section = content.trim_end();
                is_source = SOURCES.contains(&section);
                if !is_source && !OTHERS.contains(&section) {
                    outcome = Err(format!("line {number} begins no section of a lock file"));
                    break;
                }
            }
            4 if is_source => {
                if let Some(entry) = last.take() {
                    declared.add(entry);
                }
                last = gem(content);
                if last.is_none() {
                    declared.complain(format!("line {number} names no gem with its version"));
                }
            }
            6 if is_source => {
                let name = content.split(' ').next().unwrap_or_default().trim_end_matches('!');
                if let Some(entry) = last.as_mut().filter(|entry| entry.needs.len() < NEEDS) {
                    entry.needs.push(Need { name: name.to_owned(), version: None });
                }
            }
            _ => {}
        }
    }
    if let Some(entry) = last {
        declared.add(entry);
    }
    outcome
}

/// `name (1.0)` or `name (1.0-x86_64-linux)`; no version of a gem has a hyphen.
fn gem(line: &str) -> Option<Entry> {
    let (name, rest) = line.split_once(" (")?;
    let version = rest.trim_end().trim_end_matches('!').strip_suffix(')')?;
    let (version, platform) = version.split_once('-').unwrap_or((version, ""));
    let purl_tail = if platform.is_empty() { String::new() } else { format!("?platform={}", encoded(platform)) };
    Some(Entry { purl_tail, ..Entry::new(name, version) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = "GIT
  remote: https://example.com/g.git
  revision: 00
  specs:
    g (0.1.0)
      i18n (>= 0.7)

PATH
  remote: engines/e
  specs:
    e (0.2.0)

GEM
  remote: https://gems.example/
  specs:
    faker (1.9.3)
      i18n (>= 0.7)
      gone
    i18n (1.6.0)
    nokogiri (1.15.0)
    nokogiri (1.15.0-x86_64-linux)
      racc (~> 1.4)
    racc (1.7.0.pre1)

PLATFORMS
  ruby

DEPENDENCIES
  faker (~> 1.9)
  g!

CHECKSUMS
  faker (1.9.3) sha256=00

RUBY VERSION
   ruby 3.2.2p53

BUNDLED WITH
   2.4.1
";

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = [
            "gem/e@0.2.0",
            "gem/faker@1.9.3: i18n@1.6.0",
            "gem/g@0.1.0: i18n@1.6.0",
            "gem/i18n@1.6.0",
            "gem/nokogiri@1.15.0",
            "gem/nokogiri@1.15.0?platform=x86_64-linux: racc@1.7.0.pre1",
            "gem/racc@1.7.0.pre1",
        ];
        assert_eq!(shown("srv/Gemfile.lock", LOCK), expected);
        assert_eq!(shown("srv/gems.locked", LOCK.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn broken_files_are_told() {
        for (text, packages) in [
            ("malformed", 0),
            ("GEM\n  specs:\n    a (1)\n<<<<<<< HEAD\n    b (1)\n", 1),
            ("GEM\n  specs:\n    a\n    b (1)\n", 1),
        ] {
            let shown = shown("Gemfile.lock", text);
            assert!(shown.len() == packages + 1 && shown[packages].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
