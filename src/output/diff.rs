//! What `careen diff` shows: as text, JSON and Markdown.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::json::{WireFinding, WireTarget, write_json};
use super::page::{Page, colour_of};
use super::{Style, clean, count};
use crate::diff::{Diff, FileChange, FileChangeKind, PackageChange, SettingChange};
use crate::finding::Location;
use crate::policy::{Judged, Outcome};
use crate::report::{Report, TargetSummary};
use crate::size::ByteSize;

/// Version of the JSON form. Raised when a field changes its meaning or goes.
pub const DIFF_SCHEMA: &str = "careen.diff/1";

/// Rows of one kind that text and Markdown show; `-v` shows all.
const MOST: usize = 40;

/// How a diff is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For comments on changes.
    Markdown,
}

/// Writes a diff; `failing` says how many new findings fail, where that was asked.
pub fn render_diff(
    diff: &Diff,
    failing: Option<usize>,
    format: DiffFormat,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        DiffFormat::Json => write_json(&WireDiff::new(diff, failing), out),
        DiffFormat::Text => text(diff, failing, style, &mut Page { out, width: style.width, colour: style.colour }),
        DiffFormat::Markdown => markdown(diff, failing, style, out),
    }
}

fn text(diff: &Diff, failing: Option<usize>, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let most = if style.verbose { usize::MAX } else { MOST };
    page.line(&format!("before: {}", headline(&diff.before)))?;
    page.line(&format!("after:  {}", headline(&diff.after)))?;
    for line in sizes(diff) {
        page.line(&line)?;
    }
    for (title, findings, report) in sides(diff) {
        page.blank()?;
        page.heading(title, &count(findings.len(), "finding"))?;
        for judged in findings.iter().take(most) {
            let finding = &judged.finding;
            let severity = page.paint(&format!("{:<8}", finding.severity.as_str()), colour_of(finding.severity));
            page.line(&format!("  {severity}  {}  {}", finding.rule.id, place(judged, &report.target)))?;
            page.paragraph(&clean(&finding.message), 12)?;
        }
        rest(findings.len(), most, page)?;
    }
    page.blank()?;
    page.heading("same", &count(diff.same, "finding"))?;
    if !diff.packages.is_empty() {
        page.blank()?;
        page.heading("packages", &count(diff.packages.len(), "change"))?;
        for change in diff.packages.iter().take(most) {
            page.line(&format!("  {}", package(change)))?;
        }
        rest(diff.packages.len(), most, page)?;
    }
    if let Some(settings) = diff.settings.as_ref().filter(|settings| !settings.is_empty()) {
        page.blank()?;
        page.heading("settings", &count(settings.len(), "change"))?;
        for change in settings.iter().take(most) {
            page.line(&format!("  {}", setting(change)))?;
        }
        rest(settings.len(), most, page)?;
    }
    match &diff.files {
        None => {
            page.blank()?;
            page.line("files and settings were not compared: one of the two is a list of packages")?;
        }
        Some(files) if !files.is_empty() => {
            page.blank()?;
            page.heading("files", &file_counts(files))?;
            for change in files.iter().take(most) {
                page.line(&format!("  {}", file(change)))?;
            }
            rest(files.len(), most, page)?;
        }
        Some(_) => {}
    }
    for line in ends(diff, failing) {
        page.blank()?;
        page.paragraph(&line, 0)?;
    }
    Ok(())
}

fn rest(count: usize, most: usize, page: &mut Page<'_>) -> io::Result<()> {
    match count.checked_sub(most) {
        None | Some(0) => Ok(()),
        Some(more) => page.line(&format!("  and {more} more, shown with -v")),
    }
}

