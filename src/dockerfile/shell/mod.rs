//! The shell's commands in an instruction: names, words, redirections, what joins them and what they stand in.
//!
//! The grammar is POSIX.1-2017, XCU chapter 2, with what bash and busybox add: `[[`, `|&`, `&>`, `<<<`, `<(…)`, `$'…'`,
//! `function`. Nothing is run or expanded. Text for PowerShell, `cmd` and other interpreters is left alone.

mod inner;
mod parse;
pub(super) mod runner;
#[cfg(test)]
mod tests;

use super::stage::Base;
use super::{Command as Form, Dockerfile, Instruction, Kind, Span, Text, Word as FileWord};
use crate::image::reference::is_of_windows;

/// What a shell is given to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Who runs it.
    pub interpreter: Interpreter,
    /// Its commands in the order of the text; those inside `$(…)` and `sh -c '…'` stand before the command that holds
    /// them.
    pub commands: Vec<Command>,
    /// Whether all of it was understood. If not, the commands up to there are given.
    pub is_complete: bool,
    /// Scripts inside it that another shell runs, `bash -c '…'` and `sh <<EOF`: the construct around their commands, and
    /// who runs them.
    pub inner: Vec<(Enclosing, Interpreter)>,
    /// A quote that nothing closes, so that the shell refuses the text.
    pub open_quote: Option<Span>,
}

impl Script {
    /// Who runs one of its commands.
    pub fn interpreter_of(&self, command: &Command) -> &Interpreter {
        let innermost = command.within.iter().rev().find(|enclosing| enclosing.kind == Construct::Script);
        // numbers ascend
        let place = innermost.map(|innermost| self.inner.binary_search_by_key(&innermost.id, |(it, _)| it.id));
        let inner = place.and_then(|place| self.inner.get(place.ok()?));
        inner.map_or(&self.interpreter, |(_, interpreter)| interpreter)
    }
}

/// Who runs a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Interpreter {
    /// The default, `/bin/sh`.
    #[default]
    Default,
    /// A POSIX shell by its name, such as `bash`, with the flags it is given before the text.
    Shell(String, Vec<String>),
    /// None: an exec form.
    None,
    /// Something whose language is not read, such as `powershell` or `python3`.
    Other(String),
}

impl Interpreter {
    /// Whether its language is read here.
    pub fn is_shell(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// From its first to its last word.
    pub span: Span,
    /// `A=b` before the name.
    pub assignments: Vec<Word>,
    /// The name and its arguments; empty where there are assignments or redirections only.
    pub words: Vec<Word>,
    /// Redirections in order.
    pub redirections: Vec<Redirection>,
    /// What joins it to what stands before it.
    pub before: Connector,
    /// What stands behind it.
    pub after: Connector,
    /// Commands joined by `|` have the same number.
    pub pipeline: u32,
    /// What it stands in, the outermost first.
    pub within: Vec<Enclosing>,
    /// `!` stands before its pipeline.
    pub is_negated: bool,
}

impl Command {
    /// Its name, without quotes and without the folder; empty where it has none or the name holds a variable.
    pub fn name(&self) -> &str {
        let word = self.words.first().filter(|word| word.is_literal);
        word.map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
    }

    /// The words behind the name.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Its arguments that are no flags; behind `--` all.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        let end = self.arguments().iter().position(|word| word.text == "--").unwrap_or(usize::MAX);
        self.arguments()
            .iter()
            .enumerate()
            .filter(
                move |(index, word)| {
                    if *index == end { false } else { *index > end || !word.text.starts_with('-') || word.text == "-" }
                },
            )
            .map(|(_, word)| word)
    }

    /// A flag by one of its names, such as `-y` or `--yes`: alone, with `=value`, or a letter among others (`-qy`).
    pub fn flag(&self, names: &[&str]) -> Option<&Word> {
        let end = self.arguments().iter().position(|word| word.text == "--").unwrap_or(usize::MAX);
        self.arguments().iter().take(end).find(|word| {
            let text = word.text.as_str();
            names.iter().any(|name| {
                if text == *name
                    || text.strip_prefix(name).is_some_and(|rest| name.starts_with("--") && rest.starts_with('='))
                {
                    return true;
                }
                let letter = name.strip_prefix('-').filter(|letter| letter.chars().count() == 1 && *letter != "-");
                letter.is_some_and(|letter| text.starts_with('-') && !text.starts_with("--") && text.contains(letter))
            })
        })
    }

