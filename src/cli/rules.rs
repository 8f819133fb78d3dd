//! `careen rules` and `careen explain`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::rule::Rule;

#[derive(Debug, Args)]
pub(super) struct RulesArguments {
    /// text, or json for scripts
    #[arg(short, long, default_value = "text", value_parser = ["text", "json"])]
    format: String,
    /// Only these families, such as `secret` or `image,layer`
    #[arg(long, value_delimiter = ',')]
    family: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// `image/root-user`, `CIS-DI-0001`, `DL3002`; with --in, also the id of a flaw, a purl or a fingerprint
    rule: String,
    /// Say why this JSON report has findings about it, and which line of the policy decided
    #[arg(long = "in", value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Lists the rules, sorted by id.
pub(super) fn list(arguments: &RulesArguments) -> Result<()> {
    let mut rules = crate::scan::rules();
    let families: BTreeSet<&str> = rules.iter().map(|rule| rule.family()).collect();
    if let Some(unknown) = arguments.family.iter().find(|family| !families.contains(family.as_str())) {
        let families: Vec<&str> = families.into_iter().collect();
        return Err(Error::new(ErrorKind::Usage, format!("there is no family of rules `{}`", escape(unknown)))
            .help(format!("the families are {}", families.join(", "))));
    }
    if !arguments.family.is_empty() {
        rules.retain(|rule| arguments.family.iter().any(|family| family == rule.family()));
    }
    let text = if arguments.format == "json" {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                serde_json::json!({
                    "id": rule.id, "family": rule.family(), "title": rule.title, "severity": rule.severity,
                    "confidence": rule.confidence, "opt_in": rule.is_opt_in, "since": rule.since, "also": rule.also, "references": rule.references,
                    "why": rule.why, "remediation": rule.remediation, "bad": rule.bad, "good": rule.good,
                })
            })
            .collect();
        format!("{:#}\n", serde_json::Value::from(rules))
    } else {
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        let line = |rule: &&'static Rule| {
            let off = if rule.is_opt_in { " (off unless a policy names it)" } else { "" };
            format!("{:<8}  {:<width$}  {}{off}\n", rule.severity, rule.id, rule.title)
        };
        rules.iter().map(line).collect()
    };
    super::print(&text)
}

/// Shows the page of one rule, found by its id or one it has in another tool; or why a report has findings.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<()> {
    if let Some(report) = &arguments.report {
        return super::print(&super::why::explain(&arguments.rule, report)?);
    }
    let rules = crate::scan::rules();
    let found: Vec<&Rule> = rules.iter().copied().filter(|rule| rule.is_called(&arguments.rule)).collect();
    if found.is_empty() {
        return Err(unknown(&arguments.rule, &rules));
    }
    let pages: Vec<String> = found.into_iter().map(crate::rule::page).collect();
    super::print(&pages.join("\n"))
}

fn unknown(word: &str, rules: &[&'static Rule]) -> Error {
    let part = word.rsplit('/').next().unwrap_or(word);
    let ids = || rules.iter().map(|rule| rule.id);
    let holding: Vec<&str> = ids().filter(|id| !part.is_empty() && id.contains(part)).take(5).collect();
    let name_of = |id: &'static str| id.rsplit('/').next().unwrap_or(id);
    let is_flaw = ["CVE-", "GHSA-", "RUSTSEC-", "MAL-", "pkg:"]
        .iter()
        .any(|start| word.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)));
    let help = if is_flaw {
        let word = escape(word);
        format!(
            "`careen explain {word} --in report.json` says why a report names it, `careen db search {word}` what is known of it"
        )
    } else if let Some(near) = nearest(word, ids()) {
        format!("did you mean `{near}`?")
    } else if !holding.is_empty() {
        format!("did you mean {}?", holding.join(", "))
    } else if let Some(near) = nearest(part, ids().map(name_of)) {
        // the family may be wrong or left out
        let near: Vec<&str> = ids().filter(|id| name_of(id) == near).collect();
        format!("did you mean {}?", near.join(", "))
    } else {
        "`careen rules` lists them all".to_owned()
    };
    Error::new(ErrorKind::Usage, format!("there is no rule `{}`", escape(word))).help(help)
}
