//! The plan for people: as text for a terminal, as Markdown for the comment of a change, as JSON for programs.

use std::io::{self, Write};

use crate::escape::escape;
use crate::output::wrap;
use crate::size::ByteSize;

use super::plan::{Action, ImagePlan, Plan, Refused};

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanFormat {
    /// For a terminal.
    Text,
    /// For a comment.
    Markdown,
    /// The plan itself.
    Json,
}

impl PlanFormat {
    /// The words after `-f`, sorted.
    pub const WORDS: &[&str] = &["json", "markdown", "text"];

    /// By its word.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "text" => Some(Self::Text),
            "markdown" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Refused things listed; the rest is counted.
const LISTED: usize = 20;

/// Columns before what is said of an action.
const INDENT: usize = 8;

/// Whether what a plan says was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Planned,
    Done,
}

impl Stage {
    /// Begins the list of what is carried out.
    fn title(self) -> &'static str {
        match self {
            Self::Planned => "To be done",
            Self::Done => "Done",
        }
    }
}

/// Writes a plan of which nothing was done; text is at most `width` columns wide.
pub fn render_plan(plan: &Plan, format: PlanFormat, width: usize, out: &mut dyn Write) -> io::Result<()> {
    render(plan, Stage::Planned, format, width, out)?;
    if format == PlanFormat::Json { Ok(()) } else { writeln!(out, "Nothing was written.") }
}

/// Writes a plan.
pub(super) fn render(
    plan: &Plan,
    stage: Stage,
    format: PlanFormat,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        PlanFormat::Json => {
            let text = plan.to_json().map_err(|error| io::Error::other(error.to_string()))?;
            out.write_all(text.as_bytes())
        }
        PlanFormat::Text => text(plan, stage, width, out),
        PlanFormat::Markdown => markdown(plan, stage, out),
    }
}

fn text(plan: &Plan, stage: Stage, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for (place, image) in plan.images.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        let platform = image.image.platform.as_ref().map(|platform| format!(", {platform}")).unwrap_or_default();
        writeln!(out, "{}{}", escape_controls(&plan.input.reference), escape_controls(&platform))?;
        let paragraph = |out: &mut dyn Write, text: &str| {
            wrap(&escape_controls(text), width.saturating_sub(INDENT))
                .iter()
                .try_for_each(|line| writeln!(out, "{:INDENT$}{line}", ""))
        };
        for (title, wanted) in [(stage.title(), true), ("Waits for a look: --yes, or [fix] allow", false)] {
            let actions: Vec<&Action> = image.actions.iter().filter(|one| one.is_active() == wanted).collect();
            if actions.is_empty() {
                continue;
            }
            writeln!(out, "\n{title}: {}", actions.len())?;
            for action in actions {
                let layer = action.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
                let (id, path) = (escape_controls(&action.id), escape_controls(&action.path));
                writeln!(out, "  {:<7} {id}  {path}{layer}", action.kind)?;
                paragraph(out, &format!("{} → {}", action.before, action.after))?;
                let rule = action.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
                paragraph(out, &format!("risk {}: {}{rule}", action.risk, action.reason))?;
            }
        }
        if !image.refused.is_empty() {
            let heaps = heaps(image);
            writeln!(out, "\nNot done: {}", image.refused.len())?;
            for (refused, count) in heaps.iter().take(LISTED) {
                writeln!(out, "  {}{}{}", escape_controls(&refused.path), rule_of(refused), times(*count))?;
                paragraph(out, &format!("{}: {}", refused.reason, refused.hint))?;
            }
            let more: usize = heaps.iter().skip(LISTED).map(|(_, count)| count).sum();
            if more > 0 {
                writeln!(out, "  and {more} more, which `-f json` lists")?;
            }
        }
        if !image.remains.is_empty() {
            writeln!(out, "\nStill there, though taken out elsewhere: {}", image.remains.len())?;
            for remains in image.remains.iter().take(LISTED) {
                let layer = remains.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
                let rule =
                    remains.rule.as_ref().map(|rule| format!(" ({})", escape_controls(rule))).unwrap_or_default();
                writeln!(out, "  {}{layer}{rule}", escape_controls(&remains.path))?;
                paragraph(out, &format!("a value of {}: {}", remains.of.join(", "), remains.reason))?;
            }
            if image.remains.len() > LISTED {
                writeln!(out, "  and {} more, which `-f json` lists", image.remains.len() - LISTED)?;
            }
        }
        writeln!(out)?;
        wrap(&expected(image), width).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    for note in &plan.notes {
        wrap(&format!("note: {}", escape_controls(note)), width).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    }
    Ok(())
}

