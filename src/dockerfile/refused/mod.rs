//! What `BuildKit` refuses though its grammar is kept: words that cannot be expanded, values that are none, images and
//! stages nobody can name.
//!
//! The rules are those of moby/buildkit, `frontend/dockerfile/instructions` and `dockerfile2llb`. A word that holds a
//! variable is not judged by its value, and what stands behind `ONBUILD` not at all: it is read when another image is
//! built on this one.

mod mount;
mod reference;
mod value;

use std::collections::HashMap;

use super::{Base, Dockerfile, Flag, Instruction, Kind, Problem, Scope, Span, Transfer, Word, word};
use crate::escape::escape;

/// Longest text of a file that a message quotes, in characters.
const LONGEST_QUOTE: usize = 60;

/// Rule whose finding tells of ports.
const PORT: &str = "dockerfile/port-range";

/// Rule whose finding tells of stages.
const COPY_FROM: &str = "dockerfile/copy-from-unknown";

/// What is wrong in a file whose instructions were read.
pub(super) fn check(file: &Dockerfile) -> Vec<Problem> {
    let mut problems = Vec::new();
    let known = Known::of(file);
    for (index, instruction) in file.instructions.iter().enumerate() {
        if matches!(instruction.kind, Kind::OnBuild(_) | Kind::Unknown | Kind::Broken) {
            continue;
        }
        let mut judge = Judge { file, known: &known, index, instruction, problems: &mut problems };
        judge.words();
        judge.documents();
        judge.instruction();
    }
    problems
}

/// A part of the file as a message shows it.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_QUOTE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    escape(shown)
}

/// What many instructions ask of the file.
struct Known {
    /// The stages of each name, in lower case, ascending.
    stages: HashMap<String, Vec<usize>>,
    /// By stage, the instruction from which on a `WORKDIR` counts.
    folders: Vec<Option<usize>>,
}

impl Known {
    fn of(file: &Dockerfile) -> Self {
        let mut known = Self { stages: HashMap::new(), folders: Vec::with_capacity(file.stages.len()) };
        for stage in &file.stages {
            if let Some(name) = &stage.name {
                known.stages.entry(name.to_ascii_lowercase()).or_default().push(stage.index);
            }
            let inherited = match stage.base {
                Base::Stage(parent) => known.folders.get(parent).copied().flatten().map(|_| 0),
                Base::Scratch | Base::Image(_) => None,
            };
            let sets =
                |index: &usize| matches!(file.instructions.get(*index).map(|it| &it.kind), Some(Kind::Workdir(_)));
            known.folders.push(inherited.or_else(|| stage.instructions.clone().find(sets)));
        }
        known
    }
}

