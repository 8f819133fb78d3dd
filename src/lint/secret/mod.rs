//! Secrets in a Dockerfile and in what it copies, by the rules that judge images: each told at the very word.

mod copied;
mod keys;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::Path;

use crate::dockerfile::lint::{Context, Told, group_is_no_group, quoted};
use crate::dockerfile::shell::Command as Call;
use crate::dockerfile::{Command, Instruction, Kind, Span, Text, Word};
use crate::finding::Finding;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::secret::{self, TextKind, Written};

use super::remedy;
pub(super) use keys::lines_of_key;

/// What was found.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) told: Vec<Told>,
    pub(super) limitations: Vec<Limitation>,
}

/// The secrets that stand in a Dockerfile, and in those files of `folder` that it copies.
pub(super) fn find(context: &Context<'_>, folder: Option<&Path>) -> Secrets {
    let mut search = Search { context, secrets: Secrets::default(), is_cut: false };
    for (index, instruction) in context.instructions() {
        search.instruction(index, instruction);
    }
    search.keys();
    if search.is_cut {
        let what = "too much of it looks like the beginning of a secret; a part was not searched for secrets";
        let gap = Limitation::gap("secret-search-cut", context.name, what);
        search
            .secrets
            .limitations
            .push(gap.help("look at the file by hand; nothing but an attack is known to look like this"));
    }
    if let Some(folder) = folder {
        search.copied(folder);
    }
    search.secrets
}

struct Search<'c, 'f> {
    context: &'c Context<'f>,
    secrets: Secrets,
    is_cut: bool,
}

/// A place of the file that is searched.
struct Part<'p> {
    text: Text,
    kind: TextKind,
    /// What findings are about: a variable or an instruction.
    subject: Cow<'p, str>,
    /// Name and value where it is a variable.
    pair: Option<(&'p Word, &'p Word)>,
}

impl Search<'_, '_> {
    fn instruction(&mut self, index: usize, instruction: &Instruction) {
        self.files(index, instruction);
        let name = instruction.name();
        let part = |text: Text, kind: TextKind| Part { text, kind, subject: name.clone().into(), pair: None };
        match &instruction.kind {
            Kind::Run(command) | Kind::Cmd(command) | Kind::Entrypoint(command) | Kind::Healthcheck(Some(command)) => {
                let (text, kind) = text_of(command);
                self.part(index, instruction, &part(text, kind));
            }
            Kind::Shell(words) | Kind::Expose(words) | Kind::Volume(words) => {
                self.part(index, instruction, &part(joined(words.iter(), 1), TextKind::Command));
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let words = transfer.sources.iter().chain([&transfer.destination]);
                let quotes = usize::from(transfer.is_json);
                self.part(index, instruction, &part(joined(words, quotes), TextKind::Plain));
            }
            Kind::User(word) if group_is_no_group(&word.text) => {
                // what stands where a group should is judged as the password of the user
                let user = word.text.find(':').map_or(0, |colon| colon.saturating_add(1));
                let mut text = Text::default();
                text.push("password=", word.span.start);
                let kind = TextKind::Setting(text.as_str().len());
                text.push(word.text.get(user..).unwrap_or_default(), word.span.start.saturating_add(user));
                self.part(index, instruction, &part(text, kind));
            }
            Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => {
                self.part(index, instruction, &part(joined([word].into_iter(), 0), TextKind::Plain));
            }
            Kind::Env(pairs) | Kind::Label(pairs) => {
                for pair in pairs {
                    self.pair(index, instruction, &pair.name, &pair.value);
                }
            }
            Kind::Arg(arguments) => {
                for argument in arguments {
                    let value = argument.default.iter();
                    value.for_each(|value| self.pair(index, instruction, &argument.name, value));
                }
            }
            Kind::From { .. } | Kind::Healthcheck(None) | Kind::OnBuild(_) | Kind::Unknown | Kind::Broken => {}
        }
    }

