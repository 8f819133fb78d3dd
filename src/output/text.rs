//! The report for people: what was scanned, what is wrong where, what was not read, the verdict.
//!
//! Fits the width it is told. Every text that may come from an image is escaped before it is
//! measured. Colours repeat what a word says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Color, Style as Ansi};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::columns::{cut_end, cut_middle, split, wrap};
use super::page::{Page, colour_of};
use super::{Format, Style, advisories, clean, count, package_table, upgrades};
use crate::advisory::finding::{NO_ADVISORIES, STALE};
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::State;
use crate::limitation::Limitation;
use crate::policy::{Action, Judged, NO_RULE, Outcome};
use crate::report::{Report, ReportedLayer};
use crate::rule::Severity;
use crate::source::sbom;

/// Fewest columns the layout works with; narrower terminals wrap.
const LEAST_WIDTH: usize = 60;

/// Fewest columns a path is cut to.
const LEAST_PATH: usize = 16;

/// Fewest columns of a build step that are worth showing.
const LEAST_STEP: usize = 8;

/// Most columns used, since longer lines are hard to follow.
const MOST_WIDTH: usize = 120;

/// Findings of one rule shown in full; the rest is counted.
pub(super) const SHOWN_OF_A_RULE: usize = 5;

/// Limitations shown; the rest is counted.
const SHOWN_LIMITATIONS: usize = 10;

/// Family of the rules about secrets.
const SECRET: &str = "secret";

/// Places of one secret shown; the rest is counted.
const SHOWN_PLACES: usize = 5;

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
                    several => folded(several, report, page)?,
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
    verdict(report, page)
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
    page.list(&parts, ", ", 2)
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

/// Findings of one rule, in groups to be shown as one: those on the same secret; those that are worth knowing only,
/// in the same file; and those on sources of data.
fn fold<'a>(of_rule: &[&'a Judged], style: &Style) -> Vec<Vec<&'a Judged>> {
    let is_one = |a: &Judged, b: &Judged| {
        if a.finding.rule == &STALE && b.finding.rule == &STALE {
            return (a.finding.severity, a.action) == (b.finding.severity, b.action)
                && a.waiver.is_none()
                && b.waiver.is_none();
        }
        let secret = |judged: &Judged| judged.finding.evidence.get("secret").and_then(Value::as_str).map(str::to_owned);
        if secret(a).is_some_and(|id| secret(b).is_some_and(|other| other == id)) {
            return (a.finding.severity, a.action, a.waiver.is_some())
                == (b.finding.severity, b.action, b.waiver.is_some());
        }
        let (Location::File { path, layer, .. }, Location::File { path: other, layer: other_layer, .. }) =
            (&a.finding.location, &b.finding.location)
        else {
            return false;
        };
        (a.finding.severity, b.finding.severity) == (Severity::Info, Severity::Info)
            && (path, layer, a.action, a.waiver.is_some()) == (other, other_layer, b.action, b.waiver.is_some())
    };
    let mut groups: Vec<Vec<&Judged>> = Vec::new();
    for judged in of_rule {
        // in the report they may be apart, by their subjects; the last groups are enough to look at
        let group = groups.iter_mut().rev().take(64).find(|group| group.first().is_some_and(|a| is_one(a, judged)));
        match group.filter(|_| !style.verbose) {
            Some(group) => group.push(judged),
            None => groups.push(vec![judged]),
        }
    }
    groups
}

