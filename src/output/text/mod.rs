//! The report for people: what was scanned, what is wrong where, what was not read, the verdict.
//!
//! Fits the width it is told. Every text that may come from an image is escaped before it is
//! measured. Colours repeat what a word says.

mod finding;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Color, Style as Ansi};

use super::columns::{cut_middle, wrap};
use super::page::Page;
use super::{Format, Style, advisories, clean, count, package_table, upgrades};
use crate::advisory::finding::NO_ADVISORIES;
use crate::inventory::State;
use crate::limitation::Limitation;
use crate::policy::{Action, Deciding, Judged, Outcome};
use crate::report::{Report, TargetSummary};
use crate::rule::Severity;
use crate::source::sbom;

pub(super) use finding::details;
use finding::{finding, first_sentence, fold, folded, waivers};

/// Fewest columns the layout works with; narrower terminals wrap.
const LEAST_WIDTH: usize = 60;

/// Most columns used, since longer lines are hard to follow.
const MOST_WIDTH: usize = 120;

/// Findings of one rule shown in full; the rest is counted.
pub(super) const SHOWN_OF_A_RULE: usize = 5;

/// Limitations shown; the rest is counted.
const SHOWN_LIMITATIONS: usize = 10;

/// Family of the rules about secrets.
const SECRET: &str = "secret";

/// Lines for a rule of the policy that decided.
const LINES_OF_DECIDING: usize = 2;

/// Columns before the second of them.
const DECIDING: usize = 4;

/// Columns before what is said of a finding: two blanks, the severity, two blanks.
pub(super) const INDENT: usize = 12;

/// The text format.
pub(super) struct Text;

impl Format for Text {
    fn id(&self) -> &'static str {
        "text"
    }

    fn about(&self) -> &'static str {
        "For people, on a terminal"
    }

    fn render(&self, reports: &[Report], style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        let mut page = Page { out: &mut out, width: style.width.clamp(LEAST_WIDTH, MOST_WIDTH), colour: style.colour };
        for (index, report) in reports.iter().enumerate() {
            if index > 0 {
                page.blank()?;
            }
            render_report(report, style, &mut page)?;
        }
        overall(reports, &mut page)?;
        page.out.flush()
    }
}

fn render_report(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    identity(report, page)?;
    packages(report, page)?;
    advisories::advisories(report, style, page)?;
    if style.packages {
        package_tables(report, page)?;
    }

    let is_shown = |judged: &&Judged| {
        judged.finding.severity >= style.least
            && (style.show_waived || judged.waiver.is_none())
            && (style.show_packaged || !is_packaged(judged))
    };
    let shown: Vec<&Judged> = report.findings.iter().filter(is_shown).collect();
    let mut families: Vec<&str> = Vec::new();
    for judged in &shown {
        let family = judged.finding.rule.family();
        if !families.contains(&family) {
            families.push(family);
        }
    }
    for family in families {
        let of_family: Vec<&Judged> =
            shown.iter().filter(|judged| judged.finding.rule.family() == family).copied().collect();
        page.blank()?;
        page.heading(family, &count(of_family.len(), "finding"))?;
        let (flaws, of_family): (Vec<&Judged>, Vec<&Judged>) =
            of_family.into_iter().partition(|judged| upgrades::is_flaw(judged));
        upgrades::by_upgrade(&flaws, report, style, page)?;
        for of_rule in of_family.chunk_by(|a, b| a.finding.rule == b.finding.rule) {
            let groups = fold(of_rule, style);
            let most = if style.verbose { groups.len() } else { SHOWN_OF_A_RULE };
            for group in groups.iter().take(most) {
                match group.as_slice() {
                    [judged] => finding(judged, report, style, page)?,
                    several => {
                        folded(several, report, page)?;
                        if style.show_waived {
                            waivers(several, page)?;
                        }
                    }
                }
            }
            let rest: usize = groups.iter().skip(most).map(Vec::len).sum();
            if let Some(first) = of_rule.first().filter(|_| rest > 0) {
                page.line(&format!("{:INDENT$}and {rest} more of {}, shown with -v", "", first.finding.rule.id))?;
            }
            let gravest = of_rule.iter().find(|judged| judged.finding.severity > Severity::Info);
            let advises =
                |judged: &&&Judged| family == SECRET && !style.verbose && !judged.finding.rule.remediation.is_empty();
            if let Some(judged) = gravest.filter(advises) {
                page.paragraph(&format!("to do: {}", first_sentence(judged.finding.rule.remediation)), INDENT)?;
            }
        }
    }

    limitations(report, style, page)?;
    hidden(report, style, page)?;
    verdict(report, style, page)
}

