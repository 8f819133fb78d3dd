//! What several lints ask of a file: commands without their runners, what ships, what is deleted, what is copied where.

use std::collections::HashMap;

use super::Context;
use crate::dockerfile::shell::{Command, Connector, Construct, Interpreter, Script, Word, runner};
use crate::dockerfile::{Base, Dockerfile, Instruction, Kind, Scope, Span, Stage, Transfer};
use crate::escape::escape;

/// Braces of a word that are taken apart.
const MOST_BRACES: usize = 4;

/// Words that braces make.
const MOST_WORDS: usize = 64;

/// Copies of one stage that are remembered, the latest.
pub(super) const MOST_COPIES: usize = 256;

/// Longest path, in bytes, as Linux has it.
const LONGEST_PATH: usize = 4096;

/// Commands behind another that are looked at.
pub(super) const MOST_LATER: usize = 50;

/// Longest text of a file that a message quotes, in characters.
const LONGEST_QUOTE: usize = 80;

/// The commands of a script without their runners.
pub(super) fn calls(script: Option<&Script>) -> Vec<Command> {
    script.into_iter().flat_map(|script| &script.commands).map(without_runner).collect()
}

/// The commands that what `call` prints is piped through, of those `later`.
pub(super) fn piped<'c>(call: &Command, later: &'c [Command]) -> impl Iterator<Item = &'c Command> {
    let most = if call.after == Connector::Pipe { MOST_LATER } else { 0 };
    let pipeline = call.pipeline;
    // what is in a substitution of one of them stands between
    later.iter().take(most).filter(move |next| next.pipeline == pipeline)
}

/// The command that has `call` in a substitution, `$(…)`, among those `later`: what is inside stands before it.
pub(super) fn holder<'c>(call: &Command, later: &'c [Command]) -> Option<&'c Command> {
    let inside = call.within.last().filter(|enclosing| enclosing.kind == Construct::Substitution)?;
    let holds = |next: &&Command| next.span.start <= call.span.start && call.span.end <= next.span.end;
    later.iter().take(MOST_LATER).find(|next| !next.within.contains(inside) && holds(next))
}

/// By stage, whether the last stage is, or is built on it.
pub(super) fn shipped(file: &Dockerfile) -> Vec<bool> {
    let mut shipped = vec![false; file.stages.len()];
    if let Some(last) = file.last_stage() {
        for stage in file.lineage(last.index) {
            if let Some(ships) = shipped.get_mut(stage.index) {
                *ships = true;
            }
        }
    }
    shipped
}

/// The stages of each name, in lower case, in order.
pub(super) fn stage_names(file: &Dockerfile) -> HashMap<String, Vec<usize>> {
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    for stage in &file.stages {
        if let Some(name) = &stage.name {
            names.entry(name.clone()).or_default().push(stage.index);
        }
    }
    names
}

/// Takes off what runs another command: `sudo -u a`, `env A=b`, `exec`, `timeout 5`.
fn without_runner(command: &Command) -> Command {
    let words = command.words.get(runner::length(&command.words)..).unwrap_or_default();
    let span = match words.first() {
        Some(first) if words.len() < command.words.len() => Span::new(first.span.start, command.span.end),
        _ => command.span,
    };
    Command { span, words: words.to_vec(), ..command.clone() }
}

impl<'a> Context<'a> {
    /// The commands of every `RUN` without `sudo`, `env` and their like, with the instruction and its index.
    pub(super) fn calls(&self) -> impl Iterator<Item = (usize, &'a Instruction, &[Command])> {
        self.instructions()
            .filter(|(_, instruction)| matches!(instruction.kind, Kind::Run(_)))
            .filter_map(|(index, instruction)| Some((index, instruction, self.calls.get(index)?.as_slice())))
    }

    /// The same of what is part of the last stage.
    pub(super) fn shipped_calls(&self) -> impl Iterator<Item = (usize, &'a Instruction, &[Command])> {
        self.calls().filter(|(_, instruction, _)| self.ships(instruction))
    }

