//! From lines to instructions: directives, comments, continuations and heredocs.

use super::instruction::{self, Source};
use super::span::{LineIndex, Span, Text};
use super::word;
use super::{Command, Directive, Dockerfile, Heredoc, Instruction, Kind, Problem, Word};
use crate::escape::escape;

/// Longest line `BuildKit` takes, in bytes: the buffer of its scanner.
const LONGEST_LINE: usize = 65_535;

/// One line of the file.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    /// Without the line end.
    end: usize,
}

/// Reads all lines of `text`.
pub(super) fn read(text: String) -> Dockerfile {
    let lines = LineIndex::new(&text);
    let mut reader = Reader {
        at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
        wants_directives: true,
        file: Dockerfile { escape: '\\', lines, ..Dockerfile::default() },
        text: &text,
    };
    while let Some(line) = reader.line() {
        reader.statement(line);
    }
    let mut file = reader.file;
    if file.instructions.is_empty() {
        let problem = Problem {
            span: Span::default(),
            message: "the file holds no instruction".into(),
            is_fatal: true,
            told_by: None,
        };
        file.problems.push(problem);
    }
    file.text = text;
    file
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    wants_directives: bool,
    file: Dockerfile,
}

impl Reader<'_> {
    /// Takes the next line.
    fn line(&mut self) -> Option<Line> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes());
        let next = length.map_or(self.text.len(), |length| self.at.saturating_add(length).saturating_add(1));
        let line = self.text.get(self.at..next).unwrap_or_default().trim_end_matches(['\r', '\n']);
        let end = self.at.saturating_add(line.len());
        let line = Line { start: self.at, end };
        if next.saturating_sub(self.at) > LONGEST_LINE {
            self.problem(Span::new(line.start, end), "the line is longer than the 65,535 bytes that Docker reads");
        }
        self.at = next;
        Some(line)
    }

    fn of(&self, line: Line) -> &str {
        self.text.get(line.start..line.end).unwrap_or_default()
    }

    fn problem(&mut self, span: Span, message: impl Into<String>) {
        self.file.problems.push(Problem { span, message: message.into(), is_fatal: true, told_by: None });
    }

    /// Reads a comment, a blank line, or an instruction with all its lines.
    fn statement(&mut self, line: Line) {
        let text = self.text;
        let content = text.get(line.start..line.end).unwrap_or_default().trim_start();
        let start = line.end.saturating_sub(content.len());
        if content.starts_with('#') {
            let span = Span::new(start, line.end);
            if !self.directive(span) {
                self.wants_directives = false;
                self.file.comments.push(span);
            }
            return;
        }
        self.wants_directives = false;
        if content.is_empty() {
            return;
        }
        let mut logical = Text::default();
        let mut end = line.end;
        let (piece, mut goes_on) = continuation(content, self.file.escape);
        logical.push(piece, start);
        let mut first_empty = None;
        while goes_on {
            let Some(line) = self.line() else { break };
            let content = text.get(line.start..line.end).unwrap_or_default();
            let trimmed = content.trim_start();
            if trimmed.starts_with('#') {
                self.file.comments.push(Span::new(line.end.saturating_sub(trimmed.len()), line.end));
                end = line.end;
                continue;
            }
            if trimmed.is_empty() {
                first_empty.get_or_insert(Span::new(line.start, line.end));
                continue;
            }
            let (piece, more) = continuation(content, self.file.escape);
            logical.push(piece, line.start);
            goes_on = more;
            end = line.end;
        }
        if let Some(span) = first_empty {
            let message = "an empty line stands in a continued instruction; Docker warns of it".into();
            self.file.problems.push(Problem { span, message, is_fatal: false, told_by: None });
        }
        self.instruction(&logical, end);
    }

    /// Reads `# name=value`, where these still count.
    fn directive(&mut self, span: Span) -> bool {
        if !self.wants_directives {
            return false;
        }
        let comment = self.text.get(span.start..span.end).unwrap_or_default();
        let Some((name, value)) =
            comment.trim_start_matches('#').split_once('=').filter(|_| !comment.starts_with("##"))
        else {
            return false;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if value.is_empty() || !matches!(name.as_str(), "syntax" | "escape" | "check") {
            return false;
        }
        // the value ends where the trimmed comment ends
        let end = span.start.saturating_add(comment.trim_end().len());
        let value = Word { span: Span::new(end.saturating_sub(value.len()), end), text: value.to_owned() };
        if self.file.directives.iter().any(|directive| directive.name == name) {
            self.problem(span, format!("the directive `{name}` stands twice"));
        } else if name == "escape" {
            match value.text.as_str() {
                "\\" => self.file.escape = '\\',
                "`" => self.file.escape = '`',
                other => {
                    let message = format!("`{}` cannot be the escape character, only ` or \\ can", escape(other));
                    self.problem(value.span, message);
                }
            }
        }
        self.file.directives.push(Directive { span, name, value });
        true
    }

    /// Reads an instruction whose last line ends at `end`, and the documents behind it.
    fn instruction(&mut self, text: &Text, end: usize) {
        let source = Source { text, escape: self.file.escape };
        let mut instruction = instruction::parse(&source, &mut self.file.problems);
        instruction.span.end = instruction.span.end.max(end);
        if takes_heredocs(&instruction) && text.as_str().contains("<<") {
            for marker in word::heredocs(text.as_str()) {
                let heredoc = Heredoc {
                    span: text.span(marker.range),
                    name: marker.name,
                    body: Span::default(),
                    descriptor: marker.descriptor,
                    strips_tabs: marker.strips_tabs,
                    expands: marker.expands,
                };
                let (heredoc, end) = self.heredoc(heredoc);
                instruction.span.end = end;
                instruction.heredocs.push(heredoc);
            }
        }
        attach(&mut instruction, self.text);
        self.file.instructions.push(instruction);
    }

    /// Reads lines up to the one that ends the document, and says where that ends.
    fn heredoc(&mut self, mut heredoc: Heredoc) -> (Heredoc, usize) {
        let start = self.at;
        let mut last = start;
        while let Some(line) = self.line() {
            last = line.end;
            let content = self.of(line);
            let content = if heredoc.strips_tabs { content.trim_start_matches('\t') } else { content };
            if content == heredoc.name {
                heredoc.body = Span::new(start, line.start);
                return (heredoc, line.end);
            }
        }
        self.problem(heredoc.span, format!("no line `{}` ends this heredoc", escape(&heredoc.name)));
        heredoc.body = Span::new(start, last);
        (heredoc, last)
    }
}