/// Several findings of one rule in one file: how many and where, on one line if the place fits.
fn folded(several: &[&Judged], report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let Some(first) = several.first() else { return Ok(()) };
    if first.finding.rule == &STALE {
        let rest = page.width.saturating_sub(INDENT + first.finding.rule.id.width() + 2);
        headed(&first.finding, &cut_end(&stale(several), rest), page)?;
        return placed(action_word(first), &first.finding, report, page);
    }
    if first.finding.evidence.contains_key("secret") && several.iter().all(|one| is_same_secret(one, first)) {
        return same_secret(several, report, page);
    }
    let mut finding = first.finding.clone();
    if let Location::File { lines, .. } = &mut finding.location {
        *lines = None;
    }
    let word = action_word(first);
    let found = count(several.len(), "finding");
    let found = if word.is_empty() { found } else { format!("{found} ({word})") };
    let short = format!("{found} in {}", place(&finding, &[], is_bill(report), usize::MAX));
    if short.width() <= page.width.saturating_sub(INDENT + finding.rule.id.width() + 2) {
        return headed(&finding, &short, page);
    }
    headed(&finding, &format!("{} in this file", count(several.len(), "finding")), page)?;
    placed(word, &finding, report, page)
}

fn is_same_secret(a: &Judged, b: &Judged) -> bool {
    a.finding.evidence.get("secret") == b.finding.evidence.get("secret")
}

/// One secret in several places: what it is once, then each place.
fn same_secret(several: &[&Judged], report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let Some(first) = several.first() else { return Ok(()) };
    let said = format!("{}, in {} places", sentence(&first.finding), several.len());
    let rest = page.width.saturating_sub(INDENT + first.finding.rule.id.width() + 2);
    let (line, second) = headline(&said, &first.finding, rest, page.width.saturating_sub(INDENT));
    headed(&first.finding, &line, page)?;
    if let Some(second) = &second {
        page.line(&format!("{:INDENT$}{second}", ""))?;
    }
    for (index, judged) in several.iter().take(SHOWN_PLACES).enumerate() {
        placed(if index == 0 { action_word(first) } else { "" }, &judged.finding, report, page)?;
    }
    if several.len() > SHOWN_PLACES {
        page.line(&format!("{:INDENT$}and {} more places", "", several.len() - SHOWN_PLACES))?;
    }
    Ok(())
}

/// The text to its first full stop before a blank.
fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| text.get(..=end).unwrap_or(text)).trim_end_matches('.')
}

/// Several sources that are old, in a sentence.
fn stale(several: &[&Judged]) -> String {
    let days = several.iter().filter_map(|judged| judged.finding.evidence.get("days")?.as_i64());
    let (least, most) = (days.clone().min().unwrap_or(0), days.max().unwrap_or(0));
    let days = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let names: Vec<String> = several.iter().map(|judged| clean(&judged.finding.subject)).collect();
    format!("the advisories of {} are {days} days old: {}", count(several.len(), "source"), names.join(", "))
}

/// Severity and rule, and what is said of them.
fn headed(finding: &Finding, said: &str, page: &mut Page<'_>) -> io::Result<()> {
    let severity = page.paint(&format!("{:<8}", finding.severity.as_str()), colour_of(finding.severity));
    let rule = page.paint(finding.rule.id, Ansi::new().bold());
    page.line(&format!("  {severity}  {rule}  {said}"))
}

/// What the policy says, and the place.
fn placed(word: &str, finding: &Finding, report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let place = place(finding, &report.target.layers, is_bill(report), page.width.saturating_sub(INDENT));
    for (index, line) in wrap(&place, page.width.saturating_sub(INDENT)).iter().enumerate() {
        page.line(&format!("  {:<8}  {line}", if index == 0 { word } else { "" }))?;
    }
    Ok(())
}

/// Severity, rule, what is wrong, on a second line too if it takes one; what the policy says, where,
/// whether it can be seen.
fn finding(judged: &Judged, report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let finding = &judged.finding;
    let rest = page.width.saturating_sub(INDENT + finding.rule.id.width() + 2);
    let said = sentence(finding);
    let (first, second) = headline(&said, finding, rest, page.width.saturating_sub(INDENT));
    headed(finding, &first, page)?;
    if let Some(second) = &second {
        page.line(&format!("{:INDENT$}{second}", ""))?;
    }
    placed(action_word(judged), finding, report, page)?;

    if style.verbose {
        if first.contains('…') || second.is_some_and(|second| second.contains('…')) {
            page.paragraph(&said, INDENT)?;
        }
        details(judged, page)?;
    }
    Ok(())
}

