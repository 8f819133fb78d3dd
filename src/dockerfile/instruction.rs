//! From the text of an instruction to what it says.

use std::collections::BTreeSet;
use std::ops::Range;

use super::span::{Span, Text};
use super::word::{self, Found, List};
use super::{Argument, Command, Flag, Instruction, Kind, Pair, Problem, Transfer, Word};
use crate::escape::escape;
use crate::nearest::nearest;

/// All instructions, sorted.
const NAMES: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Flags of an instruction: name, and whether it takes a value, may have one, or stands more than once.
fn flags_of(name: &str) -> &'static [(&'static str, Takes)] {
    use Takes::{Bool, Value, Values};
    match name {
        "ADD" => &[
            ("checksum", Value),
            ("chmod", Value),
            ("chown", Value),
            ("exclude", Values),
            ("keep-git-dir", Bool),
            ("link", Bool),
            ("unpack", Bool),
        ],
        "COPY" => &[
            ("chmod", Value),
            ("chown", Value),
            ("exclude", Values),
            ("from", Value),
            ("link", Bool),
            ("parents", Bool),
        ],
        "FROM" => &[("platform", Value)],
        "HEALTHCHECK" => &[
            ("interval", Value),
            ("retries", Value),
            ("start-interval", Value),
            ("start-period", Value),
            ("timeout", Value),
        ],
        "RUN" => &[("device", Values), ("mount", Values), ("network", Value), ("security", Value)],
        _ => &[],
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Value,
    Values,
    Bool,
}

/// An instruction freed of continuations.
pub(super) struct Source<'a> {
    pub(super) text: &'a Text,
    pub(super) escape: char,
}

/// What is wrong, and where in the text.
type Wrong = (Range<usize>, String);

/// Reads one instruction; the text is not blank.
pub(super) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> Instruction {
    parse_part(source, 0..source.text.as_str().len(), problems, false)
}

fn parse_part(source: &Source<'_>, range: Range<usize>, problems: &mut Vec<Problem>, inner: bool) -> Instruction {
    let whole = source.text.as_str();
    let range = trim(whole, range);
    let part = whole.get(range.clone()).unwrap_or_default();
    let length = part.find(word::is_blank).unwrap_or(part.len());
    let name_range = range.start..range.start.saturating_add(length);
    let keyword =
        Word { span: source.text.span(name_range.clone()), text: part.get(..length).unwrap_or_default().to_owned() };
    let name = keyword.text.to_ascii_uppercase();
    let (flags, start) = word::flags(source.text, name_range.end..range.end);
    let arguments = trim(whole, start..range.end);
    let mut tell =
        |span: Span, message: String| problems.push(Problem { span, message, is_fatal: true, told_by: None });
    let kind = if NAMES.binary_search(&name.as_str()).is_err() {
        tell(keyword.span, unknown(&name));
        Kind::Unknown
    } else {
        // of `HEALTHCHECK NONE` nobody reads flags
        let is_none = name == "HEALTHCHECK"
            && whole.get(arguments.clone()).is_some_and(|text| text.trim().eq_ignore_ascii_case("none"));
        for (span, message) in wrong_flags(&name, &flags).into_iter().filter(|_| !is_none) {
            tell(span, message);
        }
        let read = if name == "ONBUILD" {
            on_build(source, arguments, problems, inner)
        } else {
            arguments_of(source, &name, arguments)
        };
        read.unwrap_or_else(|(range, message)| {
            let span = if range.is_empty() { keyword.span } else { source.text.span(range) };
            problems.push(Problem { span, message, is_fatal: true, told_by: None });
            Kind::Broken
        })
    };
    Instruction { span: source.text.span(range), keyword, flags, kind, heredocs: Vec::new(), stage: None }
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    let message = format!("`{}` is no instruction", escape(&shown));
    match nearest(&shown, NAMES.iter().copied()) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message,
    }
}

/// The range without blanks at its ends.
fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = text.get(range.clone()).unwrap_or_default();
    let start = range.end.saturating_sub(part.trim_start().len());
    let end = start.saturating_add(part.trim().len());
    start..end
}

