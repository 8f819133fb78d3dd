//! The words that keys of policy files take.

use std::ops::Range;
use std::str::FromStr;

use toml::de::DeValue;

use super::Known;
use super::key::VISIBILITIES;
use super::reader::Value;
use super::vocabulary::wrong_flaw;
use crate::error::Result;
use crate::finding::Visibility;
use crate::inventory::Origin;
use crate::nearest::nearest;
use crate::policy::RULES;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::fail_on::families;
use crate::policy::pattern::{Bound, Glob};
use crate::policy::selector::{Named, is_rule};
use crate::policy::{Action, Hours};
use crate::rule::Rule;
use crate::size::ByteSize;
use crate::time::Date;

/// What a policy may make of a finding.
pub(in crate::policy) fn action(word: &str, span: Range<usize>) -> Result<Action, Diagnostic> {
    let words = [("fail", Action::Fail), ("ignore", Action::Ignore), ("info", Action::Info), ("warn", Action::Warn)];
    one_of(word, span, "action", &words)
}

/// What a table may make of what is against it: to ignore that is to leave it out.
pub(in crate::policy) fn table_action(word: &str, span: Range<usize>) -> Result<Action, Diagnostic> {
    one_of(word, span, "action", &[("fail", Action::Fail), ("info", Action::Info), ("warn", Action::Warn)])
}

/// One of these words.
pub(in crate::policy) fn one_of<T: Copy>(
    word: &str,
    span: Range<usize>,
    what: &str,
    words: &[(&str, T)],
) -> Result<T, Diagnostic> {
    words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        Diagnostic::new(span, format!("unknown {what} `{word}`")).suggest(word, words.iter().map(|(name, _)| *name))
    })
}

/// Whose a layer is.
pub(super) fn origin(word: &str, span: Range<usize>) -> Result<Origin, Diagnostic> {
    one_of(word, span, "origin", &[("app", Origin::App), ("base", Origin::Base), ("unknown", Origin::Unknown)])
}

/// Whether a container sees something.
pub(super) fn visibility(word: &str, span: Range<usize>) -> Result<Visibility, Diagnostic> {
    let all = [Visibility::Deleted, Visibility::Live, Visibility::Overwritten];
    let words: Vec<(&str, Visibility)> = VISIBILITIES.iter().copied().zip(all).collect();
    one_of(word, span, "visibility", &words)
}

/// One of these ordered words, with a sign or not.
pub(super) fn bound<T: FromStr + PartialOrd>(
    text: &str,
    span: Range<usize>,
    what: &str,
    words: &[(&str, T)],
) -> Result<Bound<T>, Diagnostic> {
    let bound: Bound<T> = text.parse().map_err(|_| {
        let word = text.trim_start_matches(['<', '>', '=', ' ']);
        Diagnostic::new(span.clone(), format!("unknown {what} `{word}`"))
            .suggest(word, words.iter().map(|(word, _)| *word))
            .help("a sign may stand before it: `>=`, `<=`, `>`, `<`")
    })?;
    if words.iter().any(|(_, value)| bound.holds(value)) {
        return Ok(bound);
    }
    Err(Diagnostic::new(span, format!("no {what} is `{text}`")))
}

/// A number with a sign: no two scores are the same, so that one without would select nothing.
pub(super) fn number(text: &str, span: Range<usize>, what: &str, most: f64) -> Result<Bound<f64>, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::new(span.clone(), message).help(format!(
            "write a number such as `{what} = {most:.1}`, which is the least, or a sign and a number: `\"<{most:.1}\"`"
        ))
    };
    if !text.starts_with(['<', '>']) {
        return Err(wrong(format!("`{what}` needs a sign before `{text}`")));
    }
    if !is_plain_number(text.trim_start_matches(['<', '>', '=']).trim()) {
        return Err(wrong(format!("`{text}` is no bound of a number")));
    }
    let bound: Bound<f64> = text.parse().map_err(|_| wrong(format!("`{text}` is no bound of a number")))?;
    if !(0.0..=most).contains(&bound.value) {
        return Err(wrong(format!("`{what}` is between 0 and {most}")));
    }
    // the least or the greatest holds where any does
    if bound.holds(&0.0) || bound.holds(&most) { Ok(bound) } else { Err(wrong(format!("no `{what}` is `{text}`"))) }
}

