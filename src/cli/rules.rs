//! `careen rules` and `careen explain`.

use clap::Args;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
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
    /// `image/root-user`, `CIS-DI-0001`, `DL3002`
    rule: String,
}

/// Lists the rules, sorted by id.
pub(super) fn list(arguments: &RulesArguments) -> Result<()> {
    let mut rules = crate::scan::rules();
    if !arguments.family.is_empty() {
        rules.retain(|rule| arguments.family.iter().any(|family| family == rule.family()));
    }
    let text = if arguments.format == "json" {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                serde_json::json!({
                    "id": rule.id, "family": rule.family(), "title": rule.title, "severity": rule.severity,
                    "confidence": rule.confidence, "since": rule.since, "also": rule.also, "references": rule.references,
                })
            })
            .collect();
        format!("{:#}\n", serde_json::Value::from(rules))
    } else {
        let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        rules.iter().map(|rule| format!("{:<8}  {:<width$}  {}\n", rule.severity, rule.id, rule.title)).collect()
    };
    super::print(&text)
}

/// Shows the page of one rule, found by its id or one it has in another tool.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<()> {
    let rules = crate::scan::rules();
    let found: Vec<&Rule> = rules.iter().copied().filter(|rule| is_meant(rule, &arguments.rule)).collect();
    if found.is_empty() {
        return Err(unknown(&arguments.rule, &rules));
    }
    let pages: Vec<String> = found.into_iter().map(crate::rule::page).collect();
    super::print(&pages.join("\n"))
}

fn is_meant(rule: &Rule, word: &str) -> bool {
    rule.id == word || rule.also.iter().any(|id| id.eq_ignore_ascii_case(word))
}

fn unknown(word: &str, rules: &[&'static Rule]) -> Error {
    let part = word.rsplit('/').next().unwrap_or(word);
    let near: Vec<&str> =
        rules.iter().map(|rule| rule.id).filter(|id| !part.is_empty() && id.contains(part)).take(5).collect();
    let help = if near.is_empty() {
        "`careen rules` lists them all".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Error::new(ErrorKind::Usage, format!("there is no rule `{}`", escape(word))).help(help)
}
