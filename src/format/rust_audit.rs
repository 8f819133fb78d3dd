//! The list of crates that `cargo auditable` links into programs: zlib-compressed JSON in the section `.dep-v0`
//! (cargo-auditable, "The data format").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Deserialize;

use super::decompress::{Compressed, DecompressError, inflate};
use super::program::Program;

/// Longest list, in bytes when expanded; what cargo-auditable's own reader takes by default.
const TEXT: usize = 8 << 20;

/// Crates of one program. The largest seen have 1,000.
const CRATES: usize = 20_000;

/// Crates linked into a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RustAudit {
    /// Each of them, the program's own too.
    pub packages: Vec<RustCrate>,
}

/// A crate as cargo knew it when it built the program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RustCrate {
    /// Its name.
    pub name: String,
    /// Its version (Semantic Versioning).
    pub version: String,
    /// Where it came from: the Rust registry, `git`, `local`, `registry`, or a word that is newer.
    pub source: String,
    /// Whether its code is in the program.
    #[serde(default)]
    pub kind: CrateKind,
    /// Indices in [`RustAudit::packages`] of those it uses.
    #[serde(default)]
    pub dependencies: Vec<usize>,
    /// Whether it is the program's own.
    #[serde(default)]
    pub root: bool,
}

/// What a crate is used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrateKind {
    /// Its code is in the program.
    #[default]
    Runtime,
    /// It ran while the program was built: build scripts and macros.
    Build,
    /// A word that is newer.
    #[serde(other)]
    Other,
}

/// Why a list could not be read.
#[derive(Debug)]
pub enum AuditError {
    /// Its bytes cannot be expanded.
    Compressed(DecompressError),
    /// It is no such document.
    Json(serde_json::Error),
    /// It names more crates than is plausible.
    TooMany(usize),
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(error) => write!(f, "its list of crates cannot be read: {error}"),
            Self::Json(error) => write!(f, "its list of crates is malformed: {error}"),
            Self::TooMany(count) => write!(f, "its list names {count} crates, more than {CRATES}"),
        }
    }
}

impl RustAudit {
    /// The list in `program`; `None` if it has none.
    pub fn of(program: &Program<'_>) -> Option<Result<Self, AuditError>> {
        // Mach-O names cannot hold what ELF's can, but cargo-auditable uses the same there
        program.section(".dep-v0").map(Self::parse)
    }

    /// Reads the content of the section.
    pub fn parse(section: &[u8]) -> Result<Self, AuditError> {
        let text = inflate(Compressed::Zlib, section, TEXT).map_err(AuditError::Compressed)?;
        let mut audit: Self = serde_json::from_slice(&text).map_err(AuditError::Json)?;
        let count = audit.packages.len();
        if count > CRATES {
            return Err(AuditError::TooMany(count));
        }
        for package in &mut audit.packages {
            package.dependencies.retain(|index| *index < count);
        }
        Ok(audit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::deflate;

    fn parse(json: &str) -> Result<RustAudit, AuditError> {
        RustAudit::parse(&deflate(Compressed::Zlib, json.as_bytes()))
    }

    #[test]
    fn crates_are_read_with_what_they_use() {
        let audit = parse(
            r#"{"packages":[{"name":"a","version":"1.0.0","source":"registry"},
                {"name":"b","version":"0.1.0-rc.1","source":"local","dependencies":[0,7],"root":true,"features":["x"]},
                {"name":"c","version":"2.0.0","source":"git","kind":"build"},
                {"name":"d","version":"2.0.0","source":"moon","kind":"later"}],"format":2}"#,
        )
        .expect("it is well-formed");
        let shown: Vec<_> = audit
            .packages
            .iter()
            .map(|p| (p.name.as_str(), p.version.as_str(), p.source.as_str(), p.kind, &p.dependencies[..], p.root))
            .collect();
        assert_eq!(
            shown,
            [
                ("a", "1.0.0", "registry", CrateKind::Runtime, &[][..], false),
                ("b", "0.1.0-rc.1", "local", CrateKind::Runtime, &[0], true),
                ("c", "2.0.0", "git", CrateKind::Build, &[], false),
                ("d", "2.0.0", "moon", CrateKind::Other, &[], false),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let deep = format!("{{\"packages\":{}{}}}", "[".repeat(3000), "]".repeat(3000));
        let one = r#"{"name":"a","version":"1","source":"x"},"#.repeat(CRATES + 1);
        let many = format!("{{\"packages\":[{}]}}", one.trim_end_matches(','));
        let bomb = " ".repeat(TEXT + 1);
        let cases: &[(&str, &str)] = &[
            ("[]", "its list of crates is malformed: "),
            (r#"{"packages":[{"name":"a"}]}"#, "its list of crates is malformed: "),
            (&deep, "its list of crates is malformed: "),
            (&many, "its list names 20001 crates, more than 20000"),
            (&bomb, "its list of crates cannot be read: the data expands to more than"),
        ];
        for (json, expected) in cases {
            let error = parse(json).expect_err("it is not well-formed").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(matches!(RustAudit::parse(b"no zlib"), Err(AuditError::Compressed(_))));
    }
}