/// The line without its continuation, and whether the next one continues it. Blanks may follow the escape; an escape
/// before it takes its meaning away.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let Some(before) = line.trim_end_matches([' ', '\t']).strip_suffix(escape) else { return (line, false) };
    if before.ends_with(escape) { (line, false) } else { (before, true) }
}

/// `RUN`, `COPY` and `ADD` take documents, unless they are in JSON form; behind `ONBUILD` too.
fn takes_heredocs(instruction: &Instruction) -> bool {
    match &instruction.kind {
        Kind::Run(Command::Shell(_)) => true,
        Kind::Copy(transfer) | Kind::Add(transfer) => !transfer.is_json,
        Kind::OnBuild(inner) => takes_heredocs(inner),
        _ => false,
    }
}

/// Puts documents where the shell sees them.
fn attach(instruction: &mut Instruction, file: &str) {
    let (Some(first), Some(last)) = (instruction.heredocs.first(), instruction.heredocs.last()) else { return };
    let (first, last) = (first.clone(), last.clone());
    let kind = match &mut instruction.kind {
        Kind::OnBuild(inner) => {
            inner.span.end = instruction.span.end;
            inner.heredocs.clone_from(&instruction.heredocs);
            &mut inner.kind
        }
        kind => kind,
    };
    let Kind::Run(Command::Shell(text)) = kind else { return };
    if word::is_heredoc(text.as_str()) {
        let body = file.get(first.body.start..first.body.end).unwrap_or_default();
        *text = Text::of(body, first.body.start);
        return;
    }
    let start = first.body.start.saturating_sub(1);
    text.push("\n", start);
    let end = instruction.span.end.max(last.body.end);
    text.push(file.get(first.body.start..end).unwrap_or_default(), first.body.start);
}