/// Whether it is written as digits with at most one point: no sign, no power of ten.
fn is_plain_number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(part) && !(whole.is_empty() && part.is_empty())
}

/// A number from 0 to `most`.
pub(super) fn number_alone(text: &str, span: Range<usize>, what: &str, most: f64) -> Result<f64, Diagnostic> {
    let number = text.parse().ok().filter(|number| (0.0..=most).contains(number));
    number.ok_or_else(|| Diagnostic::new(span, format!("`{what}` is between 0 and {most}")))
}

/// A length of time with a sign; without one it is the least.
pub(super) fn time_bound(text: &str, span: Range<usize>) -> Result<Bound<Hours>, Diagnostic> {
    if text.starts_with('=') {
        let what = format!("`{text}` is no length of time with a sign");
        return Err(Diagnostic::new(span, what).help("write `\">=30d\"` or `\"<30d\"`: nothing is known to the hour"));
    }
    match text.parse::<Bound<Hours>>() {
        Ok(bound) if text.starts_with(['<', '>']) => Ok(bound),
        Ok(bound) => Ok(Bound::at_least(bound.value)),
        Err(why) => Err(no_time(text, span, why)),
    }
}

/// A length of time.
pub(in crate::policy) fn time(text: &str, span: Range<usize>) -> Result<Hours, Diagnostic> {
    text.parse().map_err(|why| no_time(text, span, why))
}

fn no_time(text: &str, span: Range<usize>, why: String) -> Diagnostic {
    Diagnostic::new(span, format!("`{text}` is no length of time"))
        .label(why)
        .help("write hours, days or weeks: `36h`, `14d`, `2w`")
}

/// Bytes.
pub(in crate::policy) fn bytes(text: &str, span: Range<usize>) -> Result<u64, Diagnostic> {
    let number = text.trim().trim_end_matches(|c: char| c.is_ascii_whitespace() || matches!(c, 'b' | 'B'));
    if number.parse::<f64>().is_ok_and(|number| number.fract() != 0.0) {
        let wrong = Diagnostic::new(span, format!("`{text}` is no size")).label("bytes are whole");
        return Err(wrong.help("a unit may stand behind it: `\"1.5 MB\"`"));
    }
    match text.parse::<ByteSize>() {
        Ok(size) => Ok(size.bytes()),
        Err(why) => Err(Diagnostic::new(span, format!("`{text}` is no size")).label(why)),
    }
}

/// A number of things.
pub(in crate::policy) fn count(text: &str, span: Range<usize>) -> Result<u64, Diagnostic> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| {
        Diagnostic::new(span, format!("`{text}` is no number of things")).help("write a whole number from 0 on")
    })
}

/// Part of a whole, from 0 to 100.
pub(in crate::policy) fn percent(text: &str, span: Range<usize>) -> Result<f64, Diagnostic> {
    let number = text.strip_suffix('%').map(str::trim).filter(|number| is_plain_number(number));
    number
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| Diagnostic::new(span, format!("`{text}` is no part of a whole")).help("write it as `\"5%\"`"))
}

/// A pattern.
pub(in crate::policy) fn pattern(
    glob: Result<Glob, String>,
    text: &str,
    span: Range<usize>,
) -> Result<Glob, Diagnostic> {
    glob.map_err(|why| {
        let shown: String = text.chars().take(40).collect();
        let dots = if shown.len() < text.len() { "…" } else { "" };
        Diagnostic::new(span, format!("`{shown}{dots}` is no pattern")).label(why)
    })
}

/// A pattern over text that is no path.
pub(in crate::policy) fn text_pattern(text: &str, span: Range<usize>) -> Result<Glob, Diagnostic> {
    pattern(Glob::text(text), text, span)
}

/// Beginnings of ids that flaws go by.
pub(in crate::policy) const FLAWS: &[&str] = &[
    "ALAS",
    "ALEA",
    "ALPINE-",
    "ALSA-",
    "ASB-",
    "BELL-",
    "BIT-",
    "CGA-",
    "CVE-",
    "DEBIAN-",
    "DLA-",
    "DSA-",
    "DTSA-",
    "ECHO-",
    "EEF-",
    "ELSA-",
    "GHSA-",
    "GO-",
    "GSD-",
    "HSEC-",
    "JLSEC-",
    "JVNDB-",
    "KUBE-",
    "LBSEC-",
    "LSN-",
    "MAL-",
    "MGASA-",
    "MINI-",
    "OESA-",
    "OSEC-",
    "OSV-",
    "PSF-",
    "PYSEC-",
    "RHBA-",
    "RHEA-",
    "RHSA-",
    "RLSA-",
    "ROOT-",
    "RSEC-",
    "RUSTSEC-",
    "RXSA-",
    "SNYK-",
    "SUSE-",
    "UBUNTU-",
    "USN-",
    "V8-",
    "openSUSE-",
];