fn markdown(diff: &Diff, failing: Option<usize>, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let most = if style.verbose { usize::MAX } else { MOST };
    let more = |count: usize| match count.checked_sub(most) {
        None | Some(0) => String::new(),
        Some(more) => format!("\nand {more} more\n"),
    };
    writeln!(out, "# What changed\n")?;
    writeln!(out, "| | image |\n|---|---|")?;
    writeln!(out, "| before | {} |", cell(&headline(&diff.before)))?;
    writeln!(out, "| after | {} |", cell(&headline(&diff.after)))?;
    for line in ends(diff, failing).iter().chain(&sizes(diff)) {
        writeln!(out, "\n{}", inert(line))?;
    }
    for (title, findings, report) in sides(diff) {
        writeln!(out, "\n## {}: {}\n", capital(title), count(findings.len(), "finding"))?;
        if findings.is_empty() {
            continue;
        }
        writeln!(out, "| severity | rule | place | what |\n|---|---|---|---|")?;
        for judged in findings.iter().take(most) {
            let finding = &judged.finding;
            let place = cell(&place(judged, &report.target));
            let what = cell(&clean(&finding.message));
            writeln!(out, "| {} | `{}` | {place} | {what} |", finding.severity.as_str(), finding.rule.id)?;
        }
        write!(out, "{}", more(findings.len()))?;
    }
    let verb = if diff.same == 1 { "is" } else { "are" };
    writeln!(out, "\n{} {verb} in both.", inert(&count(diff.same, "finding")))?;
    if !diff.packages.is_empty() {
        writeln!(out, "\n## Packages: {}\n", count(diff.packages.len(), "change"))?;
        writeln!(out, "| package | before | after |\n|---|---|---|")?;
        for change in diff.packages.iter().take(most) {
            let versions = |versions: &[String]| cell(&clean(&versions.join(", ")));
            let package = cell(&clean(&change.package));
            writeln!(out, "| {package} | {} | {} |", versions(&change.before), versions(&change.after))?;
        }
        write!(out, "{}", more(diff.packages.len()))?;
    }
    if let Some(settings) = diff.settings.as_ref().filter(|settings| !settings.is_empty()) {
        writeln!(out, "\n## Settings: {}\n", count(settings.len(), "change"))?;
        writeln!(out, "| setting | before | after |\n|---|---|---|")?;
        for change in settings.iter().take(most) {
            let value = |value: Option<&str>| value.map(|value| cell(&clean(value))).unwrap_or_default();
            let (before, after) = (value(change.before.as_deref()), value(change.after.as_deref()));
            writeln!(out, "| {} | {before} | {after} |", cell(&clean(&change.key)))?;
        }
        write!(out, "{}", more(settings.len()))?;
    }
    if let Some(files) = diff.files.as_ref().filter(|files| !files.is_empty()) {
        writeln!(out, "\n## Files: {}\n", file_counts(files))?;
        writeln!(out, "| change | file |\n|---|---|")?;
        for change in files.iter().take(most) {
            let shown = file(change);
            let (sign, what) = shown.split_at(1);
            writeln!(out, "| {} | {} |", cell(sign), cell(what.trim_start()))?;
        }
        write!(out, "{}", more(files.len()))?;
    }
    Ok(())
}

