//! Private keys whose lines several commands write.

use std::ops::Range;

use super::Search;
use crate::dockerfile::Span;
use crate::dockerfile::lint::Told;
use crate::lint::remedy;
use crate::secret::{self, TextKind};

/// Private keys of one file that are put together, and lines of one.
const MOST_KEYS: usize = 100;
const MOST_LINES: usize = 400;

/// Shortest run of signs that may be a line of a key.
const LEAST_RUN: usize = 16;

/// The lines of a private key between its marks, whatever stands between them.
pub(in crate::lint) fn lines_of_key(text: &str, body: Range<usize>) -> Vec<Span> {
    let mut lines = Vec::new();
    let mut at = body.start;
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    for part in text.get(body).unwrap_or_default().split_inclusive(|c: char| !is_sign(c)) {
        let run = part.trim_end_matches(|c: char| !is_sign(c));
        let is_plain = run.len() >= LEAST_RUN && run.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_plain && !run.starts_with('/') {
            lines.push(Span::new(at, at.saturating_add(run.len())));
        }
        at = at.saturating_add(part.len());
    }
    lines
}

impl Search<'_, '_> {
    /// Searches private keys whose lines several commands write, of which no text has all.
    pub(super) fn keys(&mut self) {
        let file = self.context.file;
        for body in secret::private_keys(&file.text).into_iter().take(MOST_KEYS) {
            let before = file.text.get(..body.start).unwrap_or_default();
            let Some(begin) = before.rfind("-----BEGIN ") else { continue };
            let label = before.get(begin..).unwrap_or_default();
            let lines = lines_of_key(&file.text, body.clone());
            let Some(first) = lines.first() else { continue };
            let is_told = |told: &Told| begin <= told.span.start && told.span.start < body.end;
            if lines.len() > MOST_LINES || self.secrets.told.iter().any(is_told) {
                continue;
            }
            let mut whole = format!("{label}\n");
            for line in &lines {
                whole += file.source(*line);
                whole.push('\n');
            }
            whole += &label.replace("BEGIN", "END");
            let holder = |at: usize| self.context.instructions().find(|(_, one)| one.span.contains(at));
            let Some((_, instruction)) = holder(begin) else { continue };
            // the first line of the key, where it stands beside the mark
            let span = if instruction.span.contains(first.start) { *first } else { Span::new(begin, body.start) };
            let (name, rule) = (instruction.name(), secret::in_text(&whole, TextKind::Plain).0.into_iter().next());
            if let Some(one) = rule {
                self.tell(span, None, false, &name, one, Some(remedy::of_file("key.pem")));
            }
        }
    }
}