    /// Whether it stands in a construct of this kind.
    pub fn is_within(&self, kind: Construct) -> bool {
        self.within.iter().any(|enclosing| enclosing.kind == kind)
    }
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its bytes in the file, quotes included.
    pub span: Span,
    /// Its text without quotes and escapes; expansions stand as written.
    pub text: String,
    /// Whether nothing in it is expanded: no variable, no command, outside quotes no pattern and no tilde.
    pub is_literal: bool,
    /// Whether some of it is quoted or escaped.
    pub is_quoted: bool,
    /// Whether a `$…` or `` `…` `` stands outside double quotes, where the shell splits what comes of it.
    pub splits: bool,
}

/// `2>file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The whole of it.
    pub span: Span,
    /// The number before the operator.
    pub descriptor: Option<u32>,
    /// The operator, such as `>>`.
    pub operator: String,
    /// The file, the descriptor, or the word that ends a heredoc.
    pub target: Word,
    /// The document, without the line that ends it.
    pub document: Option<Text>,
}

/// What stands between commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Connector {
    /// Nothing: the start or the end of the script, or of what the command stands in.
    #[default]
    Edge,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `;` or a line end.
    Then,
    /// `&`.
    Background,
    /// `|` or `|&`.
    Pipe,
}

/// A construct that holds commands, and which of them it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enclosing {
    /// Its kind.
    pub kind: Construct,
    /// Its number; a branch has its own.
    pub id: u32,
}

/// Kinds of constructs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Construct {
    /// Between `if` or `elif` and `then`.
    Condition,
    /// Behind `then` or `else`.
    Branch,
    /// Between `while` or `until` and `do`.
    LoopCondition,
    /// Between `do` and `done`.
    Loop,
    /// A branch of `case`.
    Case,
    /// `( … )`.
    Subshell,
    /// `{ … }`.
    Group,
    /// `$( … )`, `` ` … ` ``, `<( … )`.
    Substitution,
    /// The body of a function.
    Function,
    /// A text that the command behind it gives to another shell.
    Script,
}

/// Reads the text of a script.
pub fn read(text: &Text, interpreter: Interpreter) -> Script {
    if !interpreter.is_shell() {
        return Script { interpreter, is_complete: true, ..Script::default() };
    }
    inner::read(text, interpreter)
}

/// Names of shells whose language is read.
const SHELLS: &[&str] = &["ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "zsh"];

impl Dockerfile {
    /// What `RUN`, `CMD`, `ENTRYPOINT` or `HEALTHCHECK` runs; `None` of other instructions.
    pub fn script(&self, index: usize) -> Option<Script> {
        let instruction = self.instructions.get(index)?;
        self.script_of(instruction, index)
    }

    fn script_of(&self, instruction: &Instruction, index: usize) -> Option<Script> {
        let command = match &instruction.kind {
            Kind::Run(command) | Kind::Cmd(command) | Kind::Entrypoint(command) | Kind::Healthcheck(Some(command)) => {
                command
            }
            Kind::OnBuild(inner) => return self.script_of(inner, index),
            _ => return None,
        };
        Some(match command {
            Form::Exec(words) => exec(self, words),
            Form::Shell(text) => {
                let shebang = text.as_str().strip_prefix("#!").filter(|_| !instruction.heredocs.is_empty());
                let interpreter = match shebang {
                    Some(line) => named(line.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned)),
                    None => self.interpreter(instruction.stage, index),
                };
                read(text, interpreter)
            }
        })
    }

    /// Who runs shell forms at an instruction: what `SHELL` says in its stage and in those it is built on.
    pub fn interpreter(&self, stage: Option<usize>, index: usize) -> Interpreter {
        let Some(stage) = stage else { return Interpreter::Default };
        let lineage = self.lineage(stage);
        for (nth, stage) in lineage.iter().enumerate() {
            let end = if nth == 0 { index.min(stage.instructions.end) } else { stage.instructions.end };
            let before = self.shells.partition_point(|index| *index < end);
            let last = before.checked_sub(1).and_then(|last| self.shells.get(last));
            let last = last.filter(|index| **index >= stage.instructions.start);
            let shell = last.and_then(|index| match &self.instructions.get(*index)?.kind {
                Kind::Shell(words) => Some(words),
                _ => None,
            });
            if let Some(words) = shell {
                return named(words.iter().map(|word| word.text.clone()));
            }
        }
        let image = lineage.last().map(|stage| &stage.base);
        let is_windows = match image {
            Some(Base::Image(image)) => is_of_windows(&image.shown),
            _ => false,
        };
        if is_windows { Interpreter::Other("cmd".into()) } else { Interpreter::Default }
    }
}