/// A sentence in `width` columns, and if it takes more, a second line of `second` columns.
///
/// The path in it gives way first, since the place shows it, then the end of the second line.
fn headline(sentence: &str, finding: &Finding, width: usize, second: usize) -> (String, Option<String>) {
    let path = match &finding.location {
        Location::File { path, .. } | Location::Package { path, .. } => path.to_string(),
        _ => String::new(),
    };
    let shortened = |by: usize| {
        if by == 0 || path.is_empty() || !sentence.contains(&path) {
            return sentence.to_owned();
        }
        let short = cut_middle(&path, path.width().saturating_sub(by).max(LEAST_PATH));
        sentence.replacen(&path, &short, 1)
    };
    let on_one = shortened(sentence.width().saturating_sub(width));
    if on_one.width() <= width {
        return (on_one, None);
    }
    let (first, rest) = split(sentence, width);
    if rest.width() <= second {
        return (first, Some(rest));
    }
    let (mut first, mut rest) = split(&shortened(rest.width() - second), width);
    if rest.width() > second {
        (first, rest) = split(&shortened(usize::MAX), width);
    }
    (first, Some(cut_end(&rest, second)))
}

/// Message, with subject and masked value where it names neither, without the place, which has its own line.
fn sentence(finding: &Finding) -> String {
    let mut message = clean(&finding.message);
    let place = match &finding.location {
        Location::File { path, .. } => Some(format!(" in {path}")),
        Location::Config { key } => Some(format!(" in configuration, {}", clean(key))),
        Location::History { index, key, .. } => Some(format!(" in build step {index}, {}", clean(key))),
        Location::Package { .. } | Location::Dockerfile { .. } | Location::Image => None,
    };
    if let Some((before, after)) = place.as_deref().and_then(|place| message.split_once(place)) {
        // not when it is the beginning of a longer path or name
        if after.chars().next().is_none_or(|c| ":;, ".contains(c)) {
            message = format!("{before}{after}");
        }
    }
    let subject = clean(&finding.subject);
    let is_named = subject.is_empty()
        || message.contains(&subject)
        || match &finding.location {
            Location::File { path, .. } => subject == path.to_string(),
            Location::Config { key } | Location::History { key, .. } => clean(key).contains(&subject),
            Location::Dockerfile { .. } | Location::Image => true,
            Location::Package { .. } => false,
        };
    let mut text = if is_named { message } else { format!("{message} ({subject})") };
    let masked = finding.evidence.get("masked").and_then(Value::as_str).map(clean);
    if let Some(masked) = masked.filter(|masked| !text.contains(masked)) {
        let _ = write!(text, " ({masked})");
    }
    text
}