/// New findings, then those that are gone, each with the report they stand in.
fn sides(diff: &Diff) -> [(&'static str, Vec<&Judged>, &Report); 2] {
    [("new", diff.new_findings().collect(), &diff.after), ("gone", diff.gone_findings().collect(), &diff.before)]
}

fn headline(report: &Report) -> String {
    let target = &report.target;
    let mut parts = vec![if target.reference == "-" { "standard input".into() } else { clean(&target.reference) }];
    parts.extend(target.digest.as_ref().or(target.config_digest.as_ref()).map(crate::digest::Digest::short));
    parts.extend(target.distro.as_ref().map(|distro| clean(&distro.name)).filter(|name| !name.is_empty()));
    parts.push(count(target.layers.len(), "layer"));
    parts.join(", ")
}

/// Sizes before and after, where they can be told.
fn sizes(diff: &Diff) -> Vec<String> {
    let line = |what: &str, before: u64, after: u64| {
        let change = match after.checked_sub(before) {
            Some(0) => "the same".to_owned(),
            Some(more) => format!("{} more", ByteSize(more)),
            None => format!("{} less", ByteSize(before.saturating_sub(after))),
        };
        format!("{what}: {} before, {} after, {change}", ByteSize(before), ByteSize(after))
    };
    let mut lines = vec![line("layers", diff.before.target.size.bytes(), diff.after.target.size.bytes())];
    lines.extend(diff.visible.map(|(before, after)| line("files that a container sees", before, after)));
    lines
}

/// What was not read, and what the gate says.
fn ends(diff: &Diff, failing: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for (word, report) in [("before", &diff.before), ("after", &diff.after)] {
        if report.has_gaps() {
            let reason = if report.verdict.outcome == Outcome::Incomplete {
                format!(": {}", clean(&report.verdict.reason))
            } else {
                String::new()
            };
            lines.push(format!("{word}: not everything was read{reason}"));
        }
    }
    lines.extend(failing.map(|failing| match failing {
        0 => "no new finding fails".to_owned(),
        1 => "1 new finding fails".to_owned(),
        several => format!("{several} new findings fail"),
    }));
    lines
}

fn place(judged: &Judged, target: &TargetSummary) -> String {
    let finding = &judged.finding;
    let place = match &finding.location {
        Location::File { path, lines: Some((line, _)), .. } => format!("{path}:{line}"),
        Location::File { path, .. } | Location::Package { path, .. } => path.to_string(),
        Location::Config { key } => format!("config {}", clean(key)),
        Location::History { index, .. } => format!("build step {index}"),
        Location::Dockerfile { file, start: (line, _), .. } => format!("{file}:{line}"),
        Location::Image => "the whole image".into(),
    };
    let layer = finding.layer().map(|layer| {
        let whose = match target.origin(Some(layer)) {
            crate::inventory::Origin::Base => " (base)",
            crate::inventory::Origin::App | crate::inventory::Origin::Unknown => "",
        };
        format!(", layer {layer}{whose}")
    });
    let waived = if judged.waiver.is_some() { ", waived" } else { "" };
    format!("{}{}{waived}", clean(&place), layer.unwrap_or_default())
}

fn package(change: &PackageChange) -> String {
    let (before, after) = (clean(&change.before.join(", ")), clean(&change.after.join(", ")));
    let name = clean(&change.package);
    match (change.before.is_empty(), change.after.is_empty()) {
        (true, _) => format!("+ {name} {after}"),
        (_, true) => format!("- {name} {before}"),
        _ => format!("~ {name} {before} -> {after}"),
    }
}

fn setting(change: &SettingChange) -> String {
    let key = clean(&change.key);
    match (change.before.as_deref().map(clean), change.after.as_deref().map(clean)) {
        (None, after) => format!("+ {key}={}", after.unwrap_or_default()),
        (Some(before), None) => format!("- {key}={before}"),
        (Some(before), Some(after)) => format!("~ {key}: {before} -> {after}"),
    }
}

fn file(change: &FileChange) -> String {
    let path = clean(&change.path);
    let size = |size: Option<u64>| size.map(|size| format!(", {}", ByteSize(size))).unwrap_or_default();
    let sizes = match (change.size_before, change.size_after) {
        (Some(before), Some(after)) if before != after => format!(", {} -> {}", ByteSize(before), ByteSize(after)),
        _ => String::new(),
    };
    let owners = match (&change.owner_before, &change.owner_after) {
        (Some(before), Some(after)) => format!(", {before} -> {after}"),
        _ => String::new(),
    };
    match change.change {
        FileChangeKind::Added => format!("+ {path}{}", size(change.size_after)),
        FileChangeKind::Removed => format!("- {path}{}", size(change.size_before)),
        FileChangeKind::Kind | FileChangeKind::Target => {
            let targets = match (change.target_before.as_deref().map(clean), change.target_after.as_deref().map(clean))
            {
                (Some(before), Some(after)) => format!("leads to {after}, not {before}"),
                (Some(before), None) => format!("no link to {before} any more"),
                (None, Some(after)) => format!("now a link to {after}"),
                (None, None) => "something else".into(),
            };
            format!("~ {path}: {targets}{owners}")
        }
        FileChangeKind::Content => format!("~ {path}: content{sizes}{owners}"),
        FileChangeKind::Metadata => format!("~ {path}{owners}"),
    }
}

fn file_counts(files: &[FileChange]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for change in files {
        let word = match change.change {
            FileChangeKind::Added => "added",
            FileChangeKind::Removed => "removed",
            FileChangeKind::Kind | FileChangeKind::Target | FileChangeKind::Content | FileChangeKind::Metadata => {
                "changed"
            }
        };
        *counts.entry(word).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    parts.join(", ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Text in Markdown that says what it says: nothing in it marks up, links or mentions.
fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // a mention, or an address
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '|' | '!' | '~' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe.replace("://", "&#58;//")
}

/// The same for a cell of a table.
fn cell(text: &str) -> String {
    let text = inert(text);
    // a line that begins so is a list, in a cell it is nothing
    if text.is_empty() { " ".into() } else { text }
}

#[derive(Serialize)]
struct WireDiff<'a> {
    schema: &'static str,
    before: WireSide<'a>,
    after: WireSide<'a>,
    findings: WireFindings<'a>,
    packages: &'a [PackageChange],
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'a [SettingChange]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [FileChange]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<usize>,
}

#[derive(Serialize)]
struct WireSide<'a> {
    target: WireTarget<'a>,
    outcome: Outcome,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    visible_bytes: Option<u64>,
    limitations: &'a [crate::limitation::Limitation],
}

#[derive(Serialize)]
struct WireFindings<'a> {
    new: Vec<WireFinding<'a>>,
    gone: Vec<WireFinding<'a>>,
    same: usize,
}