/// A rule, a glob over rules, an id of a rule in another tool, or the id of a flaw.
pub(super) fn named(text: &str, span: Range<usize>, known: Known<'_>) -> Result<Named, Diagnostic> {
    let glob = pattern(Glob::text(text), text, span.clone())?;
    let Known::Rules(rules) = known else { return Ok(Named::Rule(glob)) };
    let rules = || rules.iter().chain(RULES.iter()).copied();
    if rules().any(|rule| is_rule(&glob, rule)) {
        return Ok(Named::Rule(glob));
    }
    if !text.contains('/') && FLAWS.iter().any(|start| text.starts_with(start)) {
        if let Some(form) = wrong_flaw(text).filter(|_| glob.is_literal()) {
            return Err(Diagnostic::new(span, format!("no flaw is called `{text}`")).help(form));
        }
        return Ok(Named::Flaw(glob));
    }
    let unknown = Diagnostic::new(span, format!("there is no rule `{text}`"));
    if let Some(id) = flaw_in_small_letters(text) {
        return Err(unknown.help(format!("did you mean `{id}`?")));
    }
    Err(match nearest_rule(&glob, rules()) {
        Some(hint) => unknown.help(hint),
        None => unknown,
    }
    .help("`careen rules` lists all rules"))
}

/// The id of a flaw that was written in letters of the other case.
fn flaw_in_small_letters(text: &str) -> Option<String> {
    let start =
        FLAWS.iter().find(|start| text.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start)))?;
    let rest = text.get(start.len()..)?;
    let small = format!("{start}{}", rest.to_ascii_lowercase());
    let is_one =
        |id: &str| wrong_flaw(id).is_none() && (*start == "GHSA-" || rest.starts_with(|c: char| c.is_ascii_digit()));
    [format!("{start}{rest}"), small].into_iter().find(|id| !rest.contains(['/', '*', '?']) && is_one(id))
}

fn nearest_rule(glob: &Glob, rules: impl Iterator<Item = &'static Rule> + Clone) -> Option<String> {
    let text = glob.as_str();
    if !glob.is_literal() {
        let family = text.split('/').next().unwrap_or_default();
        let near = nearest(family, rules.map(Rule::family)).filter(|near| *near != family)?;
        return Some(format!("did you mean the family `{near}`?"));
    }
    if let Some(id) = nearest(text, rules.clone().map(|rule| rule.id)) {
        return Some(format!("did you mean `{id}`?"));
    }
    let old = nearest(text, rules.clone().flat_map(|rule| rule.also.iter().copied()))?;
    // in another tool one digit off is quite another rule, so it is said which
    let ids: Vec<&str> = rules.filter(|rule| rule.also.contains(&old)).map(|rule| rule.id).collect();
    Some(format!("did you mean `{old}`, which is `{}` here?", ids.join("`, `")))
}

/// The part of an id before the slash.
pub(super) fn family(text: &str, span: Range<usize>, known: Known<'_>) -> Result<String, Diagnostic> {
    let Known::Rules(rules) = known else { return Ok(text.to_owned()) };
    let families = families(rules);
    if families.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Diagnostic::new(span, format!("there is no family of rules `{text}`")).suggest(text, families))
}

/// 32 hexadecimal digits.
pub(super) fn fingerprint(text: &str, span: Range<usize>) -> Result<String, Diagnostic> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Diagnostic::new(span, "a fingerprint is 32 hexadecimal digits")
        .help("copy the `id` of the finding in a JSON report"))
}

/// A day, as a TOML date or a string.
pub(super) fn day(value: &Value<'_>) -> Result<Date, Diagnostic> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        other => other.type_str().to_owned(),
    };
    // a time of day would leave open in which time zone
    let date = if text.len() == 10 { text.parse().ok() } else { None };
    date.ok_or_else(|| {
        Diagnostic::new(value.span(), "`expires` must be a day").help("write it as year, month, day: `2027-03-31`")
    })
}
