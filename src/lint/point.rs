//! Points findings in an image to the lines of its Dockerfile.

use serde_json::{Value, json};

use crate::dockerfile::align::{Match, align, is_as_told};
use crate::dockerfile::{Dockerfile, Instruction, Kind, Pair};
use crate::finding::{Finding, Location};
use crate::limitation::Limitation;
use crate::policy::ConfigFacts;
use crate::report::Report;
use crate::rule::Confidence;

/// Adds to each finding the line that made its layer, its variable or its setting, as evidence: `dockerfile` is file and
/// line, `dockerfile_line` and `dockerfile_end_line` are numbers, `dockerfile_confidence` says how sure that is,
/// `dockerfile_changed` that the instruction there is not the one that was built. Where file and image do not belong
/// together, a limitation says so.
pub fn point(report: &mut Report, name: &str, file: &Dockerfile) {
    let Some(last) = file.stages.len().checked_sub(1) else {
        return tell(report, name, "the Dockerfile has no stage");
    };
    // what is built need not be the last stage
    let steps: Vec<String> =
        report.target.layers.iter().map(|layer| layer.created_by.clone().unwrap_or_default()).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let aligned = |stage: usize| Some((stage, align(file, stage, &steps))).filter(|(_, it)| it.confidence.is_some());
    let found = aligned(last).or_else(|| (0..last).rev().take(MOST_STAGES).find_map(aligned));
    let Some((stage, alignment)) = found else {
        return tell(
            report,
            name,
            "its instructions are not those of the image's history, so that no finding points to a line",
        );
    };
    let by_layer = |layer: u32| {
        let index = report.target.layers.iter().position(|one| one.index == layer)?;
        *alignment.steps.get(index)?
    };
    let whole = alignment.confidence.unwrap_or(Confidence::Low);
    // what a field or a step without a layer came from is sure only where it is still the same
    let sure = |instruction: usize, is_same: Option<bool>| Match {
        instruction,
        confidence: if is_same == Some(true) { whole } else { whole.min(Confidence::Medium) },
        is_changed: is_same == Some(false),
    };
    let own: Vec<usize> = file.lineage(stage).iter().rev().flat_map(|stage| stage.instructions.clone()).collect();
    let latest = |matches: &dyn Fn(&Instruction) -> bool| {
        own.iter().rev().copied().find(|index| file.instructions.get(*index).is_some_and(matches))
    };
    let facts = report.target.facts.as_ref().and_then(|facts| facts.config.as_ref());
    let mut places = Vec::with_capacity(report.findings.len());
    for judged in &report.findings {
        let Finding { location, .. } = &judged.finding;
        places.push(match location {
            Location::File { layer, .. } | Location::Package { layer, .. } => by_layer(*layer),
            Location::History { layer, key, .. } => {
                let step = judged.finding.evidence.get("step").and_then(Value::as_str).unwrap_or_default();
                let found = || latest(&|one| sets(one, key)).or_else(|| latest(&|one| is_step(one, step)));
                let is_same = |index: usize| if step.is_empty() { None } else { is_as_told(file, index, step) };
                let by_step = || found().map(|index| sure(index, is_same(index)));
                layer.and_then(by_layer).or_else(by_step)
            }
            Location::Config { key } => {
                let found = latest(&|instruction| makes(instruction, key));
                let own = found.map(|index| sure(index, is_as_configured(file, index, facts)));
                // whom a stage without `USER` starts as comes of what it is built on
                own.or_else(|| {
                    let from = file.stages.get(stage).filter(|_| key == "User")?.instructions.start;
                    Some(sure(from, facts.map(|facts| facts.user.is_empty()).filter(|is_unset| *is_unset)))
                })
            }
            Location::Dockerfile { .. } | Location::Image => None,
        });
    }
    for (judged, place) in report.findings.iter_mut().zip(places) {
        let Some(Match { instruction, confidence, is_changed }) = place else { continue };
        let Some(instruction) = file.instructions.get(instruction) else { continue };
        let line = file.position(instruction.span.start).line;
        let end = file.position(instruction.span.end).line;
        let evidence = &mut judged.finding.evidence;
        evidence.insert("dockerfile", json!(format!("{name}:{line}")));
        evidence.insert("dockerfile_line", json!(line));
        evidence.insert("dockerfile_end_line", json!(end));
        evidence.insert("dockerfile_confidence", json!(confidence.as_str()));
        if is_changed {
            evidence.insert("dockerfile_changed", json!(true));
        }
    }
}

