//! From text to commands: one walk over the characters with a stack of open constructs.

mod word;

use std::ops::Range;

use super::{Command, Connector, Construct, Enclosing, Redirection, Word, inner};
use crate::dockerfile::span::Text;

/// How deep `$(…)` may stand in each other.
const DEEPEST: u32 = 24;

/// How deep constructs may stand in each other.
const MOST_OPEN: usize = 64;

/// Most commands of one script; what comes later is not read.
const MOST_COMMANDS: usize = 20_000;

/// Redirections among which the owner of a document is looked for.
const MOST_BACK: usize = 1_000;

/// Operators of redirections, the longer before those they begin with.
const OPERATORS: &[&str] = &["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];

/// What was read of a text.
pub(super) struct Parsed {
    /// Its commands.
    pub(super) commands: Vec<Command>,
    /// Whether all of it was understood.
    pub(super) is_complete: bool,
    /// Scripts that commands give to other shells as an argument, by the command's index, ascending.
    pub(super) texts: Vec<(usize, Text)>,
    /// The last number that was given to a construct or a pipeline.
    pub(super) next_id: u32,
    /// Where a quote is opened that nothing closes, outside all that stands in others.
    pub(super) open_quote: Option<usize>,
}

/// Reads a text; numbers of constructs and pipelines begin behind `next_id`.
pub(super) fn parse(text: &Text, next_id: u32) -> Parsed {
    let mut parser = Parser {
        text,
        end: text.as_str().len(),
        at: 0,
        depth: 0,
        commands: Vec::new(),
        next_id,
        documents: Vec::new(),
        is_complete: true,
        texts: Vec::new(),
        trace: None,
        open_quote: None,
    };
    parser.list(&[], None);
    let Parser { at, end, commands, is_complete, texts, next_id, open_quote, .. } = parser;
    Parsed { commands, is_complete: is_complete && at >= end, texts, next_id, open_quote }
}

struct Parser<'a> {
    text: &'a Text,
    /// What lies behind it is not part of what is read now.
    end: usize,
    at: usize,
    depth: u32,
    commands: Vec<Command>,
    next_id: u32,
    /// Heredocs whose text begins behind the next line end: the word that ends them, whether tabs are stripped, and
    /// where their redirection is.
    documents: Vec<(String, bool, Owner)>,
    is_complete: bool,
    texts: Vec<(usize, Text)>,
    /// The word that is read a second time, as it comes out of quotes, and the depth at which it stands.
    trace: Option<(Text, u32)>,
    open_quote: Option<usize>,
}

/// Where a redirection stands: in a finished command, or in the one that is being read.
#[derive(Debug, Clone, Copy)]
struct Owner {
    /// Byte where the redirection begins.
    start: usize,
}

/// An open construct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    If(Enclosing),
    Loop(Enclosing),
    /// Between `for` and `do`: its header was read.
    For,
    Case(Option<Enclosing>),
    Group(Enclosing),
    Subshell(Enclosing),
}

impl Open {
    fn enclosing(self) -> Option<Enclosing> {
        match self {
            Self::If(enclosing) | Self::Loop(enclosing) | Self::Group(enclosing) | Self::Subshell(enclosing) => {
                Some(enclosing)
            }
            Self::Case(enclosing) => enclosing,
            Self::For => None,
        }
    }
}