    /// Searches `name=value`.
    fn pair(&mut self, index: usize, instruction: &Instruction, name: &Word, value: &Word) {
        let mut text = Text::default();
        text.push(&name.text, name.span.start);
        text.push("=", name.span.end);
        let kind = TextKind::Setting(text.as_str().len());
        let plain = value.text.trim();
        let inner = ['"', '\''].iter().find_map(|quote| plain.strip_prefix(*quote)?.strip_suffix(*quote));
        let (inner, start) = match inner {
            Some(inner) => (inner, value.span.start.saturating_add(1)),
            None => (value.text.as_str(), value.span.start),
        };
        text.push(inner, start);
        let subject = quoted(name.text.trim_matches(['"', '\'']));
        self.part(index, instruction, &Part { text, kind, subject: subject.into(), pair: Some((name, value)) });
    }

    /// Searches a text of the file.
    fn part(&mut self, index: usize, instruction: &Instruction, part: &Part<'_>) {
        let text = part.text.as_str();
        if secret::is_harmless(text) {
            return;
        }
        let (found, is_cut) = secret::in_text(text, part.kind);
        self.is_cut |= is_cut;
        for one in found {
            let mut span = part.text.span(one.span.clone());
            if let Some((_, value)) = part.pair {
                // a value of several lines is one word
                let is_whole = value.text.len() != value.span.end.saturating_sub(value.span.start);
                span = if is_whole || !value.span.contains(span.start) { value.span } else { span };
                span.end = span.end.min(value.span.end);
            }
            let is_generic = one.rule.id.starts_with("secret/generic-");
            let instead = match part.pair {
                // a file of so many is an attack
                _ if self.secrets.told.len() >= MOST_REMEDIES => None,
                Some((name, _)) => remedy::of_variable(self.context, index, instruction, &name.text),
                None => remedy::of_command(self.context, index, instruction, span, &one),
            };
            self.tell(span, part.pair.map(|(name, _)| name.span), is_generic, &part.subject, one, instead);
        }
    }

    fn tell(
        &mut self,
        span: Span,
        variable: Option<Span>,
        is_generic: bool,
        subject: &str,
        one: Written,
        instead: Option<String>,
    ) {
        let is_known = |told: &Told| told.span.start < span.end && span.start < told.span.end;
        if self.secrets.told.iter().rev().take(NEAR).any(is_known) {
            return;
        }
        let message = format!("{} in `{subject}`, which stays in the image's history: {}", one.rule.title, one.masked);
        let finding = finding(self.context, span, subject, message, one, instead);
        self.secrets.told.push(Told { finding, span, variable, is_generic, is_copied: false });
    }

    /// Searches documents and texts that become files, as such files.
    fn files(&mut self, index: usize, instruction: &Instruction) {
        if let Kind::Copy(transfer) | Kind::Add(transfer) = &instruction.kind {
            for heredoc in &instruction.heredocs {
                let into_folder = transfer.sources.len() > 1 || transfer.destination.text.ends_with('/');
                let path = if into_folder {
                    format!("{}/{}", transfer.destination.text, heredoc.name)
                } else {
                    transfer.destination.text.clone()
                };
                let body = self.context.file.source(heredoc.body).to_owned();
                self.file(&path, &Text::of(&body, heredoc.body.start), true);
            }
        }
        let Some(script) = self.context.script(index) else { return };
        let mut files: Vec<(String, Text)> = Vec::new();
        for call in &script.commands {
            files.extend(
                target(call)
                    .into_iter()
                    .flat_map(|path| contents(self.context, call).map(move |text| (path.clone(), text))),
            );
        }
        for (path, text) in files {
            self.file(&path, &text, false);
        }
    }

    /// Searches a text that becomes the file at `path`; where it stands in no command, whatever the path is.
    fn file(&mut self, path: &str, text: &Text, is_whole: bool) {
        let (path, shown) = (ImagePath::new(path.trim_start_matches(['~', '/']).as_bytes()), quoted(path));
        if text.as_str().is_empty() || !(is_whole || secret::is_credential_file(&path)) {
            return;
        }
        let (found, is_cut) = secret::in_file(&path, text.as_str().as_bytes());
        self.is_cut |= is_cut;
        for one in found {
            let instead = remedy::of_file(&shown);
            self.tell(text.span(one.span.clone()), None, false, &shown, one, Some(instead));
        }
    }
}

