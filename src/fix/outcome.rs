//! What was done: the plan, the digests and layers before and after, the verdicts side by side, what did not carry over.

use std::io::{self, Write};

use serde::Serialize;

use crate::digest::Digest;
use crate::output::wrap;
use crate::policy::Outcome;
use crate::rebuild::{Notice, Rebuilt, RebuiltImage};
use crate::report::Report;
use crate::size::ByteSize;

use super::plan::Plan;
use super::show::{PlanFormat, Stage, cell, escape_controls, render};

/// Version of the JSON. Raised when a field changes its meaning or goes.
pub(super) const SCHEMA: &str = "careen.fix/1";

/// The provenance is a referrer of the image.
pub const ATTACHED: &str = "attached";

/// What a fix did.
#[derive(Debug, Serialize)]
pub struct Changes<'a> {
    schema: &'static str,
    /// Whether anything differs from the input.
    pub is_changed: bool,
    /// Where the image is now, as the user named it.
    pub output: String,
    /// Digest of the plan.
    pub plan_digest: Digest,
    /// What was done.
    pub plan: &'a Plan,
    /// Digests and layers, before and after.
    pub images: &'a [RebuiltImage],
    /// Bytes of all blobs, before and after.
    pub size: (u64, u64),
    /// What did not carry over.
    pub notices: &'a [Notice],
    /// Where the provenance is: a file, or `attached` to the image.
    pub provenance: Option<String>,
    /// What the policy says of each image, before and after.
    pub verdicts: Vec<(Told, Told)>,
}

/// A verdict in few words.
#[derive(Debug, Serialize)]
pub struct Told {
    outcome: Outcome,
    failed: usize,
    warned: usize,
    findings: usize,
    reason: String,
}

impl Told {
    /// Of a report.
    pub fn of(report: &Report) -> Self {
        let verdict = &report.verdict;
        Self {
            outcome: verdict.outcome,
            failed: verdict.failed,
            warned: verdict.warned,
            findings: report.findings.iter().filter(|judged| judged.waiver.is_none()).count(),
            reason: verdict.reason.clone(),
        }
    }
}

impl<'a> Changes<'a> {
    /// Of a rebuild; the reports are those of the same images in the same order.
    pub fn new(
        plan: &'a Plan,
        plan_digest: Digest,
        rebuilt: &'a Rebuilt,
        output: &str,
        provenance: Option<String>,
        (before, after): (&[Report], &[Report]),
    ) -> Self {
        Self {
            schema: SCHEMA,
            is_changed: rebuilt.is_changed,
            output: crate::secret::masked_path(output),
            plan_digest,
            plan,
            images: &rebuilt.images,
            size: rebuilt.size,
            notices: &rebuilt.notices,
            provenance: provenance.map(|place| crate::secret::masked_path(&place)),
            verdicts: before.iter().zip(after).map(|(before, after)| (Told::of(before), Told::of(after))).collect(),
        }
    }
}

/// Writes what was done; text is at most `width` columns wide.
pub fn render_changes(changes: &Changes<'_>, format: PlanFormat, width: usize, out: &mut dyn Write) -> io::Result<()> {
    if format == PlanFormat::Json {
        serde_json::to_writer_pretty(&mut *out, changes)?;
        return writeln!(out);
    }
    render(changes.plan, Stage::Done, format, width, out)?;
    let is_text = format == PlanFormat::Text;
    let raw = |out: &mut dyn Write, line: &str| writeln!(out, "{line}");
    let lines = |out: &mut dyn Write, text: &str| -> io::Result<()> {
        if is_text && !text.is_empty() {
            wrap(text, width).iter().try_for_each(|line| writeln!(out, "{line}"))
        } else {
            writeln!(out, "{text}")
        }
    };
    lines(out, "")?;
    if !changes.is_changed {
        return lines(out, "Nothing had to be changed: every digest is the same.");
    }
    let (before, after) = changes.size;
    lines(
        out,
        &format!("Written to {}: {} in place of {}.", cell(&changes.output), ByteSize(after), ByteSize(before)),
    )?;
    let digest = |digests: &crate::rebuild::Digests| digests.manifest.as_ref().unwrap_or(&digests.config).to_string();
    for (image, verdicts) in changes.images.iter().zip(&changes.verdicts) {
        lines(out, "")?;
        if is_text {
            let platform = image.platform.as_ref().map(|platform| escape_controls(&platform.to_string()));
            lines(out, &platform.unwrap_or_else(|| "image".into()))?;
            let rows = [
                ("verdict", verdicts.0.outcome.as_str().to_owned(), verdicts.1.outcome.as_str().to_owned()),
                ("failing", verdicts.0.failed.to_string(), verdicts.1.failed.to_string()),
                ("warned of", verdicts.0.warned.to_string(), verdicts.1.warned.to_string()),
                ("findings", verdicts.0.findings.to_string(), verdicts.1.findings.to_string()),
            ];
            raw(out, &format!("  {:<12}{:<12}{}", "", "before", "after"))?;
            for (name, before, after) in rows {
                raw(out, &format!("  {name:<12}{before:<12}{after}"))?;
            }
            raw(out, &format!("  {}", digest(&image.before)))?;
            raw(out, &format!("  → {}", digest(&image.after)))?;
            lines(out, &escape_controls(&verdicts.1.reason))?;
        } else {
            lines(out, "| | before | after |\n|---|---|---|")?;
            let (before, after) = verdicts;
            lines(out, &format!("| verdict | {} | {} |", before.outcome.as_str(), after.outcome.as_str()))?;
            lines(out, &format!("| failing | {} | {} |", before.failed, after.failed))?;
            lines(out, &format!("| warned of | {} | {} |", before.warned, after.warned))?;
            lines(out, &format!("| findings | {} | {} |", before.findings, after.findings))?;
            lines(out, &format!("| digest | `{}` | `{}` |", digest(&image.before), digest(&image.after)))?;
        }
    }
    if !is_text {
        // else it would be a row of the table
        lines(out, "")?;
    }
    if let Some(place) = &changes.provenance {
        let told = if place == ATTACHED { "attached to the image".into() } else { format!("in {}", cell(place)) };
        lines(out, &format!("Provenance, not signed: {told}."))?;
    }
    for notice in changes.notices {
        let place = if notice.place.is_empty() { String::new() } else { format!("{}: ", cell(&notice.place)) };
        lines(out, &format!("note: {place}{}", cell(&notice.what)))?;
    }
    Ok(())
}
