//! Arguments from before `FROM`, used behind it.

use std::collections::HashSet;

use super::facts::{quoted, reference};
use super::{Context, Lint};
use crate::dockerfile::{Instruction, Kind, Scope, Span, Word};
use crate::finding::Findings;
use crate::rule::{Confidence, Rule};

/// An argument that the stage does not see.
pub(super) static ARGUMENT_SCOPE: Rule = Rule {
    id: "dockerfile/argument-out-of-scope",
    title: "An argument from before `FROM` is used in a stage that does not declare it",
    confidence: Confidence::Medium,
    why: "What `ARG` sets before the first `FROM` counts in `FROM` lines only. In a stage the variable is \
          empty, and nothing says so.",
    remediation: "Repeat `ARG NAME` without a value behind `FROM`; the default from above then counts there too.",
    references: &[
        "https://docs.docker.com/build/building/variables/#scoping",
        "https://docs.docker.com/reference/build-checks/undefined-var/",
    ],
    also: &["UndefinedVar"],
    bad: "ARG VERSION=1.2\nFROM debian:13\nRUN make VERSION=\"$VERSION\"\nUSER 65532",
    good: "ARG VERSION=1.2\nFROM debian:13\nARG VERSION\nRUN make VERSION=\"$VERSION\"\nUSER 65532",
    ..Rule::NEW
};

/// Compares the variables of each instruction with those that are declared only above.
pub(super) struct ArgumentScope;

impl Lint for ArgumentScope {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ARGUMENT_SCOPE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let global = context.file.scope(usize::MAX);
        for (index, instruction) in context.instructions() {
            let Some(stage) = instruction.stage else { continue };
            let scope = context.file.scope(index);
            // the image that all is built on may set a variable of its own name: `NODE_VERSION`; a stage hands both its
            // `ENV` and its `ARG` down to those built on it
            let own = context.file.image_of(stage).map_or_else(String::new, |image| {
                let (name, _, _) = reference(&image.shown);
                name.rsplit('/').next().unwrap_or_default().to_ascii_uppercase()
            });
            let mut told: Vec<String> = Vec::new();
            for (name, span) in used(context, index, instruction, &scope, &global) {
                let is_of_base = !own.is_empty() && name.starts_with(own.as_str());
                if !is_of_base
                    && global.is_declared(&name)
                    && !scope.is_declared(&name)
                    && !told.contains(&name)
                    && told.len() < MOST_NAMES
                {
                    let shown = quoted(&name);
                    let message = format!(
                        "`{shown}` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it"
                    );
                    findings.push(context.finding(&ARGUMENT_SCOPE, span, shown, message));
                    told.push(name);
                }
            }
        }
    }
}

/// Names that are told of one instruction.
const MOST_NAMES: usize = 20;

/// The variables an instruction uses, with the word they stand in.
fn used(
    context: &Context<'_>,
    index: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
    global: &Scope<'_>,
) -> Vec<(String, Span)> {
    let words: Vec<&Word> = match &instruction.kind {
        Kind::Copy(transfer) | Kind::Add(transfer) => transfer.sources.iter().chain([&transfer.destination]).collect(),
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().map(|pair| &pair.value).collect(),
        Kind::Expose(words) | Kind::Volume(words) => words.iter().collect(),
        Kind::User(word) | Kind::Workdir(word) => vec![word],
        Kind::Run(_) => return in_script(context, index, global),
        _ => return Vec::new(),
    };
    let of = |word: &&Word| {
        let resolved = scope.resolve(word);
        // `${A:-b}` says what to do without it
        let names = resolved.unknown.into_iter().chain(resolved.unset);
        names.map(|name| (name, word.span)).collect::<Vec<_>>()
    };
    words.iter().filter(|word| word.text.contains('$')).flat_map(of).collect()
}

