//! The pipeline of `careen lint`: parse, judge by lints, then by policy.

mod point;

use std::collections::BTreeMap;

use crate::dockerfile::lint::{self, Context, Surroundings};
use crate::dockerfile::{Dockerfile, LARGEST};
use crate::finding::{self, Finding, Location};
use crate::inventory::Origin;
use crate::limit::Limits;
use crate::limitation::{self, Limitation};
use crate::policy::{Action, EvaluateContext, PolicySet, WAIVER_UNUSED};
use crate::report::{self, Report, TargetSummary};
use crate::secret;
use crate::size::ByteSize;
use crate::time::Date;

pub use point::point;

/// Id of what is read, in reports.
pub const SOURCE: &str = "dockerfile";

/// A file to judge.
#[derive(Debug)]
pub struct Input {
    /// Its name, as reports show it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What lies round it.
    pub surroundings: Option<Surroundings>,
}

/// What became of all files.
#[derive(Debug)]
pub struct Linted {
    /// One report for all of them.
    pub report: Report,
    /// The text of each file by its name, for excerpts.
    pub texts: BTreeMap<String, String>,
    /// Whether Docker would refuse one of them: then the command must not end well, whatever the policy says.
    pub is_refused: bool,
}

/// Judges files by lints and a policy.
pub fn lint(inputs: &[Input], policy: &PolicySet, today: Date, limits: &Limits) -> Linted {
    let mut findings: Vec<Finding> = Vec::new();
    let mut limitations = Vec::new();
    let mut texts = BTreeMap::new();
    let mut is_refused = false;
    for input in inputs {
        let file = Dockerfile::parse(&input.bytes);
        let context = Context::new(&file, &input.name, input.surroundings.as_ref(), today);
        findings.extend(lint::run(&context));
        limitations.extend(gaps(input, &file, &context));
        is_refused |= file.is_refused();
        texts.insert(input.name.clone(), lint::shown_text(&context));
    }
    let is_harmless = |finding: &Finding| {
        let evidence = finding.evidence.values().filter_map(|value| value.as_str());
        let mut texts = [finding.message.as_str(), &finding.subject].into_iter().chain(evidence);
        texts.all(secret::is_harmless)
    };
    for finding in findings.iter_mut().filter(|finding| !is_harmless(finding)) {
        secret::mask_finding(finding, &secret::Echo::of(None, &BTreeMap::new()));
    }
    finding::tell_apart(&mut findings);
    limitation::condense(&mut limitations, limits.limitations_per_code);
    // what stands in a Dockerfile is the user's own; what is said of the policy is nobody's
    let origin = |finding: &Finding| match finding.location {
        Location::Dockerfile { .. } => Origin::App,
        _ => Origin::Unknown,
    };
    let (mut findings, mut verdict) =
        policy.evaluate(findings, &EvaluateContext { limitations: &limitations, today, origin: &origin, image: None });
    // a policy serves images, too: their waivers are no matter here
    findings.retain(|judged| judged.action != Action::Ignore && judged.finding.rule.id != WAIVER_UNUSED.id);
    for (of_image, of_file) in
        [("parts of the image were", "Dockerfiles were"), ("part of the image was", "Dockerfile was")]
    {
        verdict.reason = verdict.reason.replace(of_image, of_file);
    }
    limitations.extend(report::shorten(&mut findings, limits.findings_per_rule));
    limitations.sort();
    let reference = match inputs {
        [only] => only.name.clone(),
        several => format!("{} Dockerfiles", several.len()),
    };
    let size = ByteSize(inputs.iter().map(|input| input.bytes.len() as u64).sum());
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        target: TargetSummary { reference, source: SOURCE, size, ..TargetSummary::default() },
        verdict,
        packages: Vec::new(),
        removed: Vec::new(),
        findings,
        limitations,
        data: BTreeMap::new(),
        source_date: None,
    };
    Linted { report, texts, is_refused }
}

/// What of a file was not judged.
fn gaps(input: &Input, file: &Dockerfile, context: &Context<'_>) -> Vec<Limitation> {
    let mut gaps = Vec::new();
    let name = input.name.as_str();
    if input.bytes.len() as u64 > LARGEST.bytes() {
        let what = format!("the file is larger than {LARGEST}; what is behind that was not read");
        gaps.push(Limitation::gap("dockerfile-too-large", name, what).help("split the file"));
    }
    if file.is_refused() {
        let what = "Docker would refuse the file; what could not be read was not judged";
        gaps.push(Limitation::gap("dockerfile-refused", name, what).help("mend what `dockerfile/syntax` tells"));
    }
    for (index, instruction) in file.instructions.iter().enumerate() {
        if context.script(index).is_some_and(|script| !script.is_complete) {
            let line = file.position(instruction.span.start).line;
            let what = "the shell text of this instruction was not understood to its end";
            // nothing says that the shell itself would take it
            gaps.push(Limitation::note("shell-not-understood", format!("{name}:{line}"), what));
        }
    }
    gaps
}
