//! A check run at GitHub ("REST API endpoints for check runs"), which says more than the status of a commit, and may stand
//! on lines of a file. Only the token of a GitHub App may make one.

use serde_json::{Value, json};

use crate::escape::escape;
use crate::rule::Severity;

use super::Action;
use super::commit::{Commit, context, crop, description};
use super::told::{Finding, Told};

/// Annotations of one request.
const MOST_ANNOTATIONS: usize = 50;

/// Characters of a text in it; GitHub takes 65,535 of them in a summary, and 64 KiB in an annotation.
const LONGEST: usize = 1_000;

/// What is posted to `/repos/…/check-runs`. One that was sent twice stands there twice under the same name, and the newer
/// one counts.
pub(super) fn run(action: &Action, told: &Told, commit: &Commit) -> Value {
    let mut run = json!({
        "name": context(&action.context, told),
        "head_sha": commit.id,
        "status": "completed",
        // `neutral` would let through what was not read
        "conclusion": if told.outcome == "passed" { "success" } else { "failure" },
        "completed_at": told.made.to_string(),
        "external_id": told.delivery,
        "output": {
            "title": description(told),
            "summary": summary(told),
            "annotations": annotations(told, action.dockerfile.as_deref()),
        },
    });
    if let (Some(link), Some(run)) = (&told.link, run.as_object_mut()) {
        run.insert("details_url".to_owned(), json!(link));
    }
    run
}

/// Markdown: texts of the image stand in a block of code, a line each, where nothing has a meaning.
fn summary(told: &Told) -> String {
    let mut text = format!("The image was scanned: {}.\n", description(told));
    if !told.new_findings.is_empty() {
        text.push_str(&format!("\n{} new since the report before:\n\n", told.new_count));
    }
    text.push_str(&format!("    {}\n", line(&told.image())));
    for finding in &told.new_findings {
        text.push_str(&format!("    {}\n", line(&words(finding))));
    }
    text
}

fn words(finding: &Finding) -> String {
    let about = finding.package.as_ref().or(finding.path.as_ref()).map(|about| format!(" ({about})"));
    let fixed = finding.fixed.as_ref().map(|fixed| format!(", mended by {fixed}"));
    let (severity, rule) = (finding.severity.as_str(), &finding.rule);
    format!("{severity} {rule}: {}{}{}", finding.message, about.unwrap_or_default(), fixed.unwrap_or_default())
}

fn line(text: &str) -> String {
    crop(&escape(text), LONGEST)
}

/// Findings on the first line of the Dockerfile: which line made a layer is not known of an image alone.
fn annotations(told: &Told, dockerfile: Option<&str>) -> Vec<Value> {
    let Some(path) = dockerfile else { return Vec::new() };
    let one = |finding: &Finding| {
        let level = match (finding.action.as_str(), finding.severity) {
            ("fail", _) => "failure",
            (_, Severity::Info | Severity::Low) => "notice",
            _ => "warning",
        };
        json!({
            "path": path, "start_line": 1, "end_line": 1, "annotation_level": level,
            "title": crop(&finding.rule, 255), "message": line(&words(finding)),
        })
    };
    told.new_findings.iter().take(MOST_ANNOTATIONS).map(one).collect()
}
