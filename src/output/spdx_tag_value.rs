//! SPDX 2.3 as tag-value text (<https://spdx.github.io/spdx-spec/v2.3/>, each field's tag).

use std::io::{self, Write};

use super::bom::Image;
use super::spdx2::{Document, SpdxPackage};
use super::{Format, Style, clean};
use crate::escape::escape;
use crate::report::Report;

/// The format.
pub(super) struct TagValue;

impl Format for TagValue {
    fn id(&self) -> &'static str {
        "spdx-tv"
    }

    fn about(&self) -> &'static str {
        "SPDX 2.3, tag-value"
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let images = Image::all(reports);
        write_document(&Document::new(&images, reports), out)
    }
}

fn write_document(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    line(out, "SPDXVersion", document.spdx_version)?;
    line(out, "DataLicense", document.data_license)?;
    line(out, "SPDXID", document.spdx_id)?;
    line(out, "DocumentName", &document.name)?;
    line(out, "DocumentNamespace", &document.document_namespace)?;
    if let Some(comment) = &document.comment {
        text(out, "DocumentComment", comment)?;
    }
    for creator in &document.creation_info.creators {
        line(out, "Creator", creator)?;
    }
    line(out, "Created", &document.creation_info.created)?;
    for package in &document.packages {
        out.write_all(b"\n")?;
        write_package(package, out)?;
    }
    out.write_all(b"\n")?;
    for relationship in &document.relationships {
        let value = format!(
            "{} {} {}",
            relationship.spdx_element_id, relationship.relationship_type, relationship.related_spdx_element
        );
        line(out, "Relationship", &value)?;
    }
    for package in &document.packages {
        for annotation in &package.annotations {
            out.write_all(b"\n")?;
            line(out, "Annotator", &annotation.annotator)?;
            line(out, "AnnotationDate", &annotation.annotation_date)?;
            line(out, "AnnotationType", annotation.annotation_type)?;
            line(out, "SPDXREF", &package.spdx_id)?;
            text(out, "AnnotationComment", &annotation.comment)?;
        }
    }
    for licence in &document.licences {
        out.write_all(b"\n")?;
        line(out, "LicenseID", &licence.license_id)?;
        // on one line, so that no reader of lines takes a part of it for a tag
        text(out, "ExtractedText", &escape(&licence.extracted_text))?;
        line(out, "LicenseName", &licence.name)?;
    }
    Ok(())
}

fn write_package(package: &SpdxPackage<'_>, out: &mut dyn Write) -> io::Result<()> {
    line(out, "PackageName", package.name)?;
    line(out, "SPDXID", &package.spdx_id)?;
    if let Some(version) = &package.version_info {
        line(out, "PackageVersion", version)?;
    }
    line(out, "PackageSupplier", package.supplier)?;
    line(out, "PackageDownloadLocation", package.download_location)?;
    line(out, "PrimaryPackagePurpose", &package.primary_package_purpose.replace('_', "-"))?;
    line(out, "FilesAnalyzed", "false")?;
    for checksum in &package.checksums {
        line(out, "PackageChecksum", &format!("{}: {}", checksum.algorithm, checksum.checksum_value))?;
    }
    if let Some(source) = &package.source_info {
        line(out, "PackageSourceInfo", source)?;
    }
    line(out, "PackageLicenseConcluded", package.license_concluded)?;
    line(out, "PackageLicenseDeclared", &package.license_declared)?;
    line(out, "PackageCopyrightText", package.copyright_text)?;
    if let Some(description) = package.description {
        line(out, "PackageDescription", description)?;
    }
    for reference in &package.external_refs {
        let value =
            format!("{} {} {}", reference.reference_category, reference.reference_type, reference.reference_locator);
        line(out, "ExternalRef", &value)?;
    }
    Ok(())
}

/// A value on one line, whatever is in it.
fn line(out: &mut dyn Write, tag: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{tag}: {}", without_marks(&clean(value)))
}

/// A value of several lines that are careen's own, and are [escaped](escape): so is what would begin or end a text.
fn text(out: &mut dyn Write, tag: &str, value: &str) -> io::Result<()> {
    let lines: Vec<String> = value.lines().map(clean).collect();
    let value = lines.join("\n").replace("</text>", "\\x3c/text>").replace("<text>", "\\x3ctext>");
    writeln!(out, "{tag}: <text>{value}</text>")
}

/// What begins and ends a text is no part of a value.
fn without_marks(value: &str) -> String {
    value.replace("</text>", "</ text>").replace("<text>", "< text>")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn no_value_ends_early_or_makes_a_line_of_its_own() {
        let mut report = sample::hostile();
        let evil = "x</text>\nPackageName: forged\r\nSPDXID: SPDXRef-forged <text>";
        report.packages[0].name = evil.into();
        report.packages[0].version = evil.into();
        report.packages[1].source = Some((evil.into(), evil.into()));
        report.packages[1].licence = Some(crate::inventory::Licence::new(evil));
        let mut out = Vec::new();
        TagValue.render(&[report], &sample::style(), &mut out).expect("memory can be written");
        let out = String::from_utf8(out).expect("UTF-8");
        assert_eq!(out.matches("<text>").count(), out.matches("</text>").count());
        // what stands outside of texts
        let outside: String =
            out.split("<text>").map(|part| part.split_once("</text>").map_or(part, |(_, rest)| rest)).collect();
        assert_eq!(outside.lines().filter(|line| line.starts_with("PackageName: ")).count(), 4, "{outside}");
        assert!(
            !outside.lines().any(|line| line == "PackageName: forged" || line.starts_with("SPDXID: SPDXRef-forged"))
        );
    }
}
