//! The pipeline of `careen lint`: parse, judge by lints, then by policy.

use std::collections::BTreeMap;

use crate::dockerfile::lint::{self, Context, Surroundings};
use crate::dockerfile::{Dockerfile, LARGEST};
use crate::finding::{self, Finding, Location};
use crate::inventory::Origin;
use crate::limit::Limits;
use crate::limitation::{self, Limitation};
use crate::policy::{Action, EvaluateContext, PolicySet};
use crate::report::{self, Report, TargetSummary};
use crate::secret;
use crate::size::ByteSize;
use crate::time::Date;

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
        texts.insert(input.name.clone(), file.text);
    }
    let echo = secret::Echo::of(None, &BTreeMap::new());
    for finding in &mut findings {
        secret::mask_finding(finding, &echo);
    }
    finding::tell_apart(&mut findings);
    limitation::condense(&mut limitations, limits.limitations_per_code);
    // what stands in a Dockerfile is the user's own; what is said of the policy is nobody's
    let origin = |finding: &Finding| match finding.location {
        Location::Dockerfile { .. } => Origin::App,
        _ => Origin::Unknown,
    };
    let (mut findings, verdict) =
        policy.evaluate(findings, &EvaluateContext { limitations: &limitations, today, origin: &origin });
    findings.retain(|judged| judged.action != Action::Ignore);
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