/// What is read at the moment.
#[derive(Default)]
struct Current {
    command: Command,
    /// Where each of its words begins.
    starts: Vec<usize>,
    /// First and last byte of it.
    range: Option<Range<usize>>,
    /// What joins it to what stands before it.
    connector: Connector,
    pipeline: u32,
    is_negated: bool,
    /// A construct ended where it begins.
    closes: bool,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.as_str().get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.end);
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.skip(token.len());
        }
        is_next
    }

    fn id(&mut self, kind: Construct) -> Enclosing {
        self.next_id = self.next_id.saturating_add(1);
        Enclosing { kind, id: self.next_id }
    }

    fn give_up(&mut self) {
        self.is_complete = false;
        self.at = self.end;
    }

    /// Reads commands up to `close` outside all constructs, or to the end.
    fn list(&mut self, outer: &[Enclosing], close: Option<char>) {
        let mut open: Vec<Open> = Vec::new();
        let mut current = Current { pipeline: self.new_pipeline(), ..Current::default() };
        let mut is_function = false;
        while let Some(c) = self.peek() {
            let begins = current.range.is_none();
            match c {
                ' ' | '\t' | '\r' => self.skip(1),
                '\\' if self.rest().starts_with("\\\n") => self.skip(2),
                '\\' if self.rest().starts_with("\\\r\n") => self.skip(3),
                '#' => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.skip(length);
                }
                '\n' => {
                    self.skip(1);
                    self.finish(&mut current, Connector::Then, outer, &open);
                    self.read_documents();
                }
                ';' => {
                    let is_branch_end = self.takes(";;&") || self.takes(";;") || self.takes(";&");
                    if !is_branch_end {
                        self.skip(1);
                    }
                    self.finish(&mut current, Connector::Then, outer, &open);
                    if is_branch_end {
                        let Some(Open::Case(_)) = open.last() else { return self.give_up() };
                        open.pop();
                        let Some(is_end) = self.pattern(outer, &mut open) else { return self.give_up() };
                        current.connector = Connector::Edge;
                        current.closes = is_end;
                    }
                }
                '&' if self.rest().starts_with("&>") => self.redirection(&mut current, outer, &open),
                '&' => {
                    let is_and = self.takes("&&") || !self.takes("&");
                    self.finish(
                        &mut current,
                        if is_and { Connector::And } else { Connector::Background },
                        outer,
                        &open,
                    );
                }
                '|' => {
                    let is_or = self.takes("||");
                    if !is_or && !self.takes("|&") {
                        self.skip(1);
                    }
                    self.finish(&mut current, if is_or { Connector::Or } else { Connector::Pipe }, outer, &open);
                }
                '(' if begins => {
                    if self.rest().starts_with("((") && self.arithmetic() {
                        continue;
                    }
                    self.skip(1);
                    let kind = if std::mem::take(&mut is_function) { Construct::Function } else { Construct::Subshell };
                    let enclosing = self.id(kind);
                    open.push(Open::Subshell(enclosing));
                }
                '(' => {
                    // `name()`
                    self.skip(1);
                    let blanks = self.rest().len().saturating_sub(self.rest().trim_start_matches([' ', '\t']).len());
                    self.skip(blanks);
                    if !self.takes(")") || current.command.words.len() != 1 {
                        return self.give_up();
                    }
                    current.command = Command::default();
                    current.starts.clear();
                    current.range = None;
                    is_function = true;
                }
                ')' => {
                    self.finish(&mut current, Connector::Edge, outer, &open);
                    if matches!(open.last(), Some(Open::Subshell(_))) {
                        open.pop();
                        self.skip(1);
                        current.closes = true;
                    } else if close == Some(')') && open.is_empty() {
                        return;
                    } else {
                        return self.give_up();
                    }
                }
                '<' | '>' if !self.rest().starts_with("<(") && !self.rest().starts_with(">(") => {
                    self.redirection(&mut current, outer, &open);
                }
                _ => {
                    let digits = self
                        .rest()
                        .len()
                        .saturating_sub(self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len());
                    if digits > 0 && self.rest().get(digits..).is_some_and(|rest| rest.starts_with(['<', '>'])) {
                        self.redirection(&mut current, outer, &open);
                        continue;
                    }
                    let start = self.at;
                    let within = within(outer, &open);
                    let Some(word) = self.word(&within) else { return self.give_up() };
                    if self.at == start {
                        return self.give_up();
                    }
                    let has_name = !current.command.words.is_empty();
                    if begins && !word.is_quoted && word.is_literal {
                        match self.reserved(&word.text, &mut open, outer, &mut is_function) {
                            Reserved::No => {}
                            Reserved::Yes => continue,
                            Reserved::Negates => {
                                current.is_negated = true;
                                continue;
                            }
                            Reserved::Begins => {
                                current.connector = Connector::Edge;
                                continue;
                            }
                            Reserved::Closes => {
                                current.connector = Connector::Edge;
                                current.closes = true;
                                continue;
                            }
                            Reserved::Wrong => return self.give_up(),
                        }
                    }
                    let range = current.range.get_or_insert(start..self.at);
                    range.end = self.at;
                    if !has_name && is_assignment(self.text.as_str().get(start..self.at).unwrap_or_default()) {
                        self.array(&word, &mut current);
                        current.command.assignments.push(word);
                    } else {
                        let is_test = !has_name && word.text == "[[" && !word.is_quoted;
                        current.command.words.push(word);
                        current.starts.push(start);
                        if is_test && !self.test(&mut current, &within) {
                            return self.give_up();
                        }
                    }
                }
            }
            if open.len() > MOST_OPEN || self.commands.len() > MOST_COMMANDS {
                return self.give_up();
            }
        }
        self.finish(&mut current, Connector::Edge, outer, &open);
        self.read_documents();
        if !open.is_empty() || close.is_some() {
            self.is_complete = false;
        }
    }

    fn new_pipeline(&mut self) -> u32 {
        self.next_id = self.next_id.saturating_add(1);
        self.next_id
    }

    /// Takes the command that ends here, if there is one.
    fn finish(&mut self, current: &mut Current, after: Connector, outer: &[Enclosing], open: &[Open]) {
        let mut command = std::mem::take(&mut current.command);
        let is_empty = current.range.is_none();
        if let Some(range) = current.range.take() {
            command.span = self.text.span(range);
            command.before = current.connector;
            command.after = after;
            command.pipeline = current.pipeline;
            command.is_negated = current.is_negated;
            command.within = within(outer, open);
            let starts = std::mem::take(&mut current.starts);
            if let Some(text) = self.inner_text(&command, &starts) {
                self.texts.push((self.commands.len(), text));
            }
            self.commands.push(command);
        }
        if after != Connector::Pipe {
            current.pipeline = self.new_pipeline();
            current.is_negated = false;
        }
        // a line end joins nothing behind an operator, nor where a list begins
        let closes = std::mem::take(&mut current.closes);
        let is_blank = is_empty && after == Connector::Then && !closes && current.connector != Connector::Then;
        if !is_blank {
            current.connector = after;
        }
    }

    /// The script that a command gives to another shell as an argument, out of its quotes: its word is read once more.
    fn inner_text(&mut self, command: &Command, starts: &[usize]) -> Option<Text> {
        if self.trace.is_some() {
            return None;
        }
        let start = *starts.get(inner::shell_with_text(&command.words)?.text)?;
        let back = (self.at, self.commands.len(), self.next_id, self.is_complete);
        let documents = std::mem::take(&mut self.documents);
        self.trace = Some((Text::default(), self.depth));
        self.at = start;
        let word = self.word(&[]);
        (self.at, _, self.next_id, self.is_complete) = back;
        self.commands.truncate(back.1);
        self.documents = documents;
        let (text, _) = self.trace.take()?;
        word.map(|_| text)
    }

    /// Reads a word that begins a command, if the shell reserves it.
    fn reserved(&mut self, word: &str, open: &mut Vec<Open>, outer: &[Enclosing], is_function: &mut bool) -> Reserved {
        match word {
            "!" => return Reserved::Negates,
            "time" | "coproc" => return Reserved::Yes,
            "{" => {
                let kind = if std::mem::take(is_function) { Construct::Function } else { Construct::Group };
                let enclosing = self.id(kind);
                open.push(Open::Group(enclosing));
                return Reserved::Yes;
            }
            "if" => {
                let enclosing = self.id(Construct::Condition);
                open.push(Open::If(enclosing));
                return Reserved::Yes;
            }
            "while" | "until" => {
                let enclosing = self.id(Construct::LoopCondition);
                open.push(Open::Loop(enclosing));
                return Reserved::Yes;
            }
            "for" | "select" => {
                open.push(Open::For);
                return if self.header(outer, open) { Reserved::Begins } else { Reserved::Wrong };
            }
            "case" => {
                self.blanks();
                let enclosing = within(outer, open);
                if self.word(&enclosing).is_none() {
                    return Reserved::Wrong;
                }
                self.white();
                let is_in = self.word(&enclosing).is_some_and(|word| word.text == "in");
                return match is_in.then(|| self.pattern(outer, open)).flatten() {
                    Some(true) => Reserved::Closes,
                    Some(false) => Reserved::Begins,
                    None => Reserved::Wrong,
                };
            }
            "function" => {
                self.blanks();
                if self.word(&within(outer, open)).is_none() {
                    return Reserved::Wrong;
                }
                self.blanks();
                if self.takes("(") {
                    self.blanks();
                    self.takes(")");
                }
                self.white();
                *is_function = true;
                return Reserved::Yes;
            }
            _ => {}
        }
        // words that go on with an open construct
        let Some(last) = open.last().copied() else {
            let closes = matches!(word, "then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}");
            return if closes { Reserved::Wrong } else { Reserved::No };
        };
        match (word, last) {
            ("then" | "else", Open::If(_)) => {
                open.pop();
                let enclosing = self.id(Construct::Branch);
                open.push(Open::If(enclosing));
                Reserved::Begins
            }
            ("elif", Open::If(_)) => {
                open.pop();
                let enclosing = self.id(Construct::Condition);
                open.push(Open::If(enclosing));
                Reserved::Begins
            }
            ("do", Open::Loop(_) | Open::For) => {
                open.pop();
                let enclosing = self.id(Construct::Loop);
                open.push(Open::Loop(enclosing));
                Reserved::Begins
            }
            ("fi", Open::If(_)) | ("done", Open::Loop(_)) | ("}", Open::Group(_)) | ("esac", Open::Case(_)) => {
                open.pop();
                Reserved::Closes
            }
            ("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}", _) => Reserved::Wrong,
            _ => Reserved::No,
        }
    }

    /// Reads `NAME in WORDS` or `((…))` up to what ends the header.
    fn header(&mut self, outer: &[Enclosing], open: &[Open]) -> bool {
        self.blanks();
        if self.rest().starts_with("((") {
            return self.arithmetic();
        }
        let within = within(outer, open);
        loop {
            self.blanks();
            match self.peek() {
                None => return false,
                Some(';') => {
                    self.skip(1);
                    return true;
                }
                Some('\n') => {
                    self.skip(1);
                    self.read_documents();
                    return true;
                }
                Some(_) => {
                    let start = self.at;
                    let word = self.word(&within);
                    if self.at == start || word.is_none() {
                        return false;
                    }
                    // `for NAME do`
                    if word.is_some_and(|word| word.text == "do" && !word.is_quoted) {
                        self.at = start;
                        return true;
                    }
                }
            }
        }
    }

    /// Reads a pattern of `case` up to its parenthesis, or `esac`, and says whether it was that.
    fn pattern(&mut self, outer: &[Enclosing], open: &mut Vec<Open>) -> Option<bool> {
        self.white();
        let is_end = self.rest().strip_prefix("esac").is_some_and(|rest| {
            rest.chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '}' | '<' | '>'))
        });
        if is_end {
            self.skip("esac".len());
            return Some(true);
        }
        self.takes("(");
        let within = within(outer, open);
        loop {
            self.white();
            match self.peek() {
                None => return None,
                Some(')') => {
                    self.skip(1);
                    let enclosing = self.id(Construct::Case);
                    open.push(Open::Case(Some(enclosing)));
                    return Some(false);
                }
                Some('|') => self.skip(1),
                Some(_) => {
                    let start = self.at;
                    if self.word(&within).is_none() || self.at == start {
                        return None;
                    }
                }
            }
        }
    }

    /// Skips `((…))`; leaves all as it is where it is none.
    fn arithmetic(&mut self) -> bool {
        let mut depth = 0u32;
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => depth = depth.saturating_add(1),
                ')' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        let is_pair = self.rest().get(..at).is_some_and(|before| before.ends_with(')'));
                        if is_pair {
                            self.skip(at.saturating_add(1));
                        }
                        return is_pair;
                    }
                }
                '\n' | ';' if depth < 2 => return false,
                _ => {}
            }
        }
        false
    }

    /// Reads the words of `[[ … ]]`, where operators are words.
    fn test(&mut self, current: &mut Current, within: &[Enclosing]) -> bool {
        loop {
            self.white();
            let start = self.at;
            let operator = ["&&", "||", "(", ")", "<", ">", "|", "&", ";"]
                .into_iter()
                .find(|operator| self.rest().starts_with(operator));
            let word = match operator {
                Some(operator) if !self.rest().starts_with("<(") && !self.rest().starts_with(">(") => {
                    self.skip(operator.len());
                    Word {
                        span: self.text.span(start..self.at),
                        text: operator.to_owned(),
                        is_literal: true,
                        ..Word::default()
                    }
                }
                _ => match self.word(within) {
                    Some(word) if self.at > start => word,
                    _ => return false,
                },
            };
            let is_end = word.text == "]]" && !word.is_quoted;
            current.command.words.push(word);
            if let Some(range) = &mut current.range {
                range.end = self.at;
            }
            if is_end {
                return true;
            }
        }
    }

    /// Skips the list of `name=( … )`.
    fn array(&mut self, word: &Word, current: &mut Current) {
        if word.text.ends_with('=') && self.peek() == Some('(') {
            let mut depth = 0u32;
            let length = self.rest().char_indices().find_map(|(at, c)| {
                depth = match c {
                    '(' => depth.saturating_add(1),
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
                (depth == 0).then_some(at.saturating_add(1))
            });
            self.skip(length.unwrap_or(0));
            if let Some(range) = &mut current.range {
                range.end = self.at;
            }
        }
    }

    fn blanks(&mut self) {
        loop {
            let blanks = self.rest().len().saturating_sub(self.rest().trim_start_matches([' ', '\t', '\r']).len());
            self.skip(blanks);
            if !self.takes("\\\n") && !self.takes("\\\r\n") {
                return;
            }
        }
    }

    /// Skips blanks, line ends and comments.
    fn white(&mut self) {
        loop {
            self.blanks();
            if self.takes("\n") {
                self.read_documents();
            } else if self.peek() == Some('#') {
                let length = self.rest().find('\n').unwrap_or(self.rest().len());
                self.skip(length);
            } else {
                return;
            }
        }
    }

    /// Reads `2>file`, `<<NAME`, `&>file` and the like.
    fn redirection(&mut self, current: &mut Current, outer: &[Enclosing], open: &[Open]) {
        let start = self.at;
        let digits =
            self.rest().len().saturating_sub(self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let descriptor = self.rest().get(..digits).and_then(|digits| digits.parse().ok());
        self.skip(digits);
        let operator = OPERATORS.iter().copied().find(|operator| self.rest().starts_with(operator)).unwrap_or(">");
        self.skip(operator.len());
        self.blanks();
        let word_start = self.at;
        let Some(target) = self.word(&within(outer, open)) else { return self.give_up() };
        if self.at == word_start {
            return self.give_up();
        }
        if matches!(operator, "<<" | "<<-") {
            self.documents.push((target.text.clone(), operator == "<<-", Owner { start }));
        }
        let span = self.text.span(start..self.at);
        let redirection = Redirection { span, descriptor, operator: operator.to_owned(), target, document: None };
        current.command.redirections.push(redirection);
        current.range.get_or_insert(start..self.at).end = self.at;
    }

    /// Reads the documents that begin here, and gives them to their redirections.
    fn read_documents(&mut self) {
        for (name, strips_tabs, owner) in std::mem::take(&mut self.documents) {
            let start = self.at;
            let mut body = start..self.end;
            let mut is_ended = false;
            while self.at < self.end {
                let line_start = self.at;
                let length = self.rest().find('\n').map_or(self.rest().len(), |length| length.saturating_add(1));
                let line = self.rest().get(..length).unwrap_or_default().trim_end_matches(['\r', '\n']);
                let line = if strips_tabs { line.trim_start_matches('\t') } else { line };
                let ends = line == name;
                self.skip(length);
                if ends {
                    body.end = line_start;
                    is_ended = true;
                    break;
                }
            }
            if !is_ended {
                self.is_complete = false;
            }
            let place = self.text.span(owner.start..owner.start.saturating_add(1)).start;
            let document = self.text.part(body);
            let redirections = self.commands.iter_mut().rev().flat_map(|command| &mut command.redirections);
            if let Some(redirection) = redirections.take(MOST_BACK).find(|redirection| redirection.span.start == place)
            {
                redirection.document = Some(document);
            }
        }
    }
}

/// What a word at the start of a command is.
enum Reserved {
    /// No reserved word.
    No,
    /// A reserved word; what joined the construct joins its first command.
    Yes,
    /// `!`.
    Negates,
    /// A reserved word behind which a new list begins.
    Begins,
    /// A reserved word that ends a construct.
    Closes,
    /// A reserved word that cannot stand here.
    Wrong,
}

fn within(outer: &[Enclosing], open: &[Open]) -> Vec<Enclosing> {
    outer.iter().copied().chain(open.iter().filter_map(|open| open.enclosing())).collect()
}

/// `name=…`, `name+=…`, `name[…]=…`.
fn is_assignment(raw: &str) -> bool {
    let Some((name, _)) = raw.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split_once('[').filter(|(_, rest)| rest.ends_with(']')).map_or(name, |(name, _)| name);
    let starts_well = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    starts_well && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}
