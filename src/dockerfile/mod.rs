//! Dockerfiles, read as `BuildKit` reads them, and the lints that judge them.
//!
//! The grammar is that of `docs/reference/dockerfile.md` of docker/docs (moby/buildkit `frontend/dockerfile`,
//! version 1.20). Nothing of the file is lost: every part has its bytes, through continuations and heredocs, and what
//! makes no sense becomes a [`Problem`] beside the instructions that do.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod align;
pub mod ignore;
mod instruction;
mod lines;
pub mod lint;
mod refused;
pub mod shell;
mod span;
mod stage;
#[cfg(test)]
mod tests;
pub mod variable;
mod word;

use crate::size::ByteSize;

pub use span::{LineIndex, Position, Span, Text};
pub use stage::{Base, Stage};
pub use variable::{Resolved, Scope};

/// Largest file that is read. The largest Dockerfiles in public repositories have some 200 KiB.
pub const LARGEST: ByteSize = ByteSize::mib(1);

/// A Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// The file; each byte that is not UTF-8 stands as `?`, so that places stay true.
    pub text: String,
    /// Where its lines begin.
    pub lines: LineIndex,
    /// `syntax`, `escape` and `check`, as they stand at the top.
    pub directives: Vec<Directive>,
    /// What escapes and continues lines: a backslash, or a grave accent where a directive says so.
    pub escape: char,
    /// Lines that are comments, directives left out; those inside instructions too. Without line ends.
    pub comments: Vec<Span>,
    /// Instructions in order, those that are unknown or broken too.
    pub instructions: Vec<Instruction>,
    /// Build stages in order.
    pub stages: Vec<Stage>,
    /// What makes no sense, in order.
    pub problems: Vec<Problem>,
    variables: variable::Variables,
    /// Indexes of the `SHELL` instructions.
    shells: Vec<usize>,
}

impl Dockerfile {
    /// Reads a file. It always gives what it could read; [`Dockerfile::problems`] says what it could not.
    pub fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..bytes.len().min(usize::try_from(LARGEST.bytes()).unwrap_or(usize::MAX)));
        let mut dockerfile = lines::read(text_of(bytes.unwrap_or_default()));
        stage::link(&mut dockerfile);
        let refused = refused::check(&dockerfile);
        dockerfile.problems.extend(refused);
        dockerfile.problems.sort_by_key(|problem| problem.span);
        dockerfile
    }

    /// The bytes of a span as text.
    pub fn source(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column of a byte.
    pub fn position(&self, at: usize) -> Position {
        self.lines.position(&self.text, at)
    }

    /// The value of a directive.
    pub fn directive(&self, name: &str) -> Option<&Directive> {
        self.directives.iter().find(|directive| directive.name == name)
    }

    /// The instructions of a stage, its `FROM` first.
    pub fn instructions_of(&self, stage: &Stage) -> &[Instruction] {
        self.instructions.get(stage.instructions.clone()).unwrap_or_default()
    }

    /// The stage that is built when no target is named: the last.
    pub fn last_stage(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// Whether Docker would refuse to build it.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.is_fatal)
    }
}

/// Replaces each byte that is not UTF-8 by one character of one byte.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// `# name=value` at the top of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The whole comment.
    pub span: Span,
    /// In lower case.
    pub name: String,
    /// Its value.
    pub value: Word,
}

/// Something that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What is wrong, in a sentence without a full stop; it quotes nothing unescaped.
    pub message: String,
    /// Whether Docker refuses the file for it; otherwise it warns.
    pub is_fatal: bool,
    /// The rule that tells of it, where it is not `dockerfile/syntax`.
    pub told_by: Option<&'static str>,
}

/// One instruction with all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From its first letter to the end of its last line or heredoc.
    pub span: Span,
    /// Its name as written.
    pub keyword: Word,
    /// `--name=value` behind the name.
    pub flags: Vec<Flag>,
    /// What it says.
    pub kind: Kind,
    /// The documents behind it, in order.
    pub heredocs: Vec<Heredoc>,
    /// Index of its stage; `None` before the first `FROM`.
    pub stage: Option<usize>,
}

impl Instruction {
    /// The value of a flag, the last where it is repeated.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().rev().find(|flag| flag.name == name)
    }

    /// Its name in upper case.
    pub fn name(&self) -> String {
        self.keyword.text.to_ascii_uppercase()
    }
}

/// A flag of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The whole flag, dashes and value included.
    pub span: Span,
    /// Its name without dashes.
    pub name: String,
    /// What follows `=`; quotes are taken off already.
    pub value: Option<Word>,
}

/// A word, as variables are looked for in it: quotes and escapes still stand, JSON strings are decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its bytes, quotes and continuations included.
    pub span: Span,
    /// Its text.
    pub text: String,
}

/// A document that stands behind an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// `<<"NAME"` in the instruction.
    pub span: Span,
    /// The word that ends it.
    pub name: String,
    /// Its lines with their line ends, without the line that ends it.
    pub body: Span,
    /// `2<<NAME`: the number; 0 where there is none.
    pub descriptor: u32,
    /// `<<-`: tabs at the start of lines do not count.
    pub strips_tabs: bool,
    /// Whether variables in it count: its name is not quoted.
    pub expands: bool,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `FROM image AS name`.
    From {
        /// What it is built on.
        image: Word,
        /// Its name.
        name: Option<Word>,
    },
    /// `RUN`.
    Run(Command),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `HEALTHCHECK CMD …`; `None` of `HEALTHCHECK NONE`.
    Healthcheck(Option<Command>),
    /// `SHELL`.
    Shell(Vec<Word>),
    /// `COPY`.
    Copy(Transfer),
    /// `ADD`.
    Add(Transfer),
    /// `ENV`.
    Env(Vec<Pair>),
    /// `LABEL`.
    Label(Vec<Pair>),
    /// `ARG`.
    Arg(Vec<Argument>),
    /// `EXPOSE`.
    Expose(Vec<Word>),
    /// `VOLUME`.
    Volume(Vec<Word>),
    /// `USER`.
    User(Word),
    /// `WORKDIR`.
    Workdir(Word),
    /// `STOPSIGNAL`.
    StopSignal(Word),
    /// `MAINTAINER`.
    Maintainer(Word),
    /// `ONBUILD` and the instruction behind it, which has no stage of its own.
    OnBuild(Box<Instruction>),
    /// A name nobody knows; a problem says so.
    Unknown,
    /// An instruction whose arguments make no sense; a problem says so.
    Broken,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A JSON list: run as it is.
    Exec(Vec<Word>),
    /// Text for the shell, free of continuations and of comment lines between them. With heredocs it is what the shell
    /// sees: their text, where nothing else stands there, or the line and all documents.
    Shell(Text),
}

/// What `COPY` and `ADD` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What is copied; heredocs stand as `<<NAME`.
    pub sources: Vec<Word>,
    /// Where to.
    pub destination: Word,
    /// Whether it is in JSON form, which takes no heredocs.
    pub is_json: bool,
}

/// `name=value` of `ENV` and `LABEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name; quotes still stand.
    pub name: Word,
    /// The value; quotes still stand.
    pub value: Word,
    /// `name value`, the old form.
    pub is_legacy: bool,
}

/// `name=default` of `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The name.
    pub name: Word,
    /// What it is unless the build says something else.
    pub default: Option<Word>,
}