/// Whether it is a secret that an unchanged package brought, which everybody can have from its archive.
fn is_packaged(judged: &Judged) -> bool {
    judged.finding.severity == Severity::Info && judged.finding.evidence.contains_key("packaged_by")
}

/// Whether the report is about a bill of materials, not an image.
pub(super) fn is_bill(report: &Report) -> bool {
    report.target.source == sbom::ID
}

/// Reference, digest, platform, distribution, layers, size: one line where it fits.
fn identity(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let target = &report.target;
    let mut parts = vec![if target.reference == "-" { "standard input".into() } else { clean(&target.reference) }];
    parts.extend(target.digest.as_ref().or(target.config_digest.as_ref()).map(crate::digest::Digest::short));
    parts.extend(target.platform.as_ref().map(|platform| clean(&platform.to_string())));
    parts.extend(target.distro.as_ref().map(|distro| clean(&distro.name)));
    parts.extend(is_bill(report).then(|| "bill of materials".to_owned()));
    if !is_bill(report) || !target.layers.is_empty() {
        parts.push(count(target.layers.len(), "layer"));
        parts.push(target.size.to_string());
    }
    // a folder may say nothing of its platform or its distribution
    parts.retain(|part| !part.trim().is_empty());
    page.list(&parts, ", ", 2)?;
    base(target, page)
}

/// What the image is built on, and how far up that reaches; nothing where nothing is known.
pub(super) fn base(target: &TargetSummary, page: &mut Page<'_>) -> io::Result<()> {
    let base = &target.base;
    let mut parts: Vec<String> = base.name.as_deref().map(clean).into_iter().collect();
    if let (Some(layers), Some(told_by), Some(confidence)) = (base.layers, base.told_by, base.confidence) {
        let all = target.layers.len();
        parts.push(format!("{layers} of {all} layers {}, confidence {confidence}", told_by.title()));
    }
    parts.extend(base.note.as_deref().map(clean));
    match parts.first_mut() {
        None => Ok(()),
        Some(first) => {
            *first = format!("base: {first}");
            page.list(&parts, ", ", 2)
        }
    }
}

/// How many of each type that are installed, and how many of them system packages own, then those only declared.
fn packages(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let mut types: BTreeMap<(State, &str), (usize, usize)> = BTreeMap::new();
    for package in &report.packages {
        let (all, owned) = types.entry((package.state, package.ecosystem.id)).or_default();
        *all += 1;
        *owned += usize::from(package.owner.is_some());
    }
    if types.is_empty() {
        return page.line("packages: none found");
    }
    let parts: Vec<String> = types
        .iter()
        .map(|((state, id), (all, owned))| match owned {
            _ if *state == State::Declared => format!("{all} {id} only declared"),
            0 => format!("{all} {id}"),
            _ => format!("{all} {id} ({owned} owned by system packages)"),
        })
        .collect();
    let first = parts.first().map(|part| format!("packages: {part}"));
    page.list(&first.into_iter().chain(parts.into_iter().skip(1)).collect::<Vec<_>>(), ", ", 2)
}