    /// Whether what an instruction makes is part of the last stage.
    pub fn ships(&self, instruction: &Instruction) -> bool {
        instruction.stage.is_some_and(|stage| self.shipped.get(stage).copied().unwrap_or_default())
    }

    /// The stage that a name or a number means in stage `own`, as [`Dockerfile::stage_named`]; and the first stage of that
    /// name which is `own` or stands behind it.
    pub(super) fn stages_named(&self, text: &str, own: usize) -> (Option<usize>, Option<usize>) {
        let named = self.stage_names.get(&text.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let count = named.partition_point(|index| *index < own);
        let before = count.checked_sub(1).and_then(|nth| named.get(nth)).copied();
        let before = before.or_else(|| text.parse().ok().filter(|index| *index < own));
        (before, named.get(count).copied())
    }

    /// The line an instruction begins in.
    pub(super) fn line(&self, instruction: &Instruction) -> u64 {
        self.file.position(instruction.span.start).line
    }

    /// Walks each stage from what the stage it is built on ended with; gives what each ends with.
    pub(super) fn handed_down<T: Clone + Default>(
        &self,
        mut step: impl FnMut(&mut T, usize, &'a Instruction),
    ) -> Vec<T> {
        let mut ends: Vec<T> = Vec::with_capacity(self.file.stages.len());
        for stage in &self.file.stages {
            let mut state = match stage.base {
                Base::Stage(parent) => ends.get(parent).cloned().unwrap_or_default(),
                Base::Scratch | Base::Image(_) => T::default(),
            };
            for index in stage.instructions.clone() {
                if let Some(instruction) = self.file.instructions.get(index) {
                    step(&mut state, index, instruction);
                }
            }
            ends.push(state);
        }
        ends
    }

    /// Whether a text stands anywhere in the file: a setting that a lint cannot follow.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.file.text.contains(text)
    }

    /// Whether `{a,b}` is expanded in the script of an instruction, or in one inside it: bash and its like do so, dash
    /// and busybox do not.
    pub(super) fn expands_braces(&self, index: usize) -> bool {
        let expands = |interpreter: &Interpreter| matches!(interpreter, Interpreter::Shell(name, _) if matches!(name.as_str(), "bash" | "zsh" | "ksh" | "mksh"));
        self.script(index).is_some_and(|script| {
            expands(&script.interpreter) || script.inner.iter().any(|(_, interpreter)| expands(interpreter))
        })
    }

    /// Whether the shell of a command was told to look at each command of a pipe when it was started.
    pub(super) fn has_pipefail(&self, index: usize, call: &Command) -> bool {
        let interpreter = self.script(index).map(|script| script.interpreter_of(call));
        matches!(interpreter, Some(Interpreter::Shell(_, flags)) if flags.iter().any(|flag| flag == "pipefail"))
    }

    /// What a stage's `COPY` and `ADD` put where, in order, the latest [`MOST_COPIES`].
    pub(super) fn copies(&self, stage: &Stage) -> Vec<Placed<'a>> {
        let mut folder = Some(String::from("/"));
        let mut placed = Vec::new();
        for index in stage.instructions.clone() {
            let Some(instruction) = self.file.instructions.get(index) else { continue };
            let scope = self.file.scope(index);
            match &instruction.kind {
                Kind::Workdir(word) => {
                    folder = scope.resolve(word).text().and_then(|text| joined(folder.as_deref(), text));
                }
                Kind::Copy(transfer) | Kind::Add(transfer) => {
                    let destination = scope.resolve(&transfer.destination);
                    let Some(destination) = destination.text() else { continue };
                    let Some(path) = joined(folder.as_deref(), destination) else { continue };
                    let is_folder = destination.ends_with('/') || destination == "." || transfer.sources.len() > 1;
                    placed.push(Placed { index, instruction, transfer, path, is_folder });
                }
                _ => {}
            }
        }
        placed.split_off(placed.len().saturating_sub(MOST_COPIES))
    }
}

/// Something that was copied into a stage.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// Index of the instruction.
    pub(super) index: usize,
    /// The instruction.
    pub(super) instruction: &'a Instruction,
    /// Its arguments.
    pub(super) transfer: &'a Transfer,
    /// Where to: an absolute path without a slash at the end.
    pub(super) path: String,
    /// Whether that is a folder for sure.
    pub(super) is_folder: bool,
}