fn wrong_flags(name: &str, flags: &[Flag]) -> Vec<(Span, String)> {
    let known = flags_of(name);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for flag in flags {
        let shown = escape(flag.name.chars().take(40).collect::<String>());
        let Some((_, takes)) = known.iter().find(|(known, _)| *known == flag.name) else {
            let near = nearest(&shown, known.iter().map(|(name, _)| *name));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `--{near}`?"));
            wrong.push((flag.span, format!("`{name}` has no flag `--{shown}`{near}")));
            continue;
        };
        let value = flag.value.as_ref().map(|value| value.text.to_ascii_lowercase());
        let message = match (takes, value.as_deref()) {
            (Takes::Bool, None | Some("true" | "false")) => None,
            (Takes::Bool, Some(_)) => Some(format!("`--{shown}` is `true` or `false`")),
            (_, None) => Some(format!("`--{shown}` wants a value")),
            _ => None,
        };
        let stands_before = !seen.insert(flag.name.as_str());
        let message = match message {
            None if *takes != Takes::Values && stands_before => Some(format!("`--{shown}` stands twice")),
            message => message,
        };
        wrong.extend(message.map(|message| (flag.span, message)));
    }
    wrong
}

fn on_build(source: &Source<'_>, range: Range<usize>, problems: &mut Vec<Problem>, inner: bool) -> Result<Kind, Wrong> {
    if inner {
        return Err((0..0, "`ONBUILD` cannot stand behind `ONBUILD`".into()));
    }
    if range.is_empty() {
        return Err((range, "`ONBUILD` wants an instruction".into()));
    }
    let instruction = parse_part(source, range.clone(), problems, true);
    match instruction.name().as_str() {
        name @ ("FROM" | "MAINTAINER") => {
            let end = range.start.saturating_add(name.len());
            Err((range.start..end, format!("`{name}` cannot stand behind `ONBUILD`")))
        }
        _ => Ok(Kind::OnBuild(Box::new(instruction))),
    }
}

fn arguments_of(source: &Source<'_>, name: &str, range: Range<usize>) -> Result<Kind, Wrong> {
    let text = source.text.as_str();
    let whole =
        || Word { span: source.text.span(range.clone()), text: text.get(range.clone()).unwrap_or_default().to_owned() };
    let words = |found: Vec<Found>| -> Vec<Word> { found.iter().map(|word| word.word(source.text)).collect() };
    let wants = |what: &str| Err((range.clone(), format!("`{name}` wants {what}")));
    // these may be without a command
    if range.is_empty() && !matches!(name, "RUN" | "CMD" | "ENTRYPOINT") {
        return wants(match name {
            "FROM" => "an image",
            "HEALTHCHECK" => "`CMD` or `NONE`",
            "COPY" | "ADD" => "sources and a destination",
            _ => "at least one argument",
        });
    }
    Ok(match name {
        "FROM" => {
            let found = words(word::blanks(text, range.clone()));
            match found.as_slice() {
                [image] => Kind::From { image: image.clone(), name: None },
                [image, middle, name] if middle.text.eq_ignore_ascii_case("as") => {
                    if !is_stage_name(&name.text) {
                        let message = format!(
                            "`{}` cannot name a stage: letters, digits, `-`, `_` and `.` can, a letter first",
                            escape(&name.text)
                        );
                        let start = range.end.saturating_sub(name.text.len());
                        return Err((start..range.end, message));
                    }
                    Kind::From { image: image.clone(), name: Some(name.clone()) }
                }
                _ => return wants("an image, or an image, `AS` and a name"),
            }
        }
        "RUN" => Kind::Run(command(source, name, range)?),
        "CMD" => Kind::Cmd(command(source, name, range)?),
        "ENTRYPOINT" => Kind::Entrypoint(command(source, name, range)?),
        "HEALTHCHECK" => return health_check(source, range),
        "SHELL" => match word::json(text, range.clone()) {
            List::Strings(list) if !list.is_empty() => Kind::Shell(words(list)),
            _ => return wants("a JSON list of strings, such as [\"/bin/sh\", \"-c\"]"),
        },
        "COPY" | "ADD" => {
            let (list, is_json) = list(text, name, range.clone())?;
            let mut list = words(list);
            let destination = list.pop().filter(|_| !list.is_empty());
            let Some(destination) = destination else { return wants("sources and a destination") };
            let transfer = Transfer { sources: list, destination, is_json };
            if name == "COPY" { Kind::Copy(transfer) } else { Kind::Add(transfer) }
        }
        "EXPOSE" => Kind::Expose(words(word::blanks(text, range))),
        "VOLUME" => {
            let (list, _) = list(text, name, range.clone())?;
            if list.is_empty() || list.iter().any(|word| word.text.trim().is_empty()) {
                return wants("paths that are not empty");
            }
            Kind::Volume(words(list))
        }
        "ENV" => Kind::Env(pairs(source, name, range)?),
        "LABEL" => Kind::Label(pairs(source, name, range)?),
        "ARG" => Kind::Arg(variables(source, range)?),
        "USER" => Kind::User(whole()),
        "WORKDIR" => Kind::Workdir(whole()),
        "STOPSIGNAL" => Kind::StopSignal(whole()),
        _ => Kind::Maintainer(whole()),
    })
}