/// Refused things of one place, rule and reason, with how many they are.
fn heaps(image: &ImagePlan) -> Vec<(&Refused, usize)> {
    let key = |refused: &Refused| (refused.path.clone(), refused.rule.clone(), refused.reason.clone());
    let heaps = image.refused.chunk_by(|a, b| key(a) == key(b));
    heaps.filter_map(|heap| Some((heap.first()?, heap.len()))).collect()
}

fn times(count: usize) -> String {
    if count > 1 { format!(", {count} times") } else { String::new() }
}

fn rule_of(refused: &Refused) -> String {
    refused.rule.as_ref().map(|rule| format!(" ({})", escape_controls(rule))).unwrap_or_default()
}

/// What comes of it, in a sentence.
fn expected(image: &ImagePlan) -> String {
    let expected = &image.expected;
    let documents = image.active().next().is_some();
    let layers = match (expected.layers_rewritten.len(), expected.layers_added) {
        (0, 0) if !documents => return "Nothing is to be done: the image stays as it is.".into(),
        (0, 0) => return "No layer changes, only documents.".into(),
        (0, _) => "One layer comes on top".to_owned(),
        (1, 0) => "One layer is written anew".to_owned(),
        (1, _) => "One layer is written anew, one comes on top".to_owned(),
        (several, 0) => format!("{several} layers are written anew"),
        (several, _) => format!("{several} layers are written anew, one comes on top"),
    };
    format!(
        "{layers}; at most {} in place of {}, uncompressed.",
        ByteSize(expected.size_after_at_most),
        ByteSize(expected.size_before)
    )
}

fn markdown(plan: &Plan, stage: Stage, out: &mut dyn Write) -> io::Result<()> {
    for image in &plan.images {
        let platform = image.image.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
        let what = if stage == Stage::Done { "Fix of" } else { "Plan for" };
        writeln!(out, "## {what} `{}`{}\n", code(&plan.input.reference), cell(&platform))?;
        for (title, wanted) in [(stage.title(), true), ("Waits for a look", false)] {
            let actions: Vec<&Action> = image.actions.iter().filter(|one| one.is_active() == wanted).collect();
            if actions.is_empty() {
                continue;
            }
            writeln!(
                out,
                "### {title}\n\n| action | where | before | after | risk | why |\n|---|---|---|---|---|---|"
            )?;
            for action in actions {
                let layer = action.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
                writeln!(
                    out,
                    "| {} | `{}`{layer} | {} | {} | {} | {} |",
                    cell(&action.id),
                    code(&action.path),
                    cell(&action.before),
                    cell(&action.after),
                    action.risk,
                    cell(&action.reason)
                )?;
            }
            writeln!(out)?;
        }
        if !image.refused.is_empty() {
            let heaps = heaps(image);
            writeln!(out, "### Not done\n\n| where | why | instead |\n|---|---|---|")?;
            for (refused, count) in heaps.iter().take(LISTED) {
                let (path, reason, hint) = (code(&refused.path), cell(&refused.reason), cell(&refused.hint));
                writeln!(out, "| `{path}`{} | {reason} | {hint} |", times(*count))?;
            }
            let more: usize = heaps.iter().skip(LISTED).map(|(_, count)| count).sum();
            if more > 0 {
                writeln!(out, "\nand {more} more.")?;
            }
            writeln!(out)?;
        }
        if !image.remains.is_empty() {
            writeln!(out, "### Still there, though taken out elsewhere\n\n| where | value of | why |\n|---|---|---|")?;
            for remains in image.remains.iter().take(LISTED) {
                let layer = remains.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
                let of = cell(&remains.of.join(", "));
                writeln!(out, "| `{}`{layer} | {of} | {} |", code(&remains.path), cell(&remains.reason))?;
            }
            if image.remains.len() > LISTED {
                writeln!(out, "\nand {} more.", image.remains.len() - LISTED)?;
            }
            writeln!(out)?;
        }
        writeln!(out, "{}\n", expected(image))?;
    }
    for note in &plan.notes {
        writeln!(out, "Note: {}\n", cell(note))?;
    }
    Ok(())
}

/// Text of a cell of a table: what an image says must not end the cell, nor become Markdown of its own.
pub(super) fn cell(text: &str) -> String {
    escape_controls(text).replace('|', "\\|").replace('<', "&lt;").replace('[', "\\[")
}

/// Text between backticks.
fn code(text: &str) -> String {
    escape_controls(text).replace('`', "'").replace('|', "\\|")
}

/// What steers or hides is escaped; a backslash stays as it is.
pub(super) fn escape_controls(text: &str) -> String {
    text.split('\\').map(escape).collect::<Vec<_>>().join("\\")
}
