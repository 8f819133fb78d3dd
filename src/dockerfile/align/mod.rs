//! Which instruction made which step of an image's history.
//!
//! The last steps of a history are the instructions of the last stage, below them those of the stages it is built on,
//! below these the base image's own. Steps are as `BuildKit`, the legacy builder and buildah write them, with
//! `#(nop)`, the shell and build arguments taken off or not. A step whose instruction was changed since keeps its line,
//! but never with certainty.

mod shape;

use super::{Dockerfile, Instruction, Kind};
use crate::rule::Confidence;
use shape::{EQUAL, SIMILAR, Sameness, Shape};

/// Most steps and instructions that are compared; of more the last count.
const MOST: usize = 1_000;

/// The instruction that made a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Its index.
    pub instruction: usize,
    /// How sure that is; high only where the instruction is as the history tells it.
    pub confidence: Confidence,
    /// Whether it was changed since.
    pub is_changed: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alignment {
    /// For each step its instruction.
    pub steps: Vec<Option<Match>>,
    /// How sure the whole is; `None` where the file and the history are not of one image.
    pub confidence: Option<Confidence>,
}

/// Finds the instructions of `stage` and those it is built on that made `steps`, the oldest first; only steps that made
/// a layer are given.
pub fn align(file: &Dockerfile, stage: usize, steps: &[&str]) -> Alignment {
    let mut own: Vec<usize> = file.lineage(stage).iter().rev().flat_map(|stage| stage.instructions.clone()).collect();
    own.retain(|index| file.instructions.get(*index).is_some_and(makes_layer));
    let own = own.get(own.len().saturating_sub(MOST)..).unwrap_or_default();
    let first_step = steps.len().saturating_sub(MOST);
    let recent = steps.get(first_step..).unwrap_or_default();
    let none = Alignment { steps: vec![None; steps.len()], confidence: None };
    if own.is_empty() || recent.is_empty() {
        return none;
    }
    let wanted: Vec<Shape> = own.iter().filter_map(|index| Shape::of_instruction(file, *index)).collect();
    let given: Vec<Shape> = recent.iter().map(|step| Shape::of_step(step)).collect();
    let mut alignment = none;
    // a `WORKDIR` that the legacy builder made is no layer
    let only_folders = wanted.iter().all(|shape| shape.name == "WORKDIR");
    let counts = |shape: &Shape| only_folders || shape.name != "WORKDIR";
    let required = wanted.iter().filter(|shape| counts(shape)).count();
    let mut sure = 0usize;
    let mut matched = 0usize;
    for (instruction, step, score) in best(&wanted, &given) {
        let same = wanted.get(instruction).zip(given.get(step)).map(|(own, step)| own.compare(step));
        let (confidence, is_changed) = match same {
            Some(Sameness::Equal) => (Confidence::High, false),
            Some(Sameness::Untold) => (Confidence::Medium, false),
            _ if score >= SIMILAR => (Confidence::Medium, true),
            _ => (Confidence::Low, true),
        };
        if wanted.get(instruction).is_some_and(counts) {
            matched = matched.saturating_add(1);
            sure = sure.saturating_add(usize::from(score >= SIMILAR));
        }
        let place = alignment.steps.get_mut(first_step.saturating_add(step));
        if let (Some(place), Some(index)) = (place, own.get(instruction)) {
            *place = Some(Match { instruction: *index, confidence, is_changed });
        }
    }
    // a weak match stands only among sure ones
    alignment.confidence = if sure == required {
        Some(Confidence::High)
    } else if sure.saturating_mul(3) >= required.saturating_mul(2) {
        Some(Confidence::Medium)
    } else if sure.saturating_mul(2) >= required && matched == required {
        Some(Confidence::Low)
    } else {
        None
    };
    if alignment.confidence.is_none() {
        alignment.steps.fill(None);
    }
    alignment
}

/// Instructions that make a layer; the legacy builder's `WORKDIR` may not.
fn makes_layer(instruction: &Instruction) -> bool {
    matches!(instruction.kind, Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_))
}

