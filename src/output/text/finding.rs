//! How the report for people tells one finding, or several that are one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use anstyle::Style as Ansi;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::super::columns::{cut_end, cut_middle, split, wrap};
use super::super::page::{Page, colour_of};
use super::super::{Style, clean, count};
use super::{INDENT, is_bill};
use crate::advisory::finding::STALE;
use crate::finding::{Finding, Location, Visibility};
use crate::inventory::Origin;
use crate::policy::{Action, Judged, NO_RULE};
use crate::report::{Report, ReportedLayer};
use crate::rule::Severity;

/// Fewest columns a path is cut to.
const LEAST_PATH: usize = 16;

/// Fewest columns of a build step that are worth showing.
const LEAST_STEP: usize = 8;

/// Places of one secret shown; the rest is counted.
const SHOWN_PLACES: usize = 5;

/// Findings of one rule, in groups to be shown as one: those on the same secret; those that are worth knowing only,
/// in the same file; and those on sources of data.
pub(super) fn fold<'a>(of_rule: &[&'a Judged], style: &Style) -> Vec<Vec<&'a Judged>> {
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
pub(super) fn folded(several: &[&Judged], report: &Report, page: &mut Page<'_>) -> io::Result<()> {
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

/// The waivers of several findings, each once.
pub(super) fn waivers(several: &[&Judged], page: &mut Page<'_>) -> io::Result<()> {
    let mut told: Vec<&str> = Vec::new();
    for judged in several {
        if let Some(waiver) = &judged.waiver
            && !told.contains(&waiver.place.as_str())
        {
            told.push(&waiver.place);
            waived(judged, page)?;
        }
    }
    Ok(())
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
pub(super) fn first_sentence(text: &str) -> &str {
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
pub(super) fn finding(judged: &Judged, report: &Report, style: &Style, page: &mut Page<'_>) -> io::Result<()> {
    let finding = &judged.finding;
    let rest = page.width.saturating_sub(INDENT + finding.rule.id.width() + 2);
    let said = sentence(finding);
    let (first, second) = headline(&said, finding, rest, page.width.saturating_sub(INDENT));
    headed(finding, &first, page)?;
    if let Some(second) = &second {
        page.line(&format!("{:INDENT$}{second}", ""))?;
    }
    placed(action_word(judged), finding, report, page)?;

    if style.show_waived && !style.verbose {
        waived(judged, page)?;
    }
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
pub(super) fn headline(sentence: &str, finding: &Finding, width: usize, second: usize) -> (String, Option<String>) {
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
pub(super) fn sentence(finding: &Finding) -> String {
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

/// Why and until when a waiver accepts a finding.
pub(super) fn waived(judged: &Judged, page: &mut Page<'_>) -> io::Result<()> {
    let Some(waiver) = &judged.waiver else { return Ok(()) };
    let until = waiver.expires.map(|day| format!(" until {day}")).unwrap_or_default();
    page.paragraph(&format!("waived{until} in {}: {}", clean(&waiver.place), clean(&waiver.reason)), INDENT)
}

/// What more is known of a finding, for `-v`.
pub(in crate::output) fn details(judged: &Judged, page: &mut Page<'_>) -> io::Result<()> {
    let finding = &judged.finding;
    let evidence: Vec<String> =
        finding.evidence.iter().filter_map(|(key, value)| Some(format!("{key} {}", plain(value)?))).collect();
    let mut parts = vec![format!("confidence {}", finding.confidence)];
    parts.extend(evidence);
    let by = if judged.decided_by == NO_RULE { "" } else { "decided by " };
    parts.push(format!("{by}{}", clean(&judged.decided_by)));
    parts.push(format!("id {}", finding.fingerprint()));
    page.paragraph(&parts.join("; "), INDENT)?;
    waived(judged, page)?;
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
    let is_base = layer.is_some_and(|index| layers.iter().any(|one| one.index == index && one.origin == Origin::Base));
    let whose_base = " (base)";
    let whose = if is_base { whose_base } else { "" };
    let of_setting = if finding.origin == Some(Origin::Base) { whose_base } else { "" };
    let mut brought = layer.map_or_else(|| of_setting.into(), |index| format!(", layer {index}{whose}"));
    if let Some(line) = finding.evidence.get("dockerfile").and_then(Value::as_str) {
        let changed = finding.evidence.get("dockerfile_changed").and_then(Value::as_bool).unwrap_or_default();
        brought = format!(", {}{}{brought}", clean(line), if changed { " (changed since)" } else { "" });
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
pub(super) fn without_arguments(step: &str) -> Cow<'_, str> {
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
