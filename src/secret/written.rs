//! Secrets in texts and files that a user wrote and is still to build from: told with their place, so that a lint can
//! point at them.

use std::ops::Range;

use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};

use super::container::text;
use super::engine::Found;
use super::finding::{self, LEAST_UNGUESSABLE};
use super::rule::{self, rule_set};
use super::{allow, config, file, kind, place, user, wrapped};

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// `name=value`, the value from this byte on.
    Setting(usize),
    /// A program with its arguments.
    Command,
    /// Commands of a shell.
    Script,
    /// Anything else.
    Plain,
}

/// A secret in a text; nothing here is the secret itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The rule that knows it.
    pub rule: &'static Rule,
    /// How grave it is here.
    pub severity: Severity,
    /// How sure that is.
    pub confidence: Confidence,
    /// Its bytes in the text; of a setting all of the value.
    pub span: Range<usize>,
    /// What may be shown of it.
    pub masked: String,
    /// Bytes of the secret.
    pub length: u64,
    /// Stands for the value; `None` where words could be tried against it.
    pub id: Option<String>,
    /// What else is known of it.
    pub notes: Vec<String>,
    /// The file and line of a user's rules that accept it, and why.
    pub accepted: Option<(String, String)>,
}

/// The secrets of a text, by their place, and whether a part of it was not searched.
pub fn in_text(text: &str, kind: TextKind) -> (Vec<Written>, bool) {
    let form = match kind {
        TextKind::Setting(at) => wrapped::Form::Setting(at),
        TextKind::Command => wrapped::Form::Command,
        TextKind::Script => wrapped::Form::Script,
        TextKind::Plain => wrapped::Form::Text,
    };
    let search = config::search(text, form);
    let mut written: Vec<Written> = search.hits.into_iter().map(|hit| told(hit.found, hit.span)).collect();
    written.sort_by(|a, b| (a.span.start, a.rule.id).cmp(&(b.span.start, b.rule.id)));
    (written, search.is_exhausted)
}

/// The secrets of a file, as a scan would tell them of an image that has it, and whether a part of it was not searched.
pub fn in_file(path: &ImagePath, bytes: &[u8]) -> (Vec<Written>, bool) {
    let fields = file::fields(path, bytes, 0, bytes.len());
    let searched = text::search(bytes, kind::of(path), fields.found);
    let user = &rule_set().user;
    let example = place::of_examples(path);
    let mut written = Vec::new();
    for mut found in searched.found.into_iter().filter(|found| user.holds(found.rule.id, path.as_bytes())) {
        let by_user = user.note(found.rule.id, &found.id, bytes, &found.span, path.as_bytes());
        found.notes = allow::noted(found.notes, bytes, &found.span);
        found.notes.extend(by_user);
        if let Some(example) = &example {
            found.severity = place::lowered(found.severity, example, finding::is_token(found.rule));
        }
        let span = found.span.clone();
        written.push(told(found, span));
    }
    (written, searched.is_exhausted || fields.is_cut)
}

/// Whether files of that name hold credentials by what they are for.
pub fn is_credential_file(path: &ImagePath) -> bool {
    file::wants(path)
}

fn told(found: Found, span: Range<usize>) -> Written {
    let length = found.length as u64;
    let is_guessable = length < LEAST_UNGUESSABLE || rule::of(found.rule).is_some_and(|rule| rule.is_hidden);
    let accepted = |note: &String| {
        let (place, reason) = note.strip_prefix(user::NOTE)?.split_once(": ")?;
        Some((place.to_owned(), reason.to_owned()))
    };
    Written {
        rule: found.rule,
        severity: found.severity,
        confidence: found.confidence,
        span,
        masked: found.masked,
        length,
        id: (!is_guessable).then_some(found.id),
        accepted: found.notes.iter().find_map(accepted),
        notes: found.notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_with_their_place() {
        let password = ["kQ7vT2", "xwZm9"].concat();
        let text = format!("curl -u ci:{password} https://h.example");
        let (found, is_cut) = in_text(&text, TextKind::Script);
        assert_eq!(
            found.iter().map(|one| (one.rule.id, &text[one.span.clone()])).collect::<Vec<_>>(),
            [("secret/curl-user", password.as_str())]
        );
        assert!(!is_cut && found[0].id.is_none() && !format!("{found:?}").contains(&password));
        let netrc = format!("machine h.example login ci password {password}\n");
        let (found, _) = in_file(&".netrc".into(), netrc.as_bytes());
        assert_eq!(found.iter().map(|one| &netrc[one.span.clone()]).collect::<Vec<_>>(), [password.as_str()]);
        assert!(is_credential_file(&"a/.netrc".into()) && !is_credential_file(&"a/main.rs".into()));
    }
}