struct Judge<'a> {
    file: &'a Dockerfile,
    known: &'a Known,
    index: usize,
    instruction: &'a Instruction,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Judge<'a> {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.problems.push(Problem { span, message: message.into(), is_fatal: true, told_by: None });
    }

    /// Says that Docker refuses what a rule of its own tells of.
    fn refuse_quietly(&mut self, span: Span, message: String, rule: &'static str) {
        self.problems.push(Problem { span, message, is_fatal: true, told_by: Some(rule) });
    }

    fn scope(&self) -> Scope<'a> {
        self.file.scope(self.index)
    }

    /// The values of a flag, with the flag.
    fn flags(&self, name: &'static str) -> impl Iterator<Item = (&'a Flag, &'a Word)> + use<'a> {
        let named = self.instruction.flags.iter().filter(move |flag| flag.name == name);
        named.filter_map(|flag| Some((flag, flag.value.as_ref()?)))
    }

    /// The text of a word out of its quotes, where no variable stands in it.
    fn plain(&self, word: &Word) -> Option<String> {
        (!word.text.contains('$')).then(|| self.scope().resolve(word).text().map(str::to_owned)).flatten()
    }

    /// Words in which `BuildKit` looks for quotes and variables.
    fn words(&mut self) {
        let mut words: Vec<&Word> = Vec::new();
        match &self.instruction.kind {
            // its image is expanded where stages are linked
            Kind::From { .. } => words.extend(self.flags("platform").map(|(_, value)| value)),
            Kind::Env(pairs) | Kind::Label(pairs) => words.extend(pairs.iter().flat_map(|it| [&it.name, &it.value])),
            Kind::Arg(arguments) => words.extend(arguments.iter().filter_map(|argument| argument.default.as_ref())),
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let is_document = |source: &&Word| !transfer.is_json && word::is_heredoc(&source.text);
                words.extend(transfer.sources.iter().filter(|source| !is_document(source)));
                words.push(&transfer.destination);
                for name in ["chown", "chmod", "checksum", "exclude"] {
                    words.extend(self.flags(name).map(|(_, value)| value));
                }
            }
            Kind::Expose(list) | Kind::Volume(list) => words.extend(list),
            Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) => words.push(word),
            _ => {}
        }
        for word in words {
            if let Some(error) = self.scope().resolve(word).error {
                self.refuse(word.span, format!("`{}` cannot be read: {error}", quoted(&word.text)));
            }
        }
    }

    /// Documents that `COPY` and `ADD` write: variables count in them, quotes do not.
    fn documents(&mut self) {
        if !matches!(self.instruction.kind, Kind::Copy(_) | Kind::Add(_)) {
            return;
        }
        for heredoc in self.instruction.heredocs.iter().filter(|heredoc| heredoc.expands) {
            if let Some((at, error)) = self.scope().fault_of_document(self.file.source(heredoc.body)) {
                let start = heredoc.body.start.saturating_add(at);
                let line = self.file.source(Span::new(start, heredoc.body.end)).lines().next().unwrap_or_default();
                let span = Span::new(start, start.saturating_add(line.len()));
                let message = format!(
                    "the document cannot be expanded: {error}; quote its mark, `<<'{}'`, if",
                    escape(&heredoc.name)
                );
                self.refuse(span, format!("{message} it shall stay as it is"));
            }
        }
    }

    fn instruction(&mut self) {
        match &self.instruction.kind {
            Kind::From { image, .. } => self.from(image),
            Kind::Copy(transfer) => self.transfer(transfer, true),
            Kind::Add(transfer) => self.transfer(transfer, false),
            Kind::Run(_) => self.run(),
            Kind::Healthcheck(Some(_)) => self.health_check(),
            Kind::StopSignal(word) => self.stop_signal(word),
            Kind::Expose(words) => {
                for word in words {
                    let wrong = self.plain(word).filter(|text| !text.is_empty() && !value::is_port(text));
                    if let Some(text) = wrong {
                        let message = format!("`{}` is no port", quoted(&text));
                        self.refuse_quietly(word.span, message, PORT);
                    }
                }
            }
            _ => {}
        }
    }

    fn from(&mut self, image: &'a Word) {
        let stage = self.instruction.stage.and_then(|stage| self.file.stages.get(stage));
        if let Some(Base::Image(_)) = stage.map(|stage| &stage.base)
            && let Some(text) = self.plain(image).filter(|text| !text.is_empty())
            && let Some(wrong) = reference::fault(&text)
        {
            self.refuse(image.span, format!("`{}` is no name of an image: {wrong}", quoted(&text)));
        }
        for (_, word) in self.flags("platform").collect::<Vec<_>>() {
            if let Some(text) = self.plain(word).filter(|text| !value::is_platform(text)) {
                let message = if text.is_empty() {
                    "`--platform` is empty; write one such as `linux/amd64`, or leave the flag out".to_owned()
                } else {
                    format!("`{}` is no platform; write one such as `linux/arm64`", quoted(&text))
                };
                self.refuse(word.span, message);
            }
        }
    }

    fn transfer(&mut self, transfer: &'a Transfer, is_copy: bool) {
        let name = if is_copy { "COPY" } else { "ADD" };
        if !transfer.is_json && word::is_heredoc(&transfer.destination.text) {
            self.refuse(transfer.destination.span, format!("a document cannot be the destination of `{name}`"));
        }
        for (_, word) in self.flags("chmod").collect::<Vec<_>>() {
            if let Some(text) = self.plain(word).filter(|text| !text.is_empty() && !value::is_mode(text)) {
                let message =
                    format!("`{}` is no mode; write octal digits up to 7777, or such as `u+x`", quoted(&text));
                self.refuse(word.span, message);
            }
        }
        for (_, word) in self.flags("from").filter(|_| is_copy).collect::<Vec<_>>() {
            self.stage_or_image(word.span, &word.text);
        }
        if is_copy {
            for source in &transfer.sources {
                let is_address = ["http://", "https://", "git://", "git@"].iter().any(|it| source.text.starts_with(it));
                if is_address {
                    let message = format!("`COPY` takes no addresses such as `{}`; `ADD` does", quoted(&source.text));
                    self.refuse(source.span, message);
                }
            }
            return;
        }
        for (flag, word) in self.flags("checksum").collect::<Vec<_>>() {
            self.checksum(flag, word, transfer);
        }
    }

    fn checksum(&mut self, flag: &Flag, word: &Word, transfer: &Transfer) {
        let files: Vec<&Word> =
            transfer.sources.iter().filter(|it| transfer.is_json || !word::is_heredoc(&it.text)).collect();
        let [source] = files.as_slice() else {
            let message = format!("`--checksum` is of one source, and {} stand here", files.len());
            return self.refuse(flag.span, message);
        };
        if source.text.contains('$') {
            return;
        }
        match value::address(&source.text) {
            value::Address::None => {
                self.refuse(flag.span, "`--checksum` is for a source that is fetched by HTTP or git");
            }
            value::Address::Git => {}
            value::Address::Web => {
                let text = self.plain(word).filter(|text| !text.is_empty());
                if let Some(wrong) = text.as_deref().and_then(reference::digest_fault) {
                    self.refuse(word.span, format!("`{}` is no checksum: {wrong}", quoted(&word.text)));
                }
            }
        }
    }

    /// What `--from` names: a stage before this one, or an image.
    fn stage_or_image(&mut self, span: Span, text: &str) {
        let Some(own) = self.instruction.stage.filter(|_| !text.is_empty()) else { return };
        if text.contains('$') {
            let message =
                format!("no variable counts in `--from={}`; name a stage `FROM … AS name` above", quoted(text));
            return self.refuse(span, message);
        }
        let named = self.known.stages.get(&text.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        if named.first().is_some_and(|index| *index < own) || text.parse().is_ok_and(|index: usize| index < own) {
            return;
        }
        let later = !named.is_empty();
        if later || text.parse::<i64>().is_ok() {
            self.refuse_quietly(span, format!("there is no stage `{}` before this one", quoted(text)), COPY_FROM);
        } else if let Some(wrong) = reference::fault(text).filter(|_| text != "scratch") {
            let message = format!("`{}` is no stage and no name of an image: {wrong}", quoted(text));
            self.refuse(span, message);
        }
    }

    fn run(&mut self) {
        let choices: [(&'static str, &[&str]); 2] =
            [("network", &["default", "none", "host"]), ("security", &["sandbox", "insecure"])];
        for (name, known) in choices {
            for (_, word) in self.flags(name).collect::<Vec<_>>() {
                if !known.contains(&word.text.as_str()) {
                    let message =
                        format!("`--{name}={}` does not exist; it is `{}`", quoted(&word.text), known.join("`, `"));
                    self.refuse(word.span, message);
                }
            }
        }
        for (_, word) in self.flags("mount").collect::<Vec<_>>() {
            self.mount(word);
        }
    }

    fn health_check(&mut self) {
        for name in ["interval", "timeout", "start-period", "start-interval"] {
            for (_, word) in self.flags(name).filter(|(_, word)| !word.text.is_empty()).collect::<Vec<_>>() {
                let shown = quoted(&word.text);
                match value::duration(&word.text) {
                    None => {
                        let message = format!("`{shown}` is no duration; write one such as `30s` or `1m30s`");
                        self.refuse(word.span, message);
                    }
                    // nanoseconds; nothing means the default
                    Some(length) if length != 0 && length < 1_000_000 => {
                        self.refuse(word.span, format!("`{shown}` is less than one millisecond"));
                    }
                    Some(_) => {}
                }
            }
        }
        for (_, word) in self.flags("retries").filter(|(_, word)| !word.text.is_empty()).collect::<Vec<_>>() {
            if word.text.parse::<i32>().map_or(true, |count| count < 0) {
                self.refuse(word.span, format!("`{}` is no number of tries", quoted(&word.text)));
            }
        }
    }

    fn stop_signal(&mut self, word: &'a Word) {
        let Some(text) = self.plain(word) else { return };
        let shown = quoted(&text);
        match text.parse::<i64>() {
            Ok(1..=64) => {}
            Ok(0) => self.refuse(word.span, "there is no signal 0; signals are 1 to 64"),
            Ok(_) => {
                let message = format!("there is no signal {shown}: engines cannot stop the container with it");
                self.problems.push(Problem { span: word.span, message, is_fatal: false, told_by: None });
            }
            Err(_) if value::is_signal(&text) => {}
            Err(_) => self.refuse(word.span, format!("`{shown}` is no signal; write a number or such as `SIGTERM`")),
        }
    }

    /// Whether the working folder is `/` for all that the file says.
    fn works_at_root(&self) -> bool {
        let from = self.instruction.stage.and_then(|stage| self.known.folders.get(stage).copied().flatten());
        from.is_none_or(|from| self.index < from)
    }
}

#[cfg(test)]
mod tests;