/// An absolute path without dots and slashes at the end; `None` where the folder it starts from is not known, and where
/// it is longer than any path.
pub(super) fn joined(folder: Option<&str>, path: &str) -> Option<String> {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder?) };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let path = format!("/{}", parts.join("/"));
    (path.len() <= LONGEST_PATH).then_some(path)
}

/// Whether `path` is `folder` or lies in it.
pub(super) fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.ends_with('/'))
}

/// Whether a command deletes all of a folder: `rm -rf /a/*`, `find /a -delete`.
pub(super) fn deletes(command: &Command, scope: &Scope<'_>, braces: bool, folder: &str) -> bool {
    deleted(command, scope, braces).iter().any(|(_, path)| lies_in(folder, path))
}

/// The paths a command deletes with their places, a pattern for all that is in a folder as that folder.
pub(super) fn deleted(command: &Command, scope: &Scope<'_>, braces: bool) -> Vec<(Span, String)> {
    let operands: Vec<&Word> = match command.name() {
        "rm" => command.operands().collect(),
        "find" if command.arguments().iter().any(|word| matches!(word.text.as_str(), "-delete" | "rm")) => {
            let paths = command.arguments().iter().take_while(|word| !word.text.starts_with(['-', '(', '!']));
            // a search that names what it wants leaves the rest
            let is_choosy = command
                .arguments()
                .iter()
                .any(|word| matches!(word.text.as_str(), "-name" | "-iname" | "-path" | "-regex" | "-mtime" | "-not"));
            if is_choosy { Vec::new() } else { paths.collect() }
        }
        _ => return Vec::new(),
    };
    let mut paths = Vec::new();
    for word in operands {
        let words = if braces { unbraced(&word.text) } else { vec![word.text.clone()] };
        for text in words {
            let text = match text.strip_prefix("~/").or_else(|| text.strip_prefix("$HOME/")) {
                Some(rest) => format!("/root/{rest}"),
                None if text.contains('$') => match scope.expand(&text).text() {
                    Some(text) => text.to_owned(),
                    None => continue,
                },
                None => text,
            };
            let mut path = text.trim_end_matches('/');
            while let Some((folder, last)) = path.rsplit_once('/') {
                if last.is_empty() || !last.chars().all(|c| matches!(c, '*' | '_' | '.' | '?')) {
                    break;
                }
                path = folder.trim_end_matches('/');
            }
            if !path.is_empty() {
                paths.push((word.span, path.to_owned()));
            }
        }
    }
    paths
}

/// What the braces of a word make, as bash does it: `/a/{b,c}/`.
fn unbraced(text: &str) -> Vec<String> {
    let mut words = vec![text.to_owned()];
    for _ in 0..MOST_BRACES {
        let mut next = Vec::new();
        for word in &words {
            let parts = word.split_once('{').and_then(|(before, rest)| {
                let (inside, after) = rest.split_once('}')?;
                (inside.contains(',') && !before.ends_with('$')).then_some((before, inside, after))
            });
            match parts {
                Some((before, inside, after)) => {
                    next.extend(inside.split(',').map(|part| format!("{before}{part}{after}")));
                }
                None => next.push(word.clone()),
            }
        }
        next.truncate(MOST_WORDS);
        words = next;
    }
    words
}

/// Whether a folder is a mount of the `RUN` that is not part of the layer: a cache or a file system in memory.
pub(super) fn is_mounted(instruction: &Instruction, scope: &Scope<'_>, folder: &str) -> bool {
    mounts(instruction).any(|mount| {
        let value = |names: &[&str]| {
            mount.split(',').find_map(|part| {
                let (name, value) = part.split_once('=')?;
                names.contains(&name.trim()).then(|| value.trim().to_owned())
            })
        };
        let kind = value(&["type"]).unwrap_or_default();
        let target = value(&["target", "dst", "destination"]).unwrap_or_default();
        let target = scope.expand(&target);
        matches!(kind.as_str(), "cache" | "tmpfs")
            && target.text().is_none_or(|target| lies_in(folder, target.trim_end_matches('/')))
    })
}