/// A piece of evidence as people read it: a word, a list of words, or a few words with what each is about. What is
/// built otherwise stands in the JSON report alone.
fn plain(value: &Value) -> Option<String> {
    /// Words of a list that are shown.
    const MOST: usize = 8;
    let word = |value: &Value| match value {
        Value::String(text) => Some(clean(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_so) => Some(if *is_so { "yes" } else { "no" }.to_owned()),
        _ => None,
    };
    match value {
        Value::Array(list) => {
            let mut words = list.iter().take(MOST).map(word).collect::<Option<Vec<_>>>()?;
            if list.len() > MOST {
                words.push(format!("and {} more", list.len() - MOST));
            }
            Some(words.join(", ")).filter(|words| !words.is_empty())
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().take(MOST).filter_map(|(key, value)| Some(format!("{} {}", clean(key), word(value)?)));
            Some(fields.collect::<Vec<_>>().join(", "))
                .filter(|fields| !fields.is_empty())
                .map(|fields| format!("({fields})"))
        }
        value => word(value).filter(|word| !word.is_empty()),
    }
}

/// What more is known of a finding, for `-v`.
pub(super) fn details(judged: &Judged, page: &mut Page<'_>) -> io::Result<()> {
    let finding = &judged.finding;
    let evidence: Vec<String> =
        finding.evidence.iter().filter_map(|(key, value)| Some(format!("{key} {}", plain(value)?))).collect();
    let mut parts = vec![format!("confidence {}", finding.confidence)];
    parts.extend(evidence);
    let by = if judged.decided_by == NO_RULE { "" } else { "decided by " };
    parts.push(format!("{by}{}", clean(&judged.decided_by)));
    parts.push(format!("id {}", finding.fingerprint()));
    page.paragraph(&parts.join("; "), INDENT)?;
    if let Some(waiver) = &judged.waiver {
        let until = waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        page.paragraph(&format!("waived{until} in {}: {}", clean(&waiver.place), clean(&waiver.reason)), INDENT)?;
    }
    if !finding.rule.remediation.is_empty() {
        page.paragraph(&format!("to do: {}", finding.rule.remediation), INDENT)?;
    }
    Ok(())
}

/// `path:line, layer 4 COPY . /app, deleted in layer 5, still shipped` in `width` columns.
///
/// The build step gives way first, then the middle of the path.
fn place(finding: &Finding, layers: &[ReportedLayer], is_bill: bool, width: usize) -> String {
    let (name, lines, layer) = match &finding.location {
        // a bill of materials need not say in which file and layer something is
        Location::File { path, .. } | Location::Package { path, .. } if is_bill && path.is_root() => {
            ("the bill of materials".into(), String::new(), None)
        }
        Location::File { path, layer, lines } => {
            let lines = match lines {
                Some((first, last)) if first == last => format!(":{first}"),
                Some((first, last)) => format!(":{first}-{last}"),
                None => String::new(),
            };
            (path.to_string(), lines, Some(*layer))
        }
        Location::Package { path, layer, .. } => (path.to_string(), String::new(), Some(*layer)),
        Location::Config { key } => (format!("config {}", clean(key)), String::new(), None),
        Location::History { index, layer, key } => {
            (format!("build step {index} {}", clean(key)), String::new(), *layer)
        }
        Location::Dockerfile { file, start: (line, column), .. } => (clean(file), format!(":{line}:{column}"), None),
        Location::Image => ("the whole image".into(), String::new(), None),
    };
    let layer = layer.filter(|index| !is_bill || layers.iter().any(|layer| layer.index == *index));
    let seen = match finding.visibility {
        Visibility::Live => String::new(),
        Visibility::Deleted => gone("deleted", finding.removed_in_layer),
        Visibility::Overwritten => gone("overwritten", finding.removed_in_layer),
    };
    let mut brought = layer.map(|index| format!(", layer {index}")).unwrap_or_default();
    if let Some(line) = finding.evidence.get("dockerfile").and_then(Value::as_str) {
        brought = format!(", {}{brought}", clean(line));
    }
    let room = width.saturating_sub(lines.width() + brought.width() + seen.width());
    let name = cut_middle(&name, room.max(LEAST_PATH));
    let step = layer
        .and_then(|index| layers.iter().find(|layer| layer.index == index)?.created_by.as_deref())
        .map(|step| clean(&without_arguments(step.trim())).replace('`', "'"))
        .and_then(|step| {
            // a blank and two backticks go round it
            let room = room.saturating_sub(name.width() + 3);
            (step.width() <= room || room >= LEAST_STEP).then(|| format!(" `{}`", cut_end(&step, room)))
        })
        .unwrap_or_default();
    format!("{name}{lines}{brought}{step}{seen}")
}

/// A `RUN` step without the shell and the build arguments that builders put before what it ran.
fn without_arguments(step: &str) -> Cow<'_, str> {
    let Some(rest) = step.strip_prefix("RUN ") else { return step.into() };
    match rest.split_once("/bin/sh -c ") {
        Some((arguments, command)) if arguments.is_empty() || arguments.starts_with('|') => {
            format!("RUN {command}").into()
        }
        _ => step.into(),
    }
}

