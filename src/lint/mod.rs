//! The pipeline of `careen lint`: parse, judge by lints, then by policy.

mod point;
mod remedy;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::dockerfile::lint::{self, BuildContexts, Context, Surroundings};
use crate::dockerfile::{Base, Dockerfile, LARGEST, Span};
use crate::error::Result;
use crate::finding::{self, Finding, Location};
use crate::inventory::Origin;
use crate::limit::Limits;
use crate::limitation::{self, Limitation};
use crate::policy::{Action, EvaluateContext, PolicySet, WAIVER_UNUSED};
use crate::report::{self, Report, TargetSummary};
use crate::secret::{self as secrets, Echo};
use crate::size::ByteSize;
use crate::time::Date;

pub use point::point;

/// Id of what is read, in reports.
pub const SOURCE: &str = "dockerfile";

/// A file to judge.
#[derive(Debug, Default)]
pub struct Input {
    /// Its name, as reports show it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What lies round it.
    pub surroundings: Option<Surroundings>,
    /// The folder it lies in, which is sent to the builder.
    pub folder: Option<PathBuf>,
    /// What the build names besides.
    pub contexts: BuildContexts,
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
pub fn lint(inputs: &[Input], policy: &PolicySet, today: Date, limits: &Limits) -> Result<Linted> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut limitations = Vec::new();
    let mut texts = BTreeMap::new();
    let mut is_refused = false;
    let mut told = BTreeSet::new();
    for input in inputs {
        let file = Dockerfile::parse(&input.bytes);
        let context = Context::new(&file, &input.name, input.surroundings.as_ref(), today)
            .with_build_contexts(input.contexts.clone());
        let found = secret::find(&context, input.folder.as_deref());
        limitations.extend(found.limitations);
        let context = context.with_secrets(found.told);
        let mut of_file = lint::run(&context);
        conceal(&context, &mut of_file);
        // several Dockerfiles may share one `.dockerignore`
        findings.extend(of_file.into_iter().filter(|finding| match &finding.location {
            Location::Dockerfile { file, .. } if *file != input.name => {
                told.insert((finding.location.clone(), finding.message.clone()))
            }
            _ => true,
        }));
        limitations.extend(gaps(input, &file, &context));
        let ignore = input.surroundings.as_ref().and_then(|surroundings| surroundings.ignore.as_ref());
        is_refused |= file.is_refused() || ignore.is_some_and(|ignore| !ignore.faults.is_empty());
        texts.insert(input.name.clone(), lint::shown_text(&context, unsaid(&context)));
    }
    finding::tell_apart(&mut findings);
    limitation::condense(&mut limitations, limits.limitations_per_code);
    // what stands in a Dockerfile is the user's own; what is said of the policy is nobody's
    let origin = |finding: &Finding| match finding.location {
        Location::Dockerfile { .. } => Origin::App,
        _ => Origin::Unknown,
    };
    let (mut findings, mut verdict) = policy
        .evaluate(findings, &EvaluateContext { limitations: &limitations, today, origin: &origin, image: None })?;
    for waiver in findings.iter_mut().filter_map(|judged| judged.waiver.as_mut()) {
        let more = waiver.owner.iter_mut().chain(&mut waiver.ticket).chain(&mut waiver.justification);
        more.chain([&mut waiver.reason]).for_each(hide_prose);
    }
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
    Ok(Linted { report, texts, is_refused })
}

/// What comments say of passwords, by its place.
fn in_comments(context: &Context<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    for comment in &context.file.comments {
        let place = |at: usize| comment.start.saturating_add(at);
        let values = secrets::prose_values(context.file.source(*comment));
        spans.extend(values.into_iter().map(|value| Span::new(place(value.start), place(value.end))));
    }
    spans
}

/// Where that stands which no rule tells, and nothing may show: what comments say, and the lines of a key that several
/// commands write.
fn unsaid(context: &Context<'_>) -> Vec<Span> {
    let mut spans = in_comments(context);
    let text = &context.file.text;
    for body in secrets::private_keys(text) {
        spans.extend(secret::lines_of_key(text, body));
    }
    spans
}

/// Takes out what people write of passwords.
fn hide_prose(text: &mut String) {
    for span in secrets::prose_values(text).into_iter().rev() {
        text.replace_range(span, "****");
    }
    *text = secrets::mask_text(text);
}

/// Values that are looked for in what is said of a file; of more, a rule has to know each.
const MOST_VALUES: usize = 2_000;

