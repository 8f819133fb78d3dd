//! What SARIF says of a flaw in packages: a rule object of its own, since viewers group results by rule and people look
//! for the flaw (3.49 reportingDescriptor object).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use serde_sarif::sarif::{MultiformatMessageString, PropertyBag, ReportingConfiguration, ReportingDescriptor};

use super::clean;
use super::sarif::{MOST_TAGS, cut, descriptor, level, security_severity};
use crate::advisory;
use crate::finding::Finding;

/// A rule's id; that of the flaw for flaws of packages, since viewers group by rule and people look for the flaw.
pub(super) fn rule_id(finding: &Finding) -> &str {
    if is_flaw(finding) { &finding.subject } else { finding.rule.id }
}

fn is_flaw(finding: &Finding) -> bool {
    advisory::finding::RULES.contains(&finding.rule) && finding.rule.family() == "package"
}

/// What is said of a rule, or of the flaw that these findings are about.
pub(super) fn rule_object(id: &str, findings: &[&Finding]) -> ReportingDescriptor {
    let Some(first) = findings.first() else { return ReportingDescriptor::builder().id(id).build() };
    let mut descriptor = descriptor(first.rule);
    if !is_flaw(first) {
        return descriptor;
    }
    let id = clean(id);
    let text = |text: &str| MultiformatMessageString::builder().text(cut(text)).build();
    let said = |key: &str| first.evidence.get(key).and_then(Value::as_str).map(clean);
    let summary = said("summary").unwrap_or_else(|| first.rule.title.to_owned());
    let gravest = findings.iter().map(|finding| finding.severity).max().unwrap_or(first.severity);
    let score = |finding: &&Finding| finding.evidence.get("rating")?.get("score")?.as_f64();
    let score = findings.iter().filter_map(score).fold(0.0, f64::max);
    let score = if score > 0.0 { Some(format!("{score:.1}")) } else { security_severity(gravest).map(str::to_owned) };
    let mut tags = vec!["security".to_owned(), "package".to_owned(), "vulnerability".to_owned()];
    let cwes = first.evidence.get("cwes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    tags.extend(cwes.iter().filter_map(Value::as_str).map(|cwe| format!("external/cwe/{}", clean(cwe).to_lowercase())));
    tags.truncate(MOST_TAGS);
    let mut properties = BTreeMap::from([("precision".to_owned(), json!("high"))]);
    properties.extend(score.map(|score| ("security-severity".to_owned(), json!(score))));
    descriptor.id.clone_from(&id);
    descriptor.short_description = Some(text(&format!("{id}: {summary}")));
    descriptor.full_description = Some(text(&summary));
    descriptor.default_configuration = Some(ReportingConfiguration::builder().level(json!(level(gravest))).build());
    descriptor.properties = Some(PropertyBag::builder().tags(tags).additional_properties(properties).build());
    let links = first.evidence.get("links").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let links: Vec<String> =
        links.iter().filter_map(Value::as_str).filter(|link| link.starts_with("https://")).map(clean).collect();
    descriptor.help_uri = links.first().cloned().or(descriptor.help_uri);
    let fixed: BTreeSet<String> = findings
        .iter()
        .filter_map(|finding| finding.evidence.get("fixed")?.as_str())
        .map(|version| format!("Fixed in {}.", clean(version)))
        .collect();
    let fixed = if fixed.is_empty() {
        "No fixed version is known.".to_owned()
    } else {
        fixed.into_iter().take(10).collect::<Vec<_>>().join(" ")
    };
    let listed: String = links.iter().map(|link| format!("\n- <{link}>")).collect();
    descriptor.help = Some(
        MultiformatMessageString::builder()
            .text(format!("{summary}\n\n{fixed}\n\n{}", first.rule.remediation))
            .markdown(format!(
                "{}\n\n**{}** {}\n{listed}",
                unmarked(&summary),
                unmarked(&fixed),
                first.rule.remediation
            ))
            .build(),
    );
    descriptor
}

/// A text in which nothing is Markdown's.
fn unmarked(text: &str) -> String {
    text.chars().flat_map(|c| "\\`*_{}[]<>()#!|".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_says_is_no_markdown() {
        assert_eq!(unmarked("a [link](https://a.example) <b>"), r"a \[link\]\(https://a.example\) \<b\>");
        assert_eq!(unmarked("plain text, 1.2-3."), "plain text, 1.2-3.");
    }
}