impl<'a> WireDiff<'a> {
    fn new(diff: &'a Diff, failing: Option<usize>) -> Self {
        let side = |report: &'a Report, visible_bytes| WireSide {
            target: WireTarget::new(&report.target),
            outcome: report.verdict.outcome,
            reason: &report.verdict.reason,
            visible_bytes,
            limitations: &report.limitations,
        };
        let wire =
            |report: &'a Report, judged: &'a Judged| WireFinding::new(judged, report.target.origin_of(&judged.finding));
        Self {
            schema: DIFF_SCHEMA,
            before: side(&diff.before, diff.visible.map(|(before, _)| before)),
            after: side(&diff.after, diff.visible.map(|(_, after)| after)),
            findings: WireFindings {
                new: diff.new_findings().map(|judged| wire(&diff.after, judged)).collect(),
                gone: diff.gone_findings().map(|judged| wire(&diff.before, judged)).collect(),
                same: diff.same,
            },
            packages: &diff.packages,
            settings: diff.settings.as_deref(),
            files: diff.files.as_deref(),
            failing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::escape;

    #[test]
    fn no_image_steers_a_diff() {
        let evil = "</td><script>|`x`[y](https://evil.example)\x1b[2J\u{202e}\nforged: line";
        let diff = Diff {
            before: sample::report(),
            after: sample::hostile(),
            packages: vec![PackageChange { package: evil.into(), before: vec![evil.into()], after: vec![evil.into()] }],
            new: (0..sample::hostile().findings.len()).collect(),
            gone: (0..sample::report().findings.len()).collect(),
            same: 1,
            files: Some(vec![FileChange {
                path: evil.into(),
                change: FileChangeKind::Target,
                size_before: Some(1),
                size_after: Some(2),
                target_before: Some(evil.into()),
                target_after: Some(evil.into()),
                owner_before: None,
                owner_after: None,
            }]),
            settings: Some(vec![SettingChange { key: evil.into(), before: None, after: Some(evil.into()) }]),
            visible: Some((1, 2)),
        };
        for format in [DiffFormat::Text, DiffFormat::Json, DiffFormat::Markdown] {
            let style = Style { verbose: true, ..Style::PLAIN };
            let mut out = Vec::new();
            render_diff(&diff, Some(2), format, &style, &mut out).expect("memory can be written");
            let out = String::from_utf8(out).expect("diffs are UTF-8");
            let bad: Vec<char> =
                out.chars().filter(|c| (c.is_control() && *c != '\n') || escape::is_hidden(*c)).collect();
            assert!(bad.is_empty(), "{format:?}: {bad:?}");
            assert!(!out.contains("\nforged"), "{format:?}: an image forged a line");
            if format == DiffFormat::Markdown {
                for mark in ["<script", "](", "https://", "</td"] {
                    assert!(!out.contains(mark), "{mark} marks up");
                }
                let rows = out.lines().filter(|line| line.starts_with('|'));
                let is_table = |line: &str| matches!(line.replace("\\|", "").matches('|').count(), 3..=5);
                assert!(rows.into_iter().all(is_table), "a cell ends its row: {out}");
            }
        }
    }

    #[test]
    fn nothing_in_markdown_marks_up() {
        let cases = [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("@team [x](https://e.example)", "&#64;team \\[x\\]\\(https&#58;//e.example\\)"),
            ("`code` *b*", "\\`code\\` \\*b\\*"),
        ];
        for (text, safe) in cases {
            assert_eq!(inert(text), safe);
        }
    }
}
