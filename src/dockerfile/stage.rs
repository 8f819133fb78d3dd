//! Build stages: which instructions they hold, what they are built on, and which others they need.

use std::collections::HashMap;
use std::ops::Range;

use super::variable::Resolved;
use super::{Dockerfile, Instruction, Kind, Problem, Span, Word};

/// Stages one on the other that are followed.
const MOST_STAGES: usize = 64;

/// A build stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name in lower case.
    pub name: Option<String>,
    /// What it is built on.
    pub base: Base,
    /// Indexes of its instructions, the first is its `FROM`.
    pub instructions: Range<usize>,
    /// Stages it is built on or takes files from, sorted.
    pub needs: Vec<usize>,
}

/// What a stage is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An earlier stage.
    Stage(usize),
    /// Nothing.
    Scratch,
    /// An image; its name may hold variables.
    Image(Resolved),
}

/// Finds the stages, and what variables are set where.
pub(super) fn link(file: &mut Dockerfile) {
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut instructions = std::mem::take(&mut file.instructions);
    let mut variables = std::mem::take(&mut file.variables);
    let mut told_of_stage = false;
    for (at, instruction) in instructions.iter_mut().enumerate() {
        match &instruction.kind {
            Kind::From { image, name } => {
                file.variables = variables;
                let resolved = file.scope(usize::MAX).resolve(image);
                variables = std::mem::take(&mut file.variables);
                if let Some(message) = blank(image, &resolved) {
                    file.problems.push(Problem { span: image.span, message, is_fatal: true, told_by: None });
                }
                let index = file.stages.len();
                let base = match resolved.text() {
                    Some(text) if by_name.contains_key(&text.to_ascii_lowercase()) => {
                        Base::Stage(by_name.get(&text.to_ascii_lowercase()).copied().unwrap_or_default())
                    }
                    Some("scratch") => Base::Scratch,
                    _ => Base::Image(resolved),
                };
                let needs = if let Base::Stage(parent) = base { vec![parent] } else { Vec::new() };
                let name = name.as_ref().map(|name| name.text.to_ascii_lowercase());
                if let Some(name) = &name {
                    by_name.insert(name.clone(), index);
                }
                file.stages.push(Stage { index, name, base, instructions: at..at.saturating_add(1), needs });
            }
            Kind::Arg(arguments) => variables.arguments(arguments, &file.stages, at, file.escape),
            Kind::Unknown => {}
            // a base that cannot be read is told of already
            Kind::Broken if instruction.name() == "FROM" => told_of_stage |= file.stages.is_empty(),
            _ if file.stages.is_empty() && !told_of_stage => {
                told_of_stage = true;
                let name = instruction.name();
                let message = format!("`{name}` stands before the first `FROM`; only `ARG` can");
                file.problems.push(Problem { span: instruction.keyword.span, message, is_fatal: true, told_by: None });
            }
            _ if file.stages.is_empty() => {}
            Kind::Env(pairs) => variables.environment(pairs, &file.stages, at, file.escape),
            Kind::Shell(_) => file.shells.push(at),
            _ => {}
        }
        if let Some(stage) = file.stages.last_mut() {
            instruction.stage = Some(stage.index);
            if let Kind::OnBuild(inner) = &mut instruction.kind {
                inner.stage = Some(stage.index);
            }
            stage.instructions.end = at.saturating_add(1);
            let own = stage.index;
            let named = |word: &str| stage_named(&by_name, word, own);
            stage.needs.extend(sources(instruction).iter().filter_map(|word| named(word)));
        }
    }
    for stage in &mut file.stages {
        stage.needs.sort_unstable();
        stage.needs.dedup();
    }
    if file.stages.is_empty() && !instructions.is_empty() && !told_of_stage {
        let message = "the file has no `FROM`".into();
        file.problems.push(Problem { span: Span::default(), message, is_fatal: true, told_by: None });
    }
    file.instructions = instructions;
    file.variables = variables;
}

/// An image whose name is nothing.
fn blank(image: &Word, resolved: &Resolved) -> Option<String> {
    if let Some(error) = &resolved.error {
        return Some(format!("the name of the image cannot be read: {error}"));
    }
    let is_blank = resolved.text() == Some("") && resolved.defaults.is_empty();
    is_blank
        .then(|| format!("`{}` is empty: no `ARG` before the first `FROM` sets it", crate::escape::escape(&image.text)))
}

/// A stage by its name, or by its number.
fn stage_named(by_name: &HashMap<String, usize>, word: &str, own: usize) -> Option<usize> {
    let index = by_name.get(&word.to_ascii_lowercase()).copied().or_else(|| word.parse().ok())?;
    (index < own).then_some(index)
}

/// Where an instruction takes files from: `COPY --from`, and `from=` of mounts.
fn sources(instruction: &Instruction) -> Vec<&str> {
    match &instruction.kind {
        Kind::Copy(_) => instruction
            .flag("from")
            .and_then(|flag| flag.value.as_ref())
            .map(|word| word.text.as_str())
            .into_iter()
            .collect(),
        Kind::Run(_) => {
            let mounts =
                instruction.flags.iter().filter(|flag| flag.name == "mount").filter_map(|flag| flag.value.as_ref());
            mounts.filter_map(|mount| mount.text.split(',').find_map(|part| part.strip_prefix("from="))).collect()
        }
        Kind::OnBuild(inner) => sources(inner),
        _ => Vec::new(),
    }
}

impl Dockerfile {
    /// A stage by the name or number that `COPY --from` and `FROM` use in stage `own`.
    pub fn stage_named(&self, word: &str, own: usize) -> Option<&Stage> {
        let named = self
            .stages
            .iter()
            .take(own)
            .rev()
            .find(|stage| stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(word)));
        named.or_else(|| self.stages.get(word.parse::<usize>().ok().filter(|index| *index < own)?))
    }

    /// Which stages are built for `target`, it included: by index.
    pub fn stages_for(&self, target: usize) -> Vec<bool> {
        let mut needed = vec![false; self.stages.len()];
        let mut wanted = vec![target];
        while let Some(index) = wanted.pop() {
            let Some(is_needed) = needed.get_mut(index) else { continue };
            if !std::mem::replace(is_needed, true) {
                wanted.extend(self.stages.get(index).into_iter().flat_map(|stage| stage.needs.iter().copied()));
            }
        }
        needed
    }

    /// The stage and those it is built on, one on the other, the topmost first.
    pub fn lineage(&self, stage: usize) -> Vec<&Stage> {
        let mut lineage: Vec<&Stage> = Vec::new();
        let mut next = Some(stage);
        while let Some(stage) = next.and_then(|index| self.stages.get(index)).filter(|_| lineage.len() < MOST_STAGES) {
            lineage.push(stage);
            // a stage is built on earlier ones only
            next = if let Base::Stage(parent) = stage.base { Some(parent) } else { None };
        }
        lineage
    }

    /// The image that a stage is built on in the end; `None` where it is built on nothing.
    pub fn image_of(&self, stage: usize) -> Option<&Resolved> {
        match &self.lineage(stage).last()?.base {
            Base::Image(image) => Some(image),
            Base::Stage(_) | Base::Scratch => None,
        }
    }
}