/// Secrets for which it is told what to write instead.
const MOST_REMEDIES: usize = 1_000;

/// Secrets told last among which one of the same place is looked for.
const NEAR: usize = 200;

fn finding(
    context: &Context<'_>,
    span: Span,
    subject: &str,
    message: String,
    one: Written,
    instead: Option<String>,
) -> Finding {
    let mut finding =
        context.finding(one.rule, span, subject, message).evidence("masked", one.masked).evidence("bytes", one.length);
    (finding.severity, finding.confidence) = (one.severity, one.confidence);
    if let Some(id) = one.id {
        finding.matter.clone_from(&id);
        finding.evidence.insert("secret", id.into());
    }
    if let Some((place, reason)) = one.accepted {
        finding = finding.evidence("allowed_in", place).evidence("allowed_for", reason);
    }
    if let Some(instead) = instead {
        finding.evidence.insert("instead", instead.into());
    }
    if !one.notes.is_empty() {
        finding.evidence.insert("notes", one.notes.into());
    }
    finding
}

/// What a command is searched as.
fn text_of(command: &Command) -> (Text, TextKind) {
    match command {
        Command::Shell(text) => (text.clone(), TextKind::Script),
        Command::Exec(words) => {
            let is_shell = words.get(1).is_some_and(|word| word.text.starts_with('-') && word.text.ends_with('c'));
            (joined(words.iter(), 1), if is_shell { TextKind::Script } else { TextKind::Command })
        }
    }
}

/// Words with a blank between each two; `quotes` are the bytes of the quote before each that does not count.
fn joined<'w>(words: impl Iterator<Item = &'w Word>, quotes: usize) -> Text {
    let mut text = Text::default();
    for word in words {
        if !text.as_str().is_empty() {
            text.push(" ", word.span.start);
        }
        let is_quoted = word.span.end.saturating_sub(word.span.start) > word.text.len();
        let before = if is_quoted { quotes } else { 0 };
        text.push(&word.text, word.span.start.saturating_add(before));
    }
    text
}

/// The file that a command writes to, where that is told plainly.
fn target(call: &Call) -> Option<String> {
    let redirected = call.redirections.iter().find(|one| matches!(one.operator.as_str(), ">" | ">>" | ">|"));
    let word = match redirected {
        Some(redirection) => Some(&redirection.target),
        None if call.name() == "tee" => call.operands().next(),
        None => None,
    };
    // `$HOME/.netrc` has its name all the same
    word.map(|word| word.text.clone()).filter(|path| !path.ends_with(['$', '}']))
}

/// What a command writes: its documents, and what `echo` and `printf` are given.
fn contents<'c>(context: &'c Context<'_>, call: &'c Call) -> impl Iterator<Item = Text> + 'c {
    let documents = call.redirections.iter().filter_map(|redirection| redirection.document.clone());
    let is_echo = matches!(call.name(), "echo" | "printf");
    let words = call.arguments().iter().filter(move |word| is_echo && !word.text.starts_with('-'));
    documents.chain(words.map(|word| {
        let source = context.file.source(word.span);
        let quote = source.starts_with(['"', '\'']);
        // without escapes, so that places stay
        let start = word.span.start.saturating_add(usize::from(quote));
        let inner = source.get(usize::from(quote)..source.len().saturating_sub(usize::from(quote))).unwrap_or_default();
        let mut text = Text::default();
        for (nth, line) in inner.split("\\n").enumerate() {
            let at = start.saturating_add(line.as_ptr() as usize - inner.as_ptr() as usize);
            if nth > 0 {
                text.push("\n", at.saturating_sub(1));
            }
            text.push(line, at);
        }
        text
    }))
}