/// `^[a-z][a-z0-9-_.]*$` of the name in lower case.
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn not_strings(name: &str) -> String {
    format!("the JSON list of `{name}` holds something else than strings")
}

/// A list in JSON form, or words.
fn list(text: &str, name: &str, range: Range<usize>) -> Result<(Vec<Found>, bool), Wrong> {
    match word::json(text, range.clone()) {
        List::Strings(list) => Ok((list, true)),
        List::Others => Err((range, not_strings(name))),
        List::Nothing => Ok((word::blanks(text, range), false)),
    }
}

fn command(source: &Source<'_>, name: &str, range: Range<usize>) -> Result<Command, Wrong> {
    match word::json(source.text.as_str(), range.clone()) {
        List::Strings(list) => Ok(Command::Exec(list.iter().map(|word| word.word(source.text)).collect())),
        List::Others => Err((range, not_strings(name))),
        List::Nothing => Ok(Command::Shell(source.text.part(range))),
    }
}

fn health_check(source: &Source<'_>, range: Range<usize>) -> Result<Kind, Wrong> {
    let part = source.text.as_str().get(range.clone()).unwrap_or_default();
    let length = part.find(char::is_whitespace).unwrap_or(part.len());
    let kind = part.get(..length).unwrap_or_default();
    let rest = trim(source.text.as_str(), range.start.saturating_add(length)..range.end);
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => Ok(Kind::Healthcheck(None)),
        "NONE" => Err((rest, "`HEALTHCHECK NONE` takes no arguments".into())),
        "CMD" if rest.is_empty() => Err((range, "`HEALTHCHECK CMD` wants a command".into())),
        "CMD" => Ok(Kind::Healthcheck(Some(command(source, "HEALTHCHECK", rest)?))),
        _ => Err((range, "`HEALTHCHECK` wants `CMD` or `NONE`".into())),
    }
}

/// `name=value …`, or the old `name value`.
fn pairs(source: &Source<'_>, name: &str, range: Range<usize>) -> Result<Vec<Pair>, Wrong> {
    let text = source.text.as_str();
    let found = word::quoted(text, range.clone(), source.escape);
    let is_legacy = found.first().is_some_and(|word| !word.text.contains('='));
    if is_legacy {
        let part = text.get(range.clone()).unwrap_or_default();
        let Some(end) = part.find(word::is_blank) else {
            return Err((range, format!("`{name}` wants `name=value`")));
        };
        let key = range.start..range.start.saturating_add(end);
        let value = trim(text, key.end..range.end);
        let word = |range: Range<usize>| Word {
            span: source.text.span(range.clone()),
            text: text.get(range).unwrap_or_default().to_owned(),
        };
        return Ok(vec![Pair { name: word(key), value: word(value), is_legacy }]);
    }
    let mut pairs = Vec::with_capacity(found.len());
    for word in found {
        let Some((key, value)) = split(source, &word) else {
            let message = format!("`{}` is no `name=value`", escape(word.text.chars().take(60).collect::<String>()));
            return Err((word.range, message));
        };
        if key.text.is_empty() {
            return Err((word.range, format!("a name of `{name}` is empty")));
        }
        pairs.push(Pair { name: key, value, is_legacy });
    }
    Ok(pairs)
}

/// Both sides of the first `=`.
fn split(source: &Source<'_>, word: &Found) -> Option<(Word, Word)> {
    let equals = word.text.find('=')?;
    let at = word.range.start.saturating_add(equals);
    let part = |range: Range<usize>| Word {
        span: source.text.span(range.clone()),
        text: source.text.as_str().get(range).unwrap_or_default().to_owned(),
    };
    Some((part(word.range.start..at), part(at.saturating_add(1)..word.range.end)))
}

fn variables(source: &Source<'_>, range: Range<usize>) -> Result<Vec<Argument>, Wrong> {
    let found = word::quoted(source.text.as_str(), range, source.escape);
    let argument = |word: Found| match split(source, &word) {
        Some((name, _)) if name.text.is_empty() => Err((word.range, "a name of `ARG` is empty".to_owned())),
        Some((name, default)) => Ok(Argument { name, default: Some(default) }),
        None => Ok(Argument { name: word.word(source.text), default: None }),
    };
    found.into_iter().map(argument).collect()
}
