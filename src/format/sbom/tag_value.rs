//! SPDX 2.2 and 2.3 as tag-value text (<https://spdx.github.io/spdx-spec/v2.3/>, each field's tag).

use crate::error::{Error, Result};

use super::Bill;
use super::parts::unescape;
use super::spdx2::{Raw, RawDocument};
use super::{PARTS, SPDX_2, too_much, with, word};

/// Reads a document; unknown tags are passed over.
pub(super) fn read(bytes: &[u8]) -> Result<Bill> {
    let text = String::from_utf8_lossy(bytes);
    let mut state = State::default();
    let mut rest: &str = &text;
    while let Some((line, after)) = next_line(rest) {
        rest = after;
        let Some((tag, value)) = line.split_once(':').filter(|(tag, _)| !tag.starts_with('#')) else { continue };
        let value = value.trim();
        match value.strip_prefix("<text>") {
            None => state.take(tag.trim(), value)?,
            Some(start) => {
                if let Some((value, _)) = start.split_once("</text>") {
                    state.take(tag.trim(), value)?;
                } else {
                    // the value goes on over the lines that follow
                    let Some((more, after)) = rest.split_once("</text>") else {
                        return Err(Error::malformed("a `<text>` of the bill of materials has no end"));
                    };
                    state.take(tag.trim(), &format!("{start}\n{more}"))?;
                    rest = after.split_once('\n').map_or("", |(_, next)| next);
                }
            }
        }
    }
    state.end_package();
    let odd = SPDX_2.check(state.version.trim_start_matches("SPDX-"))?;
    Ok(with(state.document.into_bill()?, odd))
}

fn next_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    Some(text.split_once('\n').map_or((text, ""), |(line, rest)| (line, rest)))
}

#[derive(Default)]
struct State {
    document: RawDocument,
    version: String,
    package: Option<Raw>,
    /// The licence or the annotated element that the next text belongs to.
    licence: String,
    annotated: String,
}

impl State {
    fn end_package(&mut self) {
        self.document.packages.extend(self.package.take());
    }

    fn take(&mut self, tag: &str, value: &str) -> Result<()> {
        match tag {
            "PackageName" => {
                self.end_package();
                if self.document.packages.len() >= PARTS {
                    return Err(too_much(format!("the bill of materials lists more than {PARTS} packages")));
                }
                self.package = Some(Raw { name: value.to_owned(), ..Raw::default() });
            }
            // what follows is no longer of the package
            "FileName" | "SnippetSPDXID" | "LicenseID" => {
                self.end_package();
                value.clone_into(&mut self.licence);
            }
            "ExtractedText" => {
                // careen writes texts on one line
                let is_own = self.licence.starts_with(word::LICENCE_REFERENCE);
                let text =
                    if is_own { String::from_utf8_lossy(&unescape(value)).into_owned() } else { value.to_owned() };
                self.document.licences.insert(self.licence.clone(), text.into());
            }
            "SPDXVersion" if self.version.is_empty() => value.clone_into(&mut self.version),
            "SPDXREF" => value.clone_into(&mut self.annotated),
            "AnnotationComment" => self.document.comments.push((self.annotated.clone(), value.to_owned())),
            "Relationship" => {
                let mut words = value.split_whitespace();
                if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
                    self.document.relate(from, kind, to);
                }
            }
            _ => {
                if let Some(package) = &mut self.package {
                    field(package, tag, value);
                }
            }
        }
        Ok(())
    }
}

fn field(package: &mut Raw, tag: &str, value: &str) {
    match tag {
        "SPDXID" => value.clone_into(&mut package.id),
        "PackageVersion" => value.clone_into(&mut package.version),
        "PrimaryPackagePurpose" => package.purpose = value.replace('-', "_"),
        "PackageSourceInfo" => value.clone_into(&mut package.origin),
        "PackageDescription" => value.clone_into(&mut package.description),
        "PackageLicenseDeclared" if !matches!(value, "NONE" | "NOASSERTION") => {
            package.licence = Some(value.to_owned());
        }
        "PackageLicenseConcluded" if package.licence.is_none() => package.licence = Some(value.to_owned()),
        "PackageChecksum" => {
            if let Some(hex) = value.strip_prefix("SHA1:") {
                package.sha1 = Some(hex.trim().to_owned());
            }
        }
        "ExternalRef" => {
            let mut words = value.split_whitespace();
            if let (Some(_), Some("purl"), Some(purl)) = (words.next(), words.next(), words.next()) {
                purl.clone_into(&mut package.purl);
            }
        }
        _ => {}
    }
}
