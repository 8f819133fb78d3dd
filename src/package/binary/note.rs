//! ELF package notes: the package that a program was built for, as JSON (systemd, "Package Metadata for Executable Files").

use serde::Deserialize;

use crate::collect::{Facts, PackageFact};
use crate::format::program::Program;
use crate::inventory::{Ecosystem, Proof};
use crate::package::text::{complain, field};

/// Type of the note, and its owner.
const NOTE: (u32, &[u8]) = (0xcafe_1a7e, b"FDO");

/// Longest note, in bytes; real ones are below 300.
const LENGTH: usize = 4 << 10;

/// The kinds of packages that notes name; what has another name is `generic`, and what names no distribution: the
/// purls of the other kinds want one as their namespace.
///
/// None is of the system here: a note proves no more than where a program came from.
static KINDS: [Ecosystem; 5] = [
    Ecosystem { id: "deb", purl_type: "deb", is_system: false },
    Ecosystem { id: "rpm", purl_type: "rpm", is_system: false },
    Ecosystem { id: "apk", purl_type: "apk", is_system: false },
    Ecosystem { id: "alpm", purl_type: "alpm", is_system: false },
    Ecosystem { id: "generic", purl_type: "generic", is_system: false },
];

/// What a note says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PackageNote {
    r#type: String,
    name: String,
    version: String,
    architecture: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
}

/// Adds the packages that the program's notes name. Where a package owns the file these say nothing new, and are left out.
pub(super) fn push(program: &Program<'_>, facts: &mut Facts) {
    for note in program.notes(".note.package") {
        if (note.kind, note.owner) != NOTE {
            continue;
        }
        // the text is padded with zeros
        let end = note.content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        let text = note.content.get(..end.min(LENGTH)).unwrap_or_default();
        match serde_json::from_slice::<PackageNote>(text) {
            Ok(read) => {
                if let Some(fact) = fact(&read, text) {
                    facts.package(fact);
                }
            }
            Err(error) => complain(facts, format!("its package note is malformed: {error}")),
        }
    }
}

fn fact(note: &PackageNote, text: &[u8]) -> Option<PackageFact> {
    let text_of = |text: &str| field(text.as_bytes());
    let kind = note.r#type.to_ascii_lowercase();
    let (name, version) = (text_of(&note.name)?, text_of(&note.version)?);
    let os = note.os.as_deref().and_then(text_of);
    let ecosystem = KINDS.iter().find(|known| known.id == kind && os.is_some()).or(KINDS.last())?;
    let purl = crate::package::purl::of_note(
        ecosystem,
        os.as_deref(),
        &name,
        &version,
        note.architecture.as_deref().and_then(text_of).as_deref(),
        note.os_version.as_deref().and_then(text_of).as_deref(),
    )?;
    Some(PackageFact {
        ecosystem: Some(ecosystem),
        purl: Some(purl),
        name,
        version,
        architecture: note.architecture.as_deref().and_then(text_of),
        proof: Proof::VersionString(String::from_utf8_lossy(text).chars().take(200).collect::<String>().into()),
        ..PackageFact::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_without_a_distribution_is_generic() {
        let cases = [
            (r#"{"type":"deb","os":"debian","name":"a","version":"1"}"#, "pkg:deb/debian/a@1"),
            (r#"{"type":"deb","name":"a","version":"1"}"#, "pkg:generic/a@1"),
            (r#"{"type":"rpm","os":"","name":"a","version":"1","osVersion":"40"}"#, "pkg:generic/a@1"),
            (r#"{"type":"other","os":"x","name":"a","version":"1"}"#, "pkg:generic/x/a@1"),
        ];
        for (text, expected) in cases {
            let note: PackageNote = serde_json::from_str(text).expect("JSON");
            let purl = fact(&note, text.as_bytes()).and_then(|fact| fact.purl);
            assert_eq!(purl.as_deref(), Some(expected), "{text}");
        }
    }
}