/// Every package: what is installed, what is only declared, and what a later layer removed.
fn package_tables(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    for table in package_table::tables(report, page.width) {
        page.blank()?;
        page.heading(table.title, &count(table.count, "package"))?;
        for line in &table.lines {
            page.line(line)?;
        }
    }
    Ok(())
}

fn limitations(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let (gaps, mut notes): (Vec<&Limitation>, Vec<&Limitation>) =
        report.limitations.iter().partition(|limitation| limitation.is_gap);
    notes.retain(|note| style.verbose || answers_user(note));
    for (heading, list) in [("not read", gaps), ("noticed", notes)] {
        if list.is_empty() {
            continue;
        }
        page.blank()?;
        page.heading(heading, &count(list.len(), if heading == "noticed" { "note" } else { "gap" }))?;
        let most = if style.verbose { list.len() } else { SHOWN_LIMITATIONS };
        for limitation in list.iter().take(most) {
            let place = clean(&limitation.place);
            let separator = if place.is_empty() { "" } else { ": " };
            page.paragraph(&format!("{place}{separator}{} ({})", clean(&limitation.what), limitation.code), 2)?;
            if !limitation.help.is_empty() {
                page.paragraph(&format!("help: {}", clean(&limitation.help)), 4)?;
            }
        }
        if list.len() > most {
            page.line(&format!("  and {} more, shown with -v", list.len() - most))?;
        }
    }
    Ok(())
}

/// Whether a note says why something that the user asked for is not there.
fn answers_user(note: &Limitation) -> bool {
    note.code == "dockerfile-not-aligned"
}

/// What there is but is not shown.
fn hidden(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let mut parts = Vec::new();
    let below = report.findings.iter().filter(|judged| judged.finding.severity < style.least).count();
    if below > 0 {
        parts.push(format!("{below} below {}", style.least));
    }
    if !style.show_waived && report.verdict.waived > 0 {
        parts.push(format!("{} waived", report.verdict.waived));
    }
    if report.verdict.ignored > 0 {
        parts.push(format!("{} ignored by the policy", report.verdict.ignored));
    }
    let packaged = report.findings.iter().filter(|judged| is_packaged(judged)).count();
    if !style.show_packaged && packaged > 0 && style.least == Severity::Info {
        parts.push(format!("{} of unchanged packages (--show-packaged)", count(packaged, "secret")));
    }
    let notes = report.limitations.iter().filter(|one| !one.is_gap && !answers_user(one)).count();
    if !style.verbose && notes > 0 {
        parts.push(count(notes, "note"));
    }
    if parts.is_empty() {
        return Ok(());
    }
    page.blank()?;
    if let Some(first) = parts.first_mut() {
        *first = format!("not shown: {first}");
    }
    page.list(&parts, ", ", 2)
}

/// Of several images, the outcome of each and of all: the worst.
fn overall(reports: &[Report], page: &mut Page<'_>) -> io::Result<()> {
    let [first, _, ..] = reports else { return Ok(()) };
    let worst = Outcome::of_several(reports.iter().map(|report| report.verdict.outcome));
    let so = reports.iter().filter(|report| report.verdict.outcome == worst).count();
    let is_one = reports.iter().all(|report| report.target.reference == first.target.reference);
    let noun = if is_one { "platforms" } else { "images" };
    let rest =
        if so == reports.len() { format!("all {so} {noun}") } else { format!("{so} of {} {noun}", reports.len()) };
    page.blank()?;
    page.line(&format!("overall {}: {rest}", page.paint(worst.as_str(), colour_of_outcome(worst))))?;
    for report in reports {
        let platform = report.target.platform.as_ref().map(|platform| clean(&platform.to_string()));
        let name = match platform {
            Some(platform) if is_one => platform,
            Some(platform) => format!("{}, {platform}", clean(&report.target.reference)),
            None => clean(&report.target.reference),
        };
        let outcome = report.verdict.outcome;
        let word = page.paint(&format!("{:<10}", outcome.as_str()), colour_of_outcome(outcome));
        let name = cut_middle(&name, page.width.saturating_sub(INDENT + 2));
        page.line(&format!("  {word}  {name}"))?;
    }
    Ok(())
}