/// The interpreter that a list of words names.
fn named(words: impl Iterator<Item = String>) -> Interpreter {
    let mut words = words.peekable();
    let mut name = String::new();
    while let Some(word) = words.next() {
        let base = word.rsplit(['/', '\\']).next().unwrap_or_default();
        let base = base.strip_suffix(".exe").unwrap_or(base).to_ascii_lowercase();
        let goes_on = match base.as_str() {
            // what env and busybox run is named behind them
            "env" => words.next_if(|next| next == "-S").is_some() || words.peek().is_some(),
            "busybox" => words.peek().is_some_and(|next| !next.starts_with('-')),
            _ => false,
        };
        name = base;
        if !goes_on {
            break;
        }
    }
    let is_known = SHELLS.contains(&name.as_str());
    if is_known { Interpreter::Shell(name, words.collect()) } else { Interpreter::Other(name) }
}

/// The command of an exec form, and where it is `sh -c TEXT` those of the text.
fn exec(file: &Dockerfile, list: &[FileWord]) -> Script {
    let name = list.first().map(|word| word.text.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
    let script = list.iter().skip(1).position(|word| {
        let is_flag = word.text.starts_with('-') && !word.text.starts_with("--");
        is_flag && word.text.ends_with('c')
    });
    let flags_only = |at: usize| {
        list.iter().skip(1).take(at).all(|word| word.text.starts_with(['-', '+']) || word.text == "pipefail")
    };
    if let Some(at) = script.filter(|at| SHELLS.contains(&name) && flags_only(*at))
        && let Some(word) = list.get(at.saturating_add(2))
    {
        let flags = list.iter().skip(1).take(at.saturating_add(1)).map(|word| word.text.clone()).collect();
        let text = json_text(file.source(word.span), &word.text, word.span.start);
        return read(&text, Interpreter::Shell(name.to_owned(), flags));
    }
    let word = |word: &FileWord| Word {
        span: word.span,
        text: word.text.clone(),
        is_literal: true,
        is_quoted: true,
        splits: false,
    };
    let words: Vec<Word> = list.iter().map(word).collect();
    let span = words.iter().map(|word| word.span).reduce(Span::to).unwrap_or_default();
    let commands = if words.is_empty() { Vec::new() } else { vec![Command { span, words, ..Command::default() }] };
    Script { interpreter: Interpreter::None, commands, is_complete: true, ..Script::default() }
}

/// The text of a JSON string, which stands at `at` as `raw`, each character where it is written.
fn json_text(raw: &str, decoded: &str, at: usize) -> Text {
    let mut text = Text::default();
    // behind the quote
    let mut offset = 1_usize;
    for c in decoded.chars() {
        let rest = raw.get(offset..).unwrap_or_default();
        let length = match rest.strip_prefix('\\') {
            Some(escape) if escape.starts_with('u') => "\\uXXXX".len().saturating_mul(c.len_utf16()),
            Some(_) => "\\n".len(),
            None if rest.starts_with(c) => c.len_utf8(),
            // a continuation stands between
            None => match rest.find(c).or_else(|| rest.find('\\')) {
                Some(skipped) => skipped.saturating_add(c.len_utf8()),
                None => c.len_utf8(),
            },
        };
        offset = offset.saturating_add(length);
        // the end of what stands for it
        let place = at.saturating_add(offset).saturating_sub(c.len_utf8());
        text.push(c.encode_utf8(&mut [0; 4]), place);
    }
    text
}