/// Words of the names of images, which stand for all to see: where `POSTGRES_PASSWORD=postgres`, nothing is kept by hiding
/// what the image is called.
fn words_of_images<'c>(context: &Context<'c>) -> BTreeSet<&'c str> {
    let mut words = BTreeSet::new();
    for stage in &context.file.stages {
        let Base::Image(image) = &stage.base else { continue };
        let name = image.shown.split_once("@sha256:").map_or(image.shown.as_str(), |(name, _)| name);
        // of `user:password@host` nothing is for all to see
        if !name.contains('@') {
            let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
            words.extend(name.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_plain));
        }
    }
    words
}

/// Takes the secrets of a file out of what is said of it.
fn conceal(context: &Context<'_>, findings: &mut [Finding]) {
    let value = |span: Span| context.file.source(span).trim().trim_matches(['"', '\'']);
    let mut values: Vec<&str> =
        lint::hidden(context).into_iter().chain(unsaid(context)).map(value).filter(|value| !value.is_empty()).collect();
    let public = words_of_images(context);
    values.retain(|value| !public.contains(value));
    values.sort_unstable();
    values.dedup();
    values.truncate(MOST_VALUES);
    let capitals: Vec<String> = values.iter().map(|value| value.to_ascii_uppercase()).collect();
    let capitals: Vec<&str> = capitals.iter().map(String::as_str).collect();
    for finding in findings {
        hide_cut(finding, &values);
        if let Some(Value::String(reason)) = finding.evidence.get_mut("allowed_for") {
            hide_prose(reason);
        }
        if matches!(finding.rule.id, "dockerfile/idle-waiver" | "dockerfile/inline-waiver") {
            hide_prose(&mut finding.message);
            hide_prose(&mut finding.subject);
        }
        if finding.rule.id == "dockerfile/syntax" {
            // such a message has the word as it stands, be it ever so short, or in capitals
            for value in values.iter().chain(&capitals) {
                finding.message = finding.message.replace(&format!("`{value}`"), "`****`");
            }
            hide_cut(finding, &capitals);
        }
        let evidence = finding.evidence.values().filter_map(|value| value.as_str());
        let texts: Vec<&str> = [finding.message.as_str(), &finding.subject].into_iter().chain(evidence).collect();
        let mut echo = Echo::default();
        let mut is_harmless = texts.iter().all(|text| secrets::is_harmless(text));
        for value in values.iter().filter(|value| texts.iter().any(|text| text.contains(**value))) {
            is_harmless = false;
            echo.add(value);
        }
        if !is_harmless {
            secrets::mask_finding(finding, &echo);
        }
    }
}

/// Shortest beginning of a value that is hidden.
const LEAST_BEGINNING: usize = 3;

