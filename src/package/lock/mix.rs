//! `mix.lock` of Elixir: a map of tuples in Elixir's own syntax, one entry a line (Mix `deps`; Hex's `lock.ex`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Select};
use crate::package::ecosystem::HEX;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::{FOREIGN_UNSEEN, LockFile, read};

/// What Mix locks.
pub(in crate::package) static MIX_LOCK: LockFile = LockFile {
    id: "mix-lock",
    ecosystem: &HEX,
    select: &[Select::Name("mix.lock")],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Lock files of Mix",
        ecosystems: &[&HEX],
        reads: "Real names and versions of all packages from Hex that a project asks for, those of all environments, \
            and which of them needs which.",
        not_seen: &["packages from Git, of which the file tells no version", FOREIGN_UNSEEN],
        references: &["https://hexdocs.pm/mix/Mix.Tasks.Deps.html"],
    },
};

/// `"name": {:hex, :real, "1.0.0", "hash", [:mix], [{:need, "~> 1.0", [hex: :real_need, …]}], "hexpm", "hash"},`
fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    for (number, line) in (1_u64..).zip(read::text(bytes)?.lines()) {
        let line = line.trim();
        if matches!(line, "" | "%{" | "}" | "%{}") || line.starts_with('#') {
            continue;
        }
        let Some((_, tuple)) = line.split_once(": {:").filter(|(name, _)| name.starts_with('"')) else {
            declared.complain(format!("line {number} is no entry of a lock file"));
            continue;
        };
        if let Some(package) = tuple.strip_prefix("hex, ") {
            match hex(package) {
                Some(entry) => declared.add(entry),
                None => declared.complain(format!("line {number} names no package with its version")),
            }
        }
    }
    Ok(())
}

fn hex(tuple: &str) -> Option<Entry> {
    let (name, rest) = tuple.split_once(", \"")?;
    let (version, rest) = rest.split_once('"')?;
    let needs = rest.split("[hex: ").skip(1).filter_map(|need| need.split([',', ']']).next()).map(atom);
    Some(Entry::new(atom(name), version).needing(needs))
}

/// `:name`, or `:"name"` where the name has unusual characters.
fn atom(text: &str) -> &str {
    text.strip_prefix(':').unwrap_or(text).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = r#"%{
  "alias": {:hex, :real, "3.0.0", "00", [:mix], [], "hexpm", "00"},
  "credo": {:hex, :credo, "1.6.6", "00", [:mix], [{:bunt, "~> 0.2.0", [hex: :bunt, repo: "hexpm", optional: false]}, {:alias, ">= 0.0.0", [hex: :real, optional: true]}, {:gone, "1", [hex: :gone]}], "hexpm", "00"},
  "bunt": {:hex, :bunt, "0.2.0", "00", [:mix], [], "hexpm", "00"},
  "old": {:hex, :old, "0.1.0"},
  "esaml": {:git, "https://example.com/esaml.git", "4294a3ac", []},
}
"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = ["hex/bunt@0.2.0", "hex/credo@1.6.6: bunt@0.2.0 real@3.0.0", "hex/old@0.1.0", "hex/real@3.0.0"];
        assert_eq!(shown("srv/mix.lock", LOCK), expected);
        assert!(shown("srv/mix.lock", "%{\n}").is_empty());
    }

    #[test]
    fn broken_lines_are_told() {
        for line in ["<<<<<<< HEAD", "\"a\": {:hex, :a}", "\"a\": {:hex, :a, \"1\n", "a"] {
            let shown = shown("mix.lock", line);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{line} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
