//! Words: what quotes hold, what the shell expands, and the commands in it.

use std::ops::Range;

use super::{DEEPEST, Parser};
use crate::dockerfile::shell::{Construct, Enclosing, Word, inner};

impl Parser<'_> {
    /// Reads a word; `None` where a quote or a bracket is left open. Commands in it are read, too.
    pub(super) fn word(&mut self, within: &[Enclosing]) -> Option<Word> {
        let start = self.at;
        let mut word = Word { is_literal: true, ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '(' | ')' => break,
                '<' | '>' => {
                    let is_substitution = self.rest().get(1..).is_some_and(|rest| rest.starts_with('('));
                    if !is_substitution {
                        break;
                    }
                    let (start, commands) = (self.at, self.commands.len());
                    self.skip(2);
                    self.substitution(within)?;
                    self.put_expansion(&mut word, start, commands)?;
                }
                '\\' => {
                    self.skip(1);
                    word.is_quoted = true;
                    if !self.takes("\n") && !self.takes("\r\n") {
                        self.put_character(&mut word)?;
                    }
                }
                '\'' => {
                    self.skip(1);
                    word.is_quoted = true;
                    let Some(length) = self.rest().find('\'') else {
                        self.stays_open(self.at.saturating_sub(1));
                        return None;
                    };
                    let range = self.at..self.at.saturating_add(length);
                    word.text += self.text.as_str().get(range.clone())?;
                    self.note_text(range.clone());
                    self.skip(range.len().saturating_add(1));
                }
                '"' => {
                    let opened = self.at;
                    self.skip(1);
                    word.is_quoted = true;
                    if self.double_quoted(&mut word, within).is_none() {
                        self.stays_open(opened);
                        return None;
                    }
                }
                '$' | '`' => {
                    let length = word.text.len();
                    let is_expansion = self.expansion(&mut word, within)?;
                    let special = word.text.get(length..).is_some_and(|text| matches!(text, "$#" | "$?" | "$$" | "$!"));
                    word.splits |= is_expansion && !special;
                }
                _ => {
                    let is_home = c == '~' && word.text.is_empty() && !word.is_quoted;
                    self.put_character(&mut word)?;
                    if matches!(c, '*' | '?') || is_home || (c == '[' && self.is_set()) {
                        word.is_literal = false;
                    }
                }
            }
        }
        word.span = self.text.span(start..self.at);
        Some(word)
    }

    /// Notes a quote that nothing closes. Inside other constructs it may be the reader that is wrong, and where the text
    /// does not go on to its end.
    fn stays_open(&mut self, at: usize) {
        if self.depth == 0 && self.open_quote.is_none() && (self.at >= self.end || !self.rest().contains(['\'', '"'])) {
            self.open_quote = Some(at);
        }
    }

    /// Adds the next character to a word.
    fn put_character(&mut self, word: &mut Word) -> Option<()> {
        let c = self.peek()?;
        self.put(word, c.encode_utf8(&mut [0; 4]), self.at);
        self.skip(c.len_utf8());
        Some(())
    }

    /// Whether what stands behind a bracket is a set of characters, such as `a-z]`.
    fn is_set(&self) -> bool {
        let end = self.rest().chars().take(64).find(|c| *c == ']' || c.is_whitespace());
        end == Some(']')
    }

    fn double_quoted(&mut self, word: &mut Word, within: &[Enclosing]) -> Option<()> {
        loop {
            let c = self.peek()?;
            match c {
                '"' => {
                    self.skip(1);
                    return Some(());
                }
                '\\' => {
                    self.skip(1);
                    if !self.takes("\n") && !self.takes("\r\n") {
                        if !matches!(self.peek()?, '"' | '$' | '`' | '\\') {
                            self.put(word, "\\", self.at.saturating_sub(1));
                        }
                        self.put_character(word)?;
                    }
                }
                '$' | '`' => {
                    self.expansion(word, within)?;
                }
                _ => self.put_character(word)?,
            }
        }
    }

    /// Reads `$name`, `${…}`, `$(…)`, `$((…))`, `$'…'` or `` `…` `` and says whether the shell expands it.
    fn expansion(&mut self, word: &mut Word, within: &[Enclosing]) -> Option<bool> {
        let (start, commands) = (self.at, self.commands.len());
        if self.takes("`") {
            let mut escaped = false;
            let (length, _) = self.rest().char_indices().find(|(_, c)| {
                let closes = *c == '`' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            })?;
            let outer_end = std::mem::replace(&mut self.end, self.at.saturating_add(length));
            let read = self.nested(within, None);
            self.at = self.end;
            self.end = outer_end;
            self.skip(1);
            read?;
        } else if self.rest().starts_with("$((") && self.starts_arithmetic() {
            // what is computed runs nothing that matters here
        } else if self.takes("$(") {
            self.substitution(within)?;
        } else if self.takes("${") {
            self.braces(within)?;
        } else if self.rest().starts_with("$'") && !word.text.ends_with('"') {
            self.skip(2);
            let mut escaped = false;
            let (length, _) = self.rest().char_indices().find(|(_, c)| {
                let closes = *c == '\'' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            })?;
            let range = self.at..self.at.saturating_add(length);
            word.text += self.text.as_str().get(range.clone())?;
            self.note_escaped(range);
            word.is_quoted = true;
            self.skip(length.saturating_add(1));
            return Some(false);
        } else {
            self.skip(1);
            let rest = self.rest();
            let length = match rest.chars().next() {
                Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                    rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len())
                }
                Some('@' | '*' | '#' | '?' | '-' | '$' | '!' | '0'..='9') => 1,
                _ => 0,
            };
            self.skip(length);
            if length == 0 {
                self.put(word, "$", start);
                return Some(false);
            }
        }
        self.put_expansion(word, start, commands)?;
        Some(true)
    }

    /// Notes the text of `$'…'` with its line ends and quotes for what they are.
    fn note_escaped(&mut self, range: Range<usize>) {
        let text = self.text;
        let mut characters = text.as_str().get(range.clone()).unwrap_or_default().char_indices();
        while let Some((offset, c)) = characters.next() {
            let at = range.start.saturating_add(offset);
            let escaped = if c == '\\' { characters.clone().next() } else { None };
            let meant = match escaped {
                Some((_, 'n')) => "\n",
                Some((_, 't')) => "\t",
                Some((_, '\'')) => "'",
                Some((_, '"')) => "\"",
                Some((_, '\\')) => "\\",
                _ => {
                    self.note(c.encode_utf8(&mut [0; 4]), at);
                    continue;
                }
            };
            self.note(meant, at.saturating_add(1));
            characters.next();
        }
    }

    /// Skips `$((…))`, if that is what it is.
    fn starts_arithmetic(&mut self) -> bool {
        let start = self.at;
        self.skip(1);
        let is_arithmetic = self.arithmetic();
        if !is_arithmetic {
            self.at = start;
        }
        is_arithmetic
    }

    /// Reads commands up to the parenthesis that closes them.
    fn substitution(&mut self, within: &[Enclosing]) -> Option<()> {
        self.nested(within, Some(')'))?;
        self.takes(")").then_some(())
    }

    fn nested(&mut self, within: &[Enclosing], close: Option<char>) -> Option<()> {
        if self.depth >= DEEPEST {
            self.is_complete = false;
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        let mut outer = within.to_vec();
        outer.push(self.id(Construct::Substitution));
        let documents = std::mem::take(&mut self.documents);
        self.list(&outer, close);
        self.documents = documents;
        self.depth = self.depth.saturating_sub(1);
        Some(())
    }

    /// Reads up to the brace that closes `${`.
    fn braces(&mut self, within: &[Enclosing]) -> Option<()> {
        if self.depth >= DEEPEST {
            self.is_complete = false;
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        let mut inner = Word::default();
        // `${#name}`: no comment
        let closed = loop {
            let Some(c) = self.peek() else { break None };
            match c {
                '}' => {
                    self.skip(1);
                    break Some(());
                }
                '\\' => {
                    self.skip(1);
                    let length = self.peek().map_or(0, char::len_utf8);
                    self.skip(length);
                }
                '\'' => {
                    self.skip(1);
                    // a quote inside a quoted `${…}` is a plain character
                    if let Some(length) = self
                        .rest()
                        .find('\'')
                        .filter(|length| self.rest().get(..*length).is_some_and(|text| !text.contains('}')))
                    {
                        self.skip(length.saturating_add(1));
                    }
                }
                '"' => {
                    self.skip(1);
                    if self.double_quoted(&mut inner, within).is_none() {
                        break None;
                    }
                }
                '$' | '`' => {
                    if self.expansion(&mut inner, within).is_none() {
                        break None;
                    }
                }
                c => self.skip(c.len_utf8()),
            }
        };
        self.depth = self.depth.saturating_sub(1);
        closed
    }

    /// Adds to a word what stands at `at`, as it is without quotes.
    fn put(&mut self, word: &mut Word, text: &str, at: usize) {
        word.text.push_str(text);
        self.note(text, at);
    }

    fn note(&mut self, text: &str, at: usize) {
        let depth = self.depth;
        let place = self.text.span(at..at).start;
        if let Some((traced, _)) = self.trace.as_mut().filter(|(_, of)| *of == depth) {
            traced.push(text, place);
        }
    }

    /// Adds what is expanded, from `start` on; `commands` is how many commands there were before it.
    fn put_expansion(&mut self, word: &mut Word, start: usize, commands: usize) -> Option<()> {
        let text = self.text;
        let raw = text.as_str().get(start..self.at)?;
        word.is_literal = false;
        word.text += raw;
        if self.commands.len() > commands {
            // its commands were read already
            let (first, last) = inner::UNKNOWN.split_at(1);
            self.note(first, start);
            self.note(last, self.at.saturating_sub(1));
        } else {
            self.note_text(start..self.at);
        }
        Some(())
    }

    /// Notes a part of the text that stands there as it is, continuations and all.
    fn note_text(&mut self, range: Range<usize>) {
        let depth = self.depth;
        if let Some((traced, _)) = self.trace.as_mut().filter(|(_, of)| *of == depth) {
            traced.append(&self.text.part(range));
        }
    }
}