/// The values of `--mount`.
pub(super) fn mounts(instruction: &Instruction) -> impl Iterator<Item = &str> {
    let flags = instruction.flags.iter().filter(|flag| flag.name == "mount");
    flags.filter_map(|flag| flag.value.as_ref()).map(|value| value.text.as_str())
}

/// Whether a name has an ending such as `rpm`, as package managers look at it: in this case only.
pub(super) fn has_ending(text: &str, ending: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, last)| last == ending)
}

/// Text of the file as a message quotes it.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_QUOTE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    escape(shown)
}

/// The parts of an image's name: the name without tag and digest, the tag, and whether a digest stands there.
pub(super) fn reference(text: &str) -> (&str, Option<&str>, bool) {
    let (name, has_digest) = match text.split_once('@') {
        Some((name, _)) => (name, true),
        None => (text, false),
    };
    let start = name.rfind('/').map_or(0, |at| at.saturating_add(1));
    match name.get(start..).and_then(|last| last.find(':')) {
        Some(at) => {
            let colon = start.saturating_add(at);
            (name.get(..colon).unwrap_or_default(), name.get(colon.saturating_add(1)..), has_digest)
        }
        None => (name, None, has_digest),
    }
}

/// The name of an image of Docker's own library, such as `node`; `None` of others.
pub(super) fn library_name(name: &str) -> Option<&str> {
    let name = ["index.docker.io/", "docker.io/"].iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    (!name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::Text;
    use crate::dockerfile::shell::read;

    #[test]
    fn runners_are_taken_off() {
        let cases = [
            ("sudo -E -u a apt-get update", "apt-get update"),
            ("env -u X A=b C=d make all", "make all"),
            ("exec nice -n 5 timeout -k 5 10m a", "a"),
            ("command -v curl", "command -v curl"),
            ("sudo", "sudo"),
            ("/usr/bin/env a", "a"),
            ("make A=b", "make A=b"),
        ];
        for (text, expected) in cases {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            let words: Vec<_> = calls(Some(&script)).remove(0).words.iter().map(|word| word.text.clone()).collect();
            assert_eq!(words.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn deletion_is_judged_by_the_path() {
        let lists = "/var/lib/apt/lists";
        let cases = [
            ("rm -rf /var/lib/apt/lists/*", false, true),
            ("rm -r /var/lib/apt/lists", false, true),
            ("rm -rf /tmp/x /var/lib/apt/", false, true),
            ("rm -rf /tmp/x", false, false),
            ("rm -rf /var/lib/apt/listsx", false, false),
            ("rm -rf /var/lib/apt/lists/partial", false, false),
            ("rm -rf /var/lib/{apt,dpkg}/", false, false),
            ("rm -rf /var/lib/{apt,dpkg}/", true, true),
            ("find /var/lib/apt/lists -type f -delete", false, true),
            ("find /var/lib/apt/lists -name x -delete", false, false),
            ("rm -rf \"$X\"", false, false),
            ("ls /var/lib/apt/lists", false, false),
        ];
        let file = Dockerfile::parse(b"FROM a\nRUN b\n");
        for (text, braces, expected) in cases {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            assert_eq!(deletes(&script.commands[0], &file.scope(1), braces, lists), expected, "{text}");
        }
    }

    #[test]
    fn names_of_images_come_apart() {
        assert_eq!(reference("a"), ("a", None, false));
        assert_eq!(reference("h:5000/a/b:c@sha256:d"), ("h:5000/a/b", Some("c"), true));
        assert_eq!(reference("h:5000/a"), ("h:5000/a", None, false));
        assert_eq!(library_name("docker.io/library/node"), Some("node"));
        assert_eq!(library_name("ghcr.io/node"), None);
        assert_eq!(joined(Some("/a"), "./b/../c/"), Some("/a/c".into()));
        assert!(lies_in("/a/b", "/a") && lies_in("/a", "/a") && !lies_in("/ab", "/a"));
    }
}