/// Whether the instruction `index`, as it stands, is what a history tells as `step`; `None` where that cannot be known.
pub fn is_as_told(file: &Dockerfile, index: usize, step: &str) -> Option<bool> {
    match Shape::of_instruction(file, index)?.compare(&Shape::of_step(step)) {
        Sameness::Equal => Some(true),
        Sameness::Untold => None,
        Sameness::Changed => Some(false),
    }
}

/// The best pairs in order: both sides may have parts without a partner, at a price but for the oldest steps.
fn best(wanted: &[Shape], given: &[Shape]) -> Vec<(usize, usize, u32)> {
    const GAP: u32 = 2;
    let columns = given.len().saturating_add(1);
    let at = |row: usize, column: usize| row.saturating_mul(columns).saturating_add(column);
    let size = columns.saturating_mul(wanted.len().saturating_add(1));
    // cost of what is left of both, from their ends: lower is better
    let mut costs = vec![0u32; size];
    let mut fits = vec![0u32; size];
    let cost = |costs: &[u32], index: usize| costs.get(index).copied().unwrap_or(u32::MAX);
    for row in 1..=wanted.len() {
        for column in 0..columns {
            let skip_wanted = cost(&costs, at(row.saturating_sub(1), column)).saturating_add(EQUAL);
            let mut least = skip_wanted;
            if let Some(step) = column.checked_sub(1) {
                let pair = wanted.len().checked_sub(row).and_then(|index| wanted.get(index));
                let fit =
                    match (pair, given.len().checked_sub(step.saturating_add(1)).and_then(|index| given.get(index))) {
                        (Some(wanted), Some(given)) => wanted.fits(given),
                        _ => 0,
                    };
                if let Some(place) = fits.get_mut(at(row, column)) {
                    *place = fit;
                }
                if fit > 0 {
                    let pair = cost(&costs, at(row.saturating_sub(1), step)).saturating_add(EQUAL.saturating_sub(fit));
                    least = least.min(pair);
                }
                least = least.min(cost(&costs, at(row, step)).saturating_add(GAP));
            }
            if let Some(place) = costs.get_mut(at(row, column)) {
                *place = least;
            }
        }
    }
    // row 0 costs nothing: what is older than all instructions is the base image's
    let start = (0..columns).min_by_key(|column| (cost(&costs, at(wanted.len(), *column)), *column)).unwrap_or(0);
    let (mut row, mut column) = (wanted.len(), start);
    let mut pairs = Vec::new();
    while row > 0 {
        let now = cost(&costs, at(row, column));
        let above = row.saturating_sub(1);
        let fit = fits.get(at(row, column)).copied().unwrap_or(0);
        if let Some(step) = column.checked_sub(1) {
            if fit > 0 && now == cost(&costs, at(above, step)).saturating_add(EQUAL.saturating_sub(fit)) {
                pairs.push((wanted.len().saturating_sub(row), given.len().saturating_sub(column), fit));
                (row, column) = (above, step);
                continue;
            }
            if now == cost(&costs, at(row, step)).saturating_add(GAP) {
                column = step;
                continue;
            }
        }
        row = above;
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line confidence` of each step, then of the whole.
    fn shown(text: &str, steps: &[&str]) -> Vec<String> {
        let file = Dockerfile::parse(text.as_bytes());
        let alignment = align(&file, file.stages.len().saturating_sub(1), steps);
        let show = |step: &Option<Match>| match step {
            Some(Match { instruction, confidence, is_changed }) => {
                let line = file.instructions.get(*instruction).map_or(0, |one| file.position(one.span.start).line);
                format!("{line} {confidence}{}", if *is_changed { " changed" } else { "" })
            }
            None => "-".into(),
        };
        let whole = alignment.confidence.map_or("not aligned".to_owned(), |confidence| confidence.to_string());
        alignment.steps.iter().map(show).chain([whole]).collect()
    }

    const FILE: &str = "ARG DIR=app\nFROM golang:1 AS build\nRUN go build\nFROM debian:12 AS base\nARG DIR\nWORKDIR /$DIR\n\
                        RUN apt-get update \\\n  # why\n && apt-get install -y curl\nFROM base\nCOPY --from=build --chown=1:1 /out /usr/bin/\n\
                        ENV A=1\nRUN [\"ls\", \"-l\"]\nCMD [\"app\"]\n";

    #[test]
    fn every_builder_is_understood() {
        let buildkit = [
            "/bin/sh -c #(nop) ADD file:0123 in / ",
            "WORKDIR /app",
            "RUN |1 DIR=app /bin/sh -c apt-get update  && apt-get install -y curl # buildkit",
            "COPY --chown=1:1 /out /usr/bin/ # buildkit",
            "RUN ls -l # buildkit",
        ];
        assert_eq!(shown(FILE, &buildkit), ["-", "6 high", "7 high", "11 high", "13 high", "high"]);
        let legacy = [
            "/bin/sh -c #(nop) ADD file:0123 in / ",
            "/bin/sh -c apt-get update  && apt-get install -y curl",
            "/bin/sh -c #(nop) COPY --chown=1:1 file:0123456789 in /usr/bin/ ",
            "ls -l",
        ];
        assert_eq!(shown(FILE, &legacy), ["-", "7 high", "11 medium", "13 high", "high"]);
        let freed = ["RUN apt-get update && apt-get install -y curl", "COPY dir:0123 in /usr/bin", "RUN ls -l"];
        assert_eq!(shown(FILE, &freed), ["7 high", "11 medium", "13 high", "high"]);
    }

    #[test]
    fn what_was_changed_since_is_never_certain() {
        let document = "RUN <<EOF\nset -e\nmake  all\nEOF";
        let cases: &[(&str, &str, &str)] = &[
            // instruction, step, expected
            ("RUN npm ci", "RUN /bin/sh -c npm ci # buildkit", "high"),
            ("RUN npm ci --omit=dev", "RUN /bin/sh -c npm ci # buildkit", "medium changed"),
            ("RUN npm ci", "RUN /bin/sh -c npm ci --omit=dev # buildkit", "medium changed"),
            ("RUN echo 'a' > b", "RUN /bin/sh -c echo a > b # buildkit", "medium changed"),
            ("RUN a; b", "/bin/sh -c a b", "medium changed"),
            ("RUN b", "/bin/sh -c a && b", "low changed"),
            ("RUN b", "RUN |1 P=/x y /bin/sh -c b # buildkit", "high"),
            ("RUN b c", "RUN |1 P=/x y /bin/sh -c a && b c # buildkit", "medium changed"),
            ("RUN [\"ls\", \"-l\"]", "RUN |1 A=1 ls -l # buildkit", "high"),
            ("RUN [\"ls\", \"-l\"]", "RUN [\"ls\", \"-l\"]", "high"),
            ("RUN [\"ls\", \"-a\"]", "RUN ls -l # buildkit", "medium changed"),
            (
                "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b",
                "RUN /bin/bash -o pipefail -c a | b",
                "high",
            ),
            ("SHELL [\"pwsh\", \"-Command\"]\nRUN a b", "RUN pwsh -Command a b # buildkit", "high"),
            ("RUN --mount=type=cache,target=/c make", "RUN /bin/sh -c make # buildkit", "high"),
            ("RUN --mount=type=cache,target=/c make", "RUN --mount=type=cache,target=/c make", "high"),
            (document, "RUN /bin/sh -c set -e\nmake  all\n # buildkit", "high"),
            (document, "RUN /bin/sh -c set -e\nmake some\n # buildkit", "medium changed"),
            ("RUN <<EOF\n#!/bin/sh\nmake\nEOF", "RUN /bin/sh -c /dev/pipes/EOF # buildkit", "medium"),
            ("COPY a /b", "COPY a /b # buildkit", "high"),
            ("COPY a c /b", "COPY a /b # buildkit", "low changed"),
            ("COPY a /c", "COPY a /b # buildkit", "low changed"),
            ("COPY --chown=1:1 a /b", "COPY --chown=1:1 a /b # buildkit", "high"),
            ("COPY --chown=2:2 a /b", "COPY --chown=1:1 a /b # buildkit", "medium changed"),
            ("COPY --chown=2:2 a /b", "COPY a /b # buildkit", "medium changed"),
            ("COPY --chmod=755 a /b", "COPY --chmod=755 a /b # buildkit", "high"),
            ("COPY --chmod=755 a /b", "COPY a /b # buildkit", "medium"),
            ("COPY a /b", "COPY --chmod=755 a /b # buildkit", "medium changed"),
            ("COPY --link --from=x a /b", "COPY a /b # buildkit", "high"),
            ("ARG D=x\nCOPY $D /b", "COPY x /b # buildkit", "high"),
            ("ARG D=x\nCOPY $D /b", "COPY y /b # buildkit", "medium"),
            ("COPY a /b", "COPY file:0123 in /b ", "medium"),
            ("COPY a /c", "COPY file:0123 in /b ", "low changed"),
            ("COPY --chown=1:1 a /b", "COPY --chown=2:2 file:0123 in /b ", "medium changed"),
            ("COPY <<EOF /b\ntext\nEOF", "COPY <<EOF /b # buildkit", "medium"),
            ("WORKDIR /a\nWORKDIR b", "WORKDIR /a/b", "high"),
            ("WORKDIR /b", "WORKDIR /a/b", "low changed"),
            (
                "RUN curl -u ci:hunter2x https://h.example/",
                "RUN /bin/sh -c curl -u ci:**** https://h.example/",
                "medium",
            ),
            (
                "RUN curl -u ci:hunter2x https://h.example/b",
                "RUN /bin/sh -c curl -u ci:**** https://h.example/",
                "medium changed",
            ),
        ];
        let mut wrong = String::new();
        for (instruction, step, expected) in cases {
            // so many equal ones that the whole is aligned
            let text = format!("FROM a\nRUN one\nRUN two\nRUN three\n{instruction}\n");
            let found = shown(&text, &["RUN one", "RUN two", "RUN three", step]);
            let found = found.get(3).and_then(|found| found.split_once(' ')).map_or("", |(_, found)| found);
            if found != *expected {
                wrong += &format!("{instruction}\n  {step}\n  found {found}, expected {expected}\n");
            }
        }
        let long = format!("RUN {}", "word ".repeat(2_000));
        let found = shown(&format!("FROM a\nRUN one\n{long} last\n"), &["RUN one", &format!("{long} other")]);
        assert_eq!(found, ["2 high", "3 medium changed", "high"], "the end of a long command counts");
        assert!(wrong.is_empty(), "\n{wrong}");
    }

    #[test]
    fn steps_without_a_layer_are_compared() {
        let cases = [
            ("ENV A=1 B=\"two words\"", "ENV A=1 B=two words", Some(true)),
            ("ENV A=2", "ENV A=1", Some(false)),
            ("ENV TOKEN=abc", "/bin/sh -c #(nop)  ENV TOKEN=****", None),
            ("USER app", "USER 0", Some(false)),
            ("CMD [\"a\", \"b\"]", "CMD [\"a\" \"b\"]", Some(true)),
            ("CMD npm start", "CMD [\"/bin/sh\" \"-c\" \"npm start\"]", Some(true)),
            ("CMD npm run", "CMD [\"/bin/sh\" \"-c\" \"npm start\"]", Some(false)),
            ("ARG X=1", "ARG X=5", None),
            ("ARG X", "ARG X=5", None),
            ("HEALTHCHECK NONE", "HEALTHCHECK NONE", None),
        ];
        for (instruction, step, expected) in cases {
            let file = Dockerfile::parse(format!("FROM a\n{instruction}\n").as_bytes());
            assert_eq!(is_as_told(&file, 1, step), expected, "{instruction} | {step}");
        }
    }

    #[test]
    fn another_image_is_not_aligned() {
        let other = ["COPY . /srv # buildkit", "RUN /bin/sh -c npm ci # buildkit"];
        assert_eq!(shown(FILE, &other), ["-", "-", "not aligned"]);
        assert_eq!(shown(FILE, &[]), ["not aligned"]);
        assert_eq!(shown("FROM a\nCMD b\n", &["RUN x"]), ["-", "not aligned"]);
        let squashed = ["COPY everything / "];
        assert_eq!(shown(FILE, &squashed), ["-", "not aligned"]);
    }
}
