//! Which instruction made which step of an image's history.
//!
//! The last steps of a history are the instructions of the last stage, below them those of the stages it is built on,
//! below these the base image's own. Steps are as `BuildKit`, the legacy builder and buildah write them, with
//! `#(nop)`, the shell and build arguments taken off or not.

use super::shell::Interpreter;
use super::word::is_blank;
use super::{Command, Dockerfile, Instruction, Kind, Word};
use crate::rule::Confidence;

/// Most steps and instructions that are compared; of more the last count.
const MOST: usize = 1_000;

/// Most bytes of a step that are compared.
const LONGEST: usize = 4_096;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alignment {
    /// For each step the index of its instruction, and how sure that is.
    pub steps: Vec<Option<(usize, Confidence)>>,
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
    let wanted: Vec<Shape> = own.iter().filter_map(|index| shape_of(file, *index)).collect();
    let given: Vec<Shape> = recent.iter().map(|step| Shape::of_step(step)).collect();
    let mut alignment = none;
    // a `WORKDIR` that the legacy builder made is no layer
    let only_folders = wanted.iter().all(|shape| shape.name == "WORKDIR");
    let counts = |shape: &Shape| only_folders || shape.name != "WORKDIR";
    let required = wanted.iter().filter(|shape| counts(shape)).count();
    let mut sure = 0usize;
    let mut matched = 0usize;
    for (instruction, step, score) in best(&wanted, &given) {
        let confidence = match score {
            EQUAL => Confidence::High,
            SIMILAR => Confidence::Medium,
            _ => Confidence::Low,
        };
        if wanted.get(instruction).is_some_and(counts) {
            matched = matched.saturating_add(1);
            sure = sure.saturating_add(usize::from(score >= SIMILAR));
        }
        let place = alignment.steps.get_mut(first_step.saturating_add(step));
        if let (Some(place), Some(index)) = (place, own.get(instruction)) {
            *place = Some((*index, confidence));
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

const EQUAL: u32 = 8;
const SIMILAR: u32 = 5;
const WEAK: u32 = 1;

/// A step or an instruction as it is compared.
#[derive(Debug, Default)]
struct Shape {
    name: String,
    words: Vec<String>,
}

impl Shape {
    fn new(name: &str, text: &str) -> Self {
        let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let text = text.get(..end).unwrap_or_default();
        let words = text.split(|c: char| c.is_whitespace() || is_blank(c));
        let plain =
            |word: &str| word.chars().filter(|c| !matches!(c, '"' | '\'' | '\\' | ',' | '[' | ']' | ';')).collect();
        let words = words.map(plain).filter(|word: &String| !word.is_empty() && !word.starts_with("--"));
        Self { name: name.to_ascii_uppercase(), words: words.collect() }
    }

    /// A step as a history tells it.
    fn of_step(step: &str) -> Self {
        let step = step.trim();
        let step = step.strip_suffix("# buildkit").unwrap_or(step).trim_end();
        let step = match step.strip_prefix("/bin/sh -c #(nop)") {
            Some(rest) => rest.trim(),
            None => step,
        };
        let (name, rest) = step.split_once(is_blank).unwrap_or((step, ""));
        // the legacy builder writes an exec form bare
        if !name.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Self::new("RUN", without_shell(step));
        }
        match name {
            "RUN" => Self::new(name, without_shell(rest)),
            // `file:0123… in /etc/`
            "COPY" | "ADD" => match rest.rsplit_once(" in ") {
                Some((sources, destination)) if sources.contains(':') => Self::new(name, destination),
                _ => Self::new(name, rest),
            },
            _ => Self::new(name, rest),
        }
    }

    /// How well a step fits an instruction; 0 where not at all.
    fn fits(&self, step: &Self) -> u32 {
        if self.name != step.name {
            return 0;
        }
        if self.words == step.words {
            return EQUAL;
        }
        let last_is_equal =
            self.words.last().is_some_and(|last| step.words.last().is_some_and(|other| same_place(last, other)));
        if matches!(self.name.as_str(), "COPY" | "ADD") {
            return if last_is_equal && step.words.len() == 1 {
                SIMILAR
            } else if last_is_equal {
                SIMILAR.saturating_sub(1)
            } else {
                WEAK
            };
        }
        let common = self.words.iter().filter(|word| step.words.contains(word)).take(64).count();
        let most = self.words.len().max(step.words.len()).min(64);
        if common.saturating_mul(2) >= most { SIMILAR } else { WEAK }
    }
}

fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// What a step ran, without build arguments and the shell.
fn without_shell(text: &str) -> &str {
    let text = if text.starts_with('|') { text.find(" /").and_then(|at| text.get(at..)).unwrap_or(text) } else { text };
    let text = text.trim_start();
    let shell = text.split(is_blank).next().unwrap_or_default();
    if !shell.starts_with('/') || !["sh", "bash", "ash", "dash"].iter().any(|name| shell.ends_with(&format!("/{name}")))
    {
        return text;
    }
    // flags up to `-c`
    let mut rest = text.get(shell.len()..).unwrap_or_default().trim_start();
    while let Some((word, after)) = rest.split_once(is_blank) {
        rest = after.trim_start();
        if word.starts_with('-') && word.ends_with('c') {
            return rest;
        }
    }
    text
}

fn shape_of(file: &Dockerfile, index: usize) -> Option<Shape> {
    let instruction = file.instructions.get(index)?;
    let scope = file.scope(index);
    let shown = |word: &Word| scope.resolve(word).shown;
    let text = match &instruction.kind {
        Kind::Run(Command::Shell(text)) => {
            let text = text.as_str();
            match file.interpreter(instruction.stage, index) {
                Interpreter::Other(name) if text.starts_with(&name) => text.get(name.len()..)?.to_owned(),
                _ => text.to_owned(),
            }
        }
        Kind::Run(Command::Exec(words)) => words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
        Kind::Copy(transfer) | Kind::Add(transfer) => {
            transfer.sources.iter().chain([&transfer.destination]).map(shown).collect::<Vec<_>>().join(" ")
        }
        Kind::Workdir(word) => shown(word),
        _ => return None,
    };
    Some(Shape::new(&instruction.name(), &text))
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
        let show = |step: &Option<(usize, Confidence)>| match step {
            Some((index, confidence)) => {
                let line = file.instructions.get(*index).map_or(0, |one| file.position(one.span.start).line);
                format!("{line} {confidence}")
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
    fn another_image_is_not_aligned() {
        let other = ["COPY . /srv # buildkit", "RUN /bin/sh -c npm ci # buildkit"];
        assert_eq!(shown(FILE, &other), ["-", "-", "not aligned"]);
        assert_eq!(shown(FILE, &[]), ["not aligned"]);
        assert_eq!(shown("FROM a\nCMD b\n", &["RUN x"]), ["-", "not aligned"]);
        let squashed = ["COPY everything / "];
        assert_eq!(shown(FILE, &squashed), ["-", "not aligned"]);
    }
}