/// The same of a `RUN`, without what its script sets itself.
fn in_script(context: &Context<'_>, index: usize, global: &Scope<'_>) -> Vec<(String, Span)> {
    let Some(script) = context.script(index) else { return Vec::new() };
    let commands = &script.commands;
    let mut set: HashSet<&str> = HashSet::new();
    for command in commands {
        let declares = matches!(command.name(), "export" | "local" | "declare" | "read" | "readonly" | "for");
        let words = command.assignments.iter().chain(command.arguments().iter().filter(|_| declares));
        set.extend(words.map(|word| word.text.split_once('=').map_or(word.text.as_str(), |(name, _)| name)));
    }
    // a loop sets its variable without a command
    let source = context.file.instructions.get(index).map(|one| context.file.source(one.span)).unwrap_or_default();
    let mut found: Vec<(String, Span)> = Vec::new();
    for word in commands.iter().flat_map(|command| command.assignments.iter().chain(&command.words)) {
        // single quotes keep the dollar sign
        if word.is_literal {
            continue;
        }
        for (at, _) in word.text.match_indices('$') {
            let rest = word.text.get(at.saturating_add(1)..).unwrap_or_default();
            let (braced, rest) = rest.strip_prefix('{').map_or((false, rest), |rest| (true, rest));
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            let has_default = braced && behind.starts_with([':', '-', '+', '?']);
            let is_new = || found.iter().all(|(other, _)| other != name);
            let is_wanted = !name.is_empty() && !has_default && !set.contains(name) && global.is_declared(name);
            if is_wanted && found.len() < MOST_NAMES && is_new() {
                found.push((name.to_owned(), word.span));
            }
        }
    }
    found.retain(|(name, _)| !source.contains(&format!("for {name} ")));
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &ArgumentScope,
            &[
                (
                    "ARG V=1\nFROM a:$V\nRUN b \"$V\" ${V}x\nCOPY $V /x/$V\n",
                    &[
                        "medium dockerfile/argument-out-of-scope 3:7-3:11: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                        "medium dockerfile/argument-out-of-scope 4:6-4:8: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                    ],
                ),
                ("ARG V=1\nFROM a:$V\nARG V\nRUN b \"$V\"\n", &[]),
                (
                    "ARG V=1\nFROM a\nRUN b '$V' ${V:-2}\nRUN V=2; b $V\nRUN for V in 1 2; do b $V; done\nRUN c $W\n",
                    &[],
                ),
                ("ARG NODE_VERSION=1\nFROM node:$NODE_VERSION\nRUN b $NODE_VERSION\n", &[]),
                // handed down from stage to stage
                ("ARG V=1\nFROM a AS b\nARG V\nFROM b AS c\nFROM c\nRUN d $V\nCOPY x /$V\n", &[]),
                ("ARG V=1\nFROM a AS b\nENV V=2\nFROM b\nRUN d $V\n", &[]),
                ("ARG NODE_VERSION=1\nFROM node:$NODE_VERSION AS b\nFROM b\nRUN b $NODE_VERSION\n", &[]),
                (
                    "ARG V=1\nFROM a AS b\nRUN c\nFROM b\nRUN d $V\n",
                    &[
                        "medium dockerfile/argument-out-of-scope 5:7-5:9: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                    ],
                ),
                (
                    "ARG V=1\nFROM a AS b\nARG V\nFROM a\nCOPY --from=b x /$V\nFROM scratch AS e\nFROM e\nLABEL v=$V\n",
                    &[
                        "medium dockerfile/argument-out-of-scope 5:17-5:20: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                        "medium dockerfile/argument-out-of-scope 8:9-8:11: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                    ],
                ),
                (
                    "ARG V=1\nFROM scratch\nENV W=$V\n",
                    &[
                        "medium dockerfile/argument-out-of-scope 3:7-3:9: `V` is empty here: its `ARG` stands before `FROM`, and this stage does not repeat it",
                    ],
                ),
            ],
        );
    }
}