/// Takes out beginnings of values: messages quote so much of a word and no more.
fn hide_cut(finding: &mut Finding, values: &[&str]) {
    let evidence = finding.evidence.values_mut().filter_map(|value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    for text in [&mut finding.message, &mut finding.subject].into_iter().chain(evidence) {
        let Some((before, after)) = text.split_once('…') else { continue };
        let is_beginning = |value: &&&str| value.get(..LEAST_BEGINNING).is_some_and(|start| before.contains(start));
        let longest = values.iter().filter(is_beginning).filter_map(|value| {
            let ends = value.char_indices().map(|(at, _)| at).filter(|at| *at >= LEAST_BEGINNING);
            ends.filter(|end| value.get(..*end).is_some_and(|start| before.ends_with(start))).max()
        });
        if let Some(length) = longest.max() {
            let kept = before.get(..before.len().saturating_sub(length)).unwrap_or_default();
            *text = format!("{kept}****…{after}");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up value that is in no list of placeholders.
    fn value() -> String {
        ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat()
    }

    /// All that is shown of a file: what is said of it, and the lines as they are shown.
    fn shown(text: &str) -> (String, Vec<&'static str>) {
        let input = Input { name: "a".into(), bytes: text.as_bytes().to_vec(), ..Input::default() };
        let policy = PolicySet::load(&[], &[], false).expect("the default");
        let today = "2026-11-21".parse().expect("a date");
        let linted = lint(&[input], &policy, today, &Limits::default()).expect("no condition");
        let mut shown = String::new();
        for judged in &linted.report.findings {
            shown += &format!("{judged:?}\n");
        }
        for line in linted.texts.values().flat_map(|text| text.lines()) {
            shown += &if secrets::is_harmless(line) { line.to_owned() } else { secrets::mask_text(line) };
            shown.push('\n');
        }
        (shown, linted.report.findings.iter().map(|judged| judged.finding.rule.id).collect())
    }

    #[test]
    fn signed_addresses_are_told_and_not_shown() {
        let v = value();
        for text in [
            format!("ADD https://h.example/x.tgz?sv=2024-01-01&sig={v} /x/"),
            format!("ADD https://h.example/{}?sig={v}{v}{v} /x/", "long/".repeat(6)),
            format!("RUN curl -fsSL \"https://h.example/x.sh?sig={v}%3D\" | sh"),
            format!("RUN curl \"https://h.example/x?X-Amz-Date=1&X-Amz-Signature={v}{v}\" -o x"),
            format!("RUN curl \"https://h.example/x?code={v}\" -o x"),
        ] {
            let (shown, ids) = shown(&format!("FROM debian:13\n{text}\n"));
            assert!(!shown.contains("kQ7vT2"), "{text}\n{shown}");
            assert!(ids.iter().any(|id| id.starts_with("secret/")), "{text}\n{ids:?}");
        }
    }

    #[test]
    fn values_that_docker_refuses_are_not_shown() {
        let v = value();
        for text in [
            format!("FROM debian:13\nENV TOKEN= {v}\n"),
            format!("FROM debian:13\nENV A=1 TOKEN {v}\n"),
            format!("FROM debian:13\nENV DB_PASSWORD=correct kQ7vT2 {v}\n"),
            format!("# escape=`\nFROM debian:13\nENV TOKEN= `\n  {v}\n"),
            format!("FROM debian:13\n# escape=`\nENV TOKEN=`\n{v}\n"),
        ] {
            let (shown, ids) = shown(&text);
            assert!(!shown.to_ascii_lowercase().contains("kq7vt2"), "{text}\n{shown}");
            assert!(ids.contains(&"dockerfile/syntax"), "{text}\n{ids:?}");
        }
        assert!(!shown("FROM debian:13\nENV TOKEN= short\n").0.contains("short"));
        assert!(shown("FROM debian:13\nENV A=1 b\n").0.contains("ENV A=1 b"));
    }

    #[test]
    fn names_of_images_are_shown_though_they_are_a_password() {
        let (shown, _) = shown("FROM postgres:17\nENV POSTGRES_PASSWORD=postgres\n");
        assert!(shown.contains("as `postgres` does"), "{shown}");
    }

    #[test]
    fn reasons_are_shown_without_passwords() {
        let v = value();
        for reason in [format!("because password is {v}"), format!("it asks for a token: {v}"), format!("pass={v}")] {
            for rule in ["dockerfile/sudo", "dockerfile/add-not-copy"] {
                let (shown, ids) = shown(&format!("FROM debian:13\n# careen:allow {rule} {reason}\nRUN sudo make\n"));
                assert!(!shown.contains("kQ7vT2"), "{reason}\n{shown}");
                assert!(ids.contains(&"dockerfile/sudo"), "{reason}\n{ids:?}");
            }
        }
        let text = "FROM debian:13\n# careen:allow dockerfile/sudo the tool asks for it by itself\nRUN sudo make\n";
        assert!(shown(text).0.contains("the tool asks for it by itself"));
    }

    #[test]
    fn arguments_and_input_that_are_passwords_are_not_shown() {
        let v = value();
        let begin = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
        let mut seen = String::new();
        for text in [
            format!("RUN mysqladmin -u root password {v} && sudo make"),
            format!("RUN usermod -p '$6$saltsalt${v}{v}' root && sudo make"),
            format!("RUN lftp -u bob,{v} h.example && sudo make"),
            format!("RUN yes {v} | passwd app && sudo make"),
            format!("RUN kinit app <<< {v} && sudo make"),
            format!("RUN ssh-keygen -t rsa -N {v} -f /k && sudo make"),
            format!("RUN printf %s \"{v}\" | podman login -u a --password-stdin && sudo make"),
            format!("CMD app -u bob -p {v}"),
            format!("RUN echo '{begin}' > k && \\\n echo '{v}{v}' >> k && \\\n echo {v}{v} >> k && sudo make"),
            format!("RUN echo '{begin}' > k\nRUN echo '{v}{v}' >> k\nRUN echo '{v}{v}' >> k && sudo make"),
        ] {
            let (shown, _) = shown(&format!("FROM debian:13\n{text}\n"));
            let lines = shown.lines().filter(|line| line.contains("kQ7vT2"));
            lines.for_each(|line| seen += &format!("{text}\n  {line}\n"));
        }
        assert!(seen.is_empty(), "\n{seen}");
    }
}