fn gone(word: &str, layer: Option<u32>) -> String {
    match layer {
        Some(index) => format!(", {word} in layer {index}, still shipped"),
        None => format!(", {word} later, still shipped"),
    }
}

fn action_word(judged: &Judged) -> &'static str {
    match judged.action {
        _ if judged.waiver.is_some() => "waived",
        _ if judged.is_gap() => "unjudged",
        Action::Fail => "fails",
        Action::Warn => "warns",
        Action::Info | Action::Ignore => "",
    }
}

fn limitations(report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let (gaps, notes): (Vec<&Limitation>, Vec<&Limitation>) =
        report.limitations.iter().partition(|limitation| limitation.is_gap);
    for (heading, list, is_shown) in [("not read", gaps, true), ("noticed", notes, style.verbose)] {
        if list.is_empty() || !is_shown {
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
    let notes = report.limitations.iter().filter(|limitation| !limitation.is_gap).count();
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

/// Outcome, reason, and what to do next.
fn verdict(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let (word, colour) = match report.verdict.outcome {
        Outcome::Passed => ("passed", AnsiColor::Green),
        Outcome::Failed => ("failed", AnsiColor::Red),
        Outcome::Incomplete => ("incomplete", AnsiColor::Yellow),
    };
    page.blank()?;
    let paint = Ansi::new().bold().fg_color(Some(Color::Ansi(colour)));
    let reason = wrap(&format!("{word}: {}", clean(&report.verdict.reason)), page.width.saturating_sub(2));
    for (index, line) in reason.iter().enumerate() {
        match line.strip_prefix(word).filter(|_| index == 0) {
            Some(rest) => page.line(&format!("{}{rest}", page.paint(word, paint)))?,
            // never at the margin, where a text from an image could pass for a verdict
            None => page.line(&format!("  {line}"))?,
        }
    }
    // a command is for copying, so it is never cut
    page.line(&format!("next: {}", next_command(report)))
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
mod tests {
    use super::super::sample;
    use super::*;

    fn render(report: &Report, style: &Style) -> String {
        let mut out = Vec::new();
        Text.render(std::slice::from_ref(report), style, &mut out).expect("memory can be written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn sources_that_are_old_are_one_line() {
        let mut report = sample::report();
        let of = |(family, days): (&str, i64)| Judged {
            finding: Finding::new(&STALE, family, Location::Image, format!("{family} is old")).evidence("days", days),
            action: Action::Warn,
            decided_by: String::new(),
            note: None,
            waiver: None,
        };
        report.findings = [("osv/Debian", 9), ("osv/PyPI", 30)].map(of).into();
        let expected = "  low       data/stale  the advisories of 2 sources are 9 to 30 days old: osv/Debian, osv/PyPI\n  \
                        warns     the whole image\n";
        let wide = Style { width: 120, ..sample::style() };
        assert!(render(&report, &wide).contains(expected), "{}", render(&report, &wide));
        let verbose = render(&report, &Style { verbose: true, ..wide });
        assert!(verbose.contains("osv/Debian is old") && verbose.contains("osv/PyPI is old"), "{verbose}");
    }

    #[test]
    fn a_report_is_read_by_people() {
        insta::assert_snapshot!(render(&sample::report(), &sample::style()), @r"
        registry.example.com/shop/api:1.4, sha256:05b3abf2579a, linux/amd64,
          Debian GNU/Linux 12 (bookworm), 4 layers, 40.0 MiB
        packages: 1 deb, 1 pypi (1 owned by system packages)

        secret: 2 findings
          critical  secret/aws-access-key  holds an AWS access key
                    (AKIA************WXYZ)
          fails     /app/.env:3, layer 2 `COPY . /a…`, deleted in layer 3, still shipped
                    to do: Revoke the key, then keep it out of the build with
                    `--mount=type=secret`
          high      secret/build-argument  the build argument `NPM_TOKEN` holds a token
          fails     build step 4 NPM_TOKEN, layer 1 `RUN apt-get update && apt-get ins…`

        image: 2 findings
          medium    image/root-user  starts as `root`, uid 0
          warns     config User
          info      image/wasted-space  12.0 MiB of 40.0 MiB are in no container
          warns     the whole image

        layer: 7 findings
          low       layer/package-cache  an apt cache of 1.0 MiB
          warns     /var/cache/apt/archives/package-0.deb, layer 1 `RUN apt-get update…`
          low       layer/package-cache  an apt cache of 1.0 MiB
          warns     /var/cache/apt/archives/package-1.deb, layer 1 `RUN apt-get update…`
          low       layer/package-cache  an apt cache of 1.0 MiB
          warns     /var/cache/apt/archives/package-2.deb, layer 1 `RUN apt-get update…`
          low       layer/package-cache  an apt cache of 1.0 MiB
          warns     /var/cache/apt/archives/package-3.deb, layer 1 `RUN apt-get update…`
          low       layer/package-cache  an apt cache of 1.0 MiB
          warns     /var/cache/apt/archives/package-4.deb, layer 1 `RUN apt-get update…`
                    and 2 more of layer/package-cache, shown with -v

        not read: 1 gap
          layer 1: gzip data ends early, after 41.2 MiB (layer-truncated)
            help: fetch the archive again

        not shown: 1 waived, 1 ignored by the policy, 1 note

        failed: 2 findings break careen:2026
        next: careen explain secret/aws-access-key
        ");
    }

    #[test]
    fn a_verbose_report_says_everything() {
        let style = Style { verbose: true, show_waived: true, least: Severity::Medium, ..sample::style() };
        insta::assert_snapshot!(render(&sample::report(), &style), @r"
        registry.example.com/shop/api:1.4, sha256:05b3abf2579a, linux/amd64,
          Debian GNU/Linux 12 (bookworm), 4 layers, 40.0 MiB
        packages: 1 deb, 1 pypi (1 owned by system packages)

        secret: 2 findings
          critical  secret/aws-access-key  holds an AWS access key
                    (AKIA************WXYZ)
          fails     /app/.env:3, layer 2 `COPY . /a…`, deleted in layer 3, still shipped
                    confidence high; masked AKIA************WXYZ; decided by
                    careen:2026; id bbc8ce635552913a630362d64338541a
                    to do: Revoke the key, then keep it out of the build with
                    `--mount=type=secret`.
          high      secret/build-argument  the build argument `NPM_TOKEN` holds a token
          fails     build step 4 NPM_TOKEN, layer 1 `RUN apt-get update && apt-get ins…`
                    confidence high; decided by careen:2026; id
                    524d082c9b6fca012456b42cbbe1a23a

        package: 1 finding
          medium    package/end-of-life  openssl 3.0.11-1 is maintained no more
                    (pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12)
          waived    /var/lib/dpkg/status, layer 1 `RUN apt-get update && apt-get insta…`
                    confidence high; decided by careen:2026; id
                    0f56e15b3da0438881cdc46831ff104a
                    waived until 2027-01-01 in careen.toml:12: the port is closed by the
                    firewall

        image: 1 finding
          medium    image/root-user  starts as `root`, uid 0
          warns     config User
                    confidence high; decided by careen:2026; id
                    ad0a5e8baac1459dc32e2d471a6b2c2b

        not read: 1 gap
          layer 1: gzip data ends early, after 41.2 MiB (layer-truncated)
            help: fetch the archive again

        noticed: 1 note
          layer 2: 512 bytes after the end of the archive (trailing-bytes)

        not shown: 8 below medium, 1 ignored by the policy

        failed: 2 findings break careen:2026
        next: careen explain secret/aws-access-key
        ");
    }

    #[test]
    fn a_clean_report_is_short() {
        insta::assert_snapshot!(render(&sample::empty(), &sample::style()), @r"
        standard input, 0 layers, 0 B
        packages: none found

        passed: nothing breaks careen:2026
        next: careen scan - -f json
        ");
    }

    #[test]
    fn hostile_text_is_shown_and_does_nothing() {
        insta::assert_snapshot!(render(&sample::hostile(), &sample::style()), @r"
        image<script>alert(1)</sc…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
          sha256:05b3abf2579a,
          <script>alert(1)</script>…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
          <script>alert(1)</script>…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
          4 layers, 40.0 MiB
        packages: 1 deb, 1 pypi (1 owned by system packages)

        secret: 2 findings
          critical  secret/aws-access-key  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          fails     /a:b/<s…rged: %41 ?#[]:3, layer 2, deleted in layer 3, still shipped
                    to do: Revoke the key, then keep it out of the build with
                    `--mount=type=secret`
          high      secret/build-argument  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          fails     build step 4 <scrip…1b[2J\u{202e}\u{9b}\nforged: line\r\x7f, layer 1

        image: 2 findings
          medium    image/root-user  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     config <script>alert(1…){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f
          info      image/wasted-space  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     the whole image

        layer: 7 findings
          low       layer/package-cache  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
          low       layer/package-cache  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
          low       layer/package-cache  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
          low       layer/package-cache  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
          low       layer/package-cache  holds
                    <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
          warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
                    and 2 more of layer/package-cache, shown with -v

        not read: 1 gap
          <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
          \nforged: line\r\x7f:
          <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
          \nforged: line\r\x7f (layer-unreadable)
            help:
            <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9
            b}\nforged: line\r\x7f

        not shown: 1 waived, 1 ignored by the policy

        failed:
          <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
          \nforged: line\r\x7f
        next: careen explain secret/aws-access-key
        ");
    }

    #[test]
    fn a_headline_keeps_what_the_place_does_not_say() {
        let file = Location::File { path: "usr/local/lib/project/bin/helper".into(), layer: 1, lines: None };
        let config = Location::Config { key: "Env.TOKEN".into() };
        let history = Location::History { index: 4, layer: None, key: "TOKEN".into() };
        let cases = [
            (&file, "`/usr/local/lib/project/bin/helper` is setuid", "`/usr/l…t/bin/helper` is setuid"),
            (&file, "token in /usr/local/lib/project/bin/helper: ab…yz", "token: ab…yz"),
            (&config, "token in configuration, Env.TOKEN: ab…yz", "token: ab…yz"),
            (&history, "token in build step 4, TOKEN: ab…yz", "token: ab…yz"),
            (&history, "token in build step 4, TOKENS", "token in build step 4, TOKENS"),
            (&config, "a sentence that goes on and on and on: 5 B", "a sentence that goes on and on | and on: 5 B"),
            (
                &config,
                "a sentence that goes on and on and on and on and on and on and on",
                "a sentence that goes on and on | and on and on and on and on an…",
            ),
            (
                &file,
                "`/usr/local/lib/project/bin/helper` is 42 B (5 MiB over) beyond this",
                "`/usr/…bin/helper` is 42 B (5 | MiB over) beyond this",
            ),
        ];
        for (location, message, shown) in cases {
            let rule = sample::report().findings[0].finding.rule;
            let finding = Finding::new(rule, "", location.clone(), message);
            let (first, second) = headline(&sentence(&finding), &finding, 31, 31);
            let text = second.map_or_else(|| first.clone(), |second| format!("{first} | {second}"));
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn what_is_worth_knowing_only_is_counted_by_file() {
        let mut report = sample::report();
        let mut of = report.findings.iter().find(|judged| judged.finding.severity == Severity::Info).cloned();
        let template = of.take().expect("the sample has one");
        let deep = "usr/share/doc/a-package-with-a-long-name/examples/keys-that-open-nothing.txt";
        report.findings = [("etc/a", 1), ("etc/b", 7), ("etc/a", 9), (deep, 1), (deep, 2)]
            .into_iter()
            .map(|(path, line)| {
                let mut judged = template.clone();
                judged.finding.location = Location::File { path: path.into(), layer: 1, lines: Some((line, line)) };
                judged
            })
            .collect();
        let text = render(&report, &sample::style());
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("image: 5")).skip(1).take(5).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        info      image/wasted-space  2 findings (warns) in /etc/a, layer 1
        info      image/wasted-space  12.0 MiB of 40.0 MiB are in no container (image)
        warns     /etc/b:7, layer 1 `RUN apt-get update && apt-get install -y openssl`
        info      image/wasted-space  2 findings in this file
        warns     /usr/share/doc/a-pa…ame/examples/keys-that-open-nothing.txt, layer 1
        ");
        let verbose = render(&report, &Style { verbose: true, ..sample::style() });
        assert!(verbose.contains("/etc/a:9,"), "{verbose}");
    }

    #[test]
    fn the_forms_in_the_documentation_are_printed() {
        let mut counted = sample::report();
        let waste = counted.findings.iter().position(|judged| judged.finding.severity == Severity::Info);
        let mut judged = counted.findings.swap_remove(waste.expect("the sample has one"));
        judged.finding.location = Location::File { path: "etc/a".into(), layer: 1, lines: None };
        counted.findings = vec![judged.clone(), judged];
        let printed = render(&sample::report(), &sample::style()) + &render(&counted, &sample::style());
        let document = include_str!("../../docs/formats/report.md");
        let example = document.split("```\n").nth(1).expect("an example");
        for line in example.lines() {
            assert!(printed.lines().any(|other| other == line), "nothing prints: {line}");
        }
    }

    #[test]
    fn the_first_line_leaves_out_what_is_not_known() {
        let mut report = sample::empty();
        report.target.reference = "rootd".into();
        report.target.distro = Some(crate::inventory::Distro::default());
        assert!(render(&report, &sample::style()).starts_with("rootd, 0 layers, 0 B\n"));
    }

    #[test]
    fn every_line_fits() {
        for width in [10, 60, 80, 100, 500] {
            for report in [sample::report, sample::hostile, sample::empty] {
                for verbose in [false, true] {
                    let style = Style { width, verbose, packages: verbose, show_waived: true, ..sample::style() };
                    let text = render(&report(), &style);
                    for line in text.lines().filter(|line| !line.starts_with("next: ")) {
                        assert!(line.width() <= width.clamp(LEAST_WIDTH, MOST_WIDTH), "{width}: {line}");
                        assert_eq!(line, line.trim_end());
                    }
                }
            }
        }
    }

    #[test]
    fn colours_add_nothing_but_colours() {
        let plain = render(&sample::report(), &sample::style());
        let coloured = render(&sample::report(), &Style { colour: true, ..sample::style() });
        assert!(coloured.contains('\x1b'));
        let mut stripped = String::new();
        for (index, part) in coloured.split('\x1b').enumerate() {
            stripped.push_str(if index == 0 { part } else { part.split_once('m').expect("a colour").1 });
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn steps_and_commands_are_shown_as_people_write_them() {
        assert_eq!(without_arguments("RUN |1 A=b /bin/sh -c make"), "RUN make");
        assert_eq!(without_arguments("RUN echo /bin/sh -c x"), "RUN echo /bin/sh -c x");
        assert_eq!(quote("out dir/it's.tar"), "'out dir/it'\\''s.tar'");
    }
}