fn colour_of_outcome(outcome: Outcome) -> Ansi {
    let colour = match outcome {
        Outcome::Passed => AnsiColor::Green,
        Outcome::Failed => AnsiColor::Red,
        Outcome::Incomplete => AnsiColor::Yellow,
    };
    Ansi::new().bold().fg_color(Some(Color::Ansi(colour)))
}

/// Outcome, reason, and what to do next.
fn verdict(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let word = report.verdict.outcome.as_str();
    page.blank()?;
    let paint = colour_of_outcome(report.verdict.outcome);
    let reason = wrap(&format!("{word}: {}", clean(&report.verdict.reason)), page.width.saturating_sub(2));
    for (index, line) in reason.iter().enumerate() {
        match line.strip_prefix(word).filter(|_| index == 0) {
            Some(rest) => page.line(&format!("{}{rest}", page.paint(word, paint)))?,
            // never at the margin, where a text from an image could pass for a verdict
            None => page.line(&format!("  {line}"))?,
        }
    }
    deciding(report, style, page)?;
    // a command is for copying, so it is never cut
    page.line(&format!("next: {}", next_command(report)))
}

/// The rules of the policy that failed, with -v also those that warned: where each is written, how many findings it is
/// about, and what would make it pass.
fn deciding(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let is_shown = |rule: &&Deciding| rule.action == Action::Fail || style.verbose;
    let rules: Vec<&Deciding> = report.verdict.rules.iter().filter(is_shown).collect();
    let most = if style.verbose { rules.len() } else { SHOWN_OF_A_RULE };
    for rule in rules.iter().take(most) {
        let place = rule.place.as_ref().map(|place| format!(" ({})", clean(place))).unwrap_or_default();
        let verb = match (rule.action, rule.findings) {
            (Action::Fail, 1) => "fails",
            (Action::Fail, _) => "fail",
            (_, 1) => "warns",
            _ => "warn",
        };
        let mut text = format!("{}{place}: {} {verb}", clean(&rule.rule), count(rule.findings, "finding"));
        if let [remedy, others @ ..] = rule.remedies.as_slice() {
            let others = if others.is_empty() { "" } else { ", …" };
            text += &format!("; to pass: {}{others}", clean(remedy));
        }
        let mut lines = wrap(&text, page.width.saturating_sub(DECIDING + 3));
        if lines.len() > LINES_OF_DECIDING {
            lines.truncate(LINES_OF_DECIDING);
            if let Some(last) = lines.last_mut() {
                last.push_str(" …");
            }
        }
        for (index, line) in lines.iter().enumerate() {
            let indent = if index == 0 { 2 } else { DECIDING };
            page.line(&format!("{:indent$}{line}", ""))?;
        }
    }
    if rules.len() > most {
        page.line(&format!("  and {} of the policy, shown with -v", count(rules.len() - most, "more rule")))?;
    }
    Ok(())
}

/// The rule behind the worst open finding explains itself; with none, the whole report is worth a look.
fn next_command(report: &Report) -> String {
    let open =
        |action: Action| report.findings.iter().find(move |judged| judged.waiver.is_none() && judged.action == action);
    let is_unjudged = |judged: &&Judged| judged.finding.rule == &NO_ADVISORIES;
    match open(Action::Fail).or_else(|| open(Action::Warn)) {
        Some(judged) if report.verdict.outcome == Outcome::Incomplete && is_unjudged(&judged) => {
            format!("careen db update --for {}", quote(&report.target.reference))
        }
        Some(judged) if report.verdict.outcome != Outcome::Incomplete => {
            format!("careen explain {}", judged.finding.rule.id)
        }
        _ => format!("careen scan {} -f json", quote(&report.target.reference)),
    }
}

/// A word for a POSIX shell.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@+,=~%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", clean(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