/// Whether an instruction says what the image is configured with; `None` where the report does not know that.
fn is_as_configured(file: &Dockerfile, index: usize, facts: Option<&ConfigFacts>) -> Option<bool> {
    let facts = facts?;
    let scope = file.scope(index);
    match &file.instructions.get(index)?.kind {
        Kind::User(word) => Some(scope.resolve(word).text()? == facts.user),
        Kind::Workdir(word) => {
            let resolved = scope.resolve(word);
            let folder = resolved.text()?.trim_end_matches('/');
            folder.starts_with('/').then(|| folder == facts.working_dir.trim_end_matches('/'))
        }
        Kind::StopSignal(word) => Some(Some(scope.resolve(word).text()?) == facts.stop_signal.as_deref()),
        _ => None,
    }
}

/// Most stages that are tried in place of the last.
const MOST_STAGES: usize = 32;

fn tell(report: &mut Report, name: &str, what: &str) {
    let help = "name the Dockerfile that the image was built from";
    report.limitations.push(Limitation::note("dockerfile-not-aligned", name, what).help(help));
    report.limitations.sort();
}

/// Whether an instruction sets a build argument or variable.
fn sets(instruction: &Instruction, name: &str) -> bool {
    match &instruction.kind {
        Kind::Arg(arguments) => arguments.iter().any(|argument| argument.name.text == name),
        Kind::Env(pairs) => has(pairs, name),
        _ => false,
    }
}

/// Whether an instruction made a step that made no layer, of which only keyword and names are as they were written.
fn is_step(instruction: &Instruction, step: &str) -> bool {
    let step = step.strip_prefix("/bin/sh -c #(nop)").unwrap_or(step).trim_start();
    let (keyword, rest) = step.split_once(char::is_whitespace).unwrap_or((step, ""));
    let has = |name: &str| {
        let name = name.trim_matches(['"', '\'']);
        rest.split(char::is_whitespace).any(|word| {
            word.trim_start_matches(['"', '\''])
                .strip_prefix(name)
                .is_some_and(|after| after.is_empty() || after.starts_with(['=', '"', '\'']))
        })
    };
    let names = match &instruction.kind {
        Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) => false,
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().any(|pair| has(&pair.name.text)),
        Kind::Arg(arguments) => arguments.iter().any(|argument| has(&argument.name.text)),
        _ => true,
    };
    names && instruction.name() == keyword
}

fn has(pairs: &[Pair], name: &str) -> bool {
    pairs.iter().any(|pair| pair.name.text.trim_matches(['"', '\'']) == name)
}

/// Whether an instruction makes a field of the configuration.
fn makes(instruction: &Instruction, key: &str) -> bool {
    let (field, name) = key.split_once('.').unwrap_or((key, ""));
    match (&instruction.kind, field) {
        (Kind::User(_), "User")
        | (Kind::Workdir(_), "WorkingDir")
        | (Kind::Cmd(_), "Cmd")
        | (Kind::Entrypoint(_), "Entrypoint")
        | (Kind::Healthcheck(_), "Healthcheck")
        | (Kind::StopSignal(_), "StopSignal")
        | (Kind::OnBuild(_), "OnBuild")
        | (Kind::Maintainer(_), "author")
        | (Kind::Shell(_), "Shell") => true,
        (Kind::Volume(words), "Volumes") | (Kind::Expose(words), "ExposedPorts") => {
            name.is_empty() || words.iter().any(|word| name.starts_with(word.text.as_str()))
        }
        (Kind::Env(pairs), "Env") | (Kind::Label(pairs), "Labels") => has(pairs, name),
        _ => false,
    }
}
