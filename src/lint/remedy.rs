//! What to write in place of a secret: the command it stands in, with a mount of the secret.

use crate::dockerfile::lint::Context;
use crate::dockerfile::{Instruction, Kind, Span};
use crate::secret::Written;

/// Most characters of a command that is shown.
const LONGEST: usize = 160;

/// Most `RUN`s in which the use of a variable is looked for.
const MOST_LATER: usize = 200;

/// For a secret in an argument, variable or label: the first command that uses it, or the way to hand it to a container.
pub(super) fn of_variable(context: &Context<'_>, index: usize, own: &Instruction, name: &str) -> Option<String> {
    let name = name.trim_matches(['"', '\'']);
    if matches!(own.kind, Kind::Label(_)) {
        return None;
    }
    let uses = [format!("${name}"), format!("${{{name}}}")];
    let mut later = context.runs().filter(|(other, _)| *other > index).take(MOST_LATER);
    let command = later.find_map(|(_, commands)| {
        commands
            .iter()
            .map(|command| context.file.source(command.span))
            .find(|text| uses.iter().any(|one| text.contains(one)))
    });
    let mount = mount(name);
    match (command, &own.kind) {
        (Some(command), _) => Some(shown(&format!("{mount} {}", on_one_line(command)))),
        (None, Kind::Arg(_)) => Some(format!("{mount} …")),
        (None, _) => Some(format!("docker run -e {name} …")),
    }
}

/// For a secret in a command: the command with a variable in its place.
pub(super) fn of_command(
    context: &Context<'_>,
    index: usize,
    own: &Instruction,
    span: Span,
    secret: &Written,
) -> Option<String> {
    let variable = variable_of(secret);
    match &own.kind {
        Kind::Run(_) => {}
        Kind::Cmd(_) | Kind::Entrypoint(_) => return Some(format!("docker run -e {variable} …")),
        Kind::Add(_) => return of_add(context, own, span),
        _ => return None,
    }
    let calls = context.script(index).map(|script| script.commands.as_slice()).unwrap_or_default();
    let holds = |whole: Span| whole.start <= span.start && span.end <= whole.end;
    let call =
        calls.iter().filter(|call| holds(call.span)).min_by_key(|call| call.span.end.saturating_sub(call.span.start));
    let Some(call) = call else { return Some(format!("{} …", mount(&variable))) };
    // `NAME=value command`
    if let Some(assigned) = call.assignments.iter().find(|word| holds(word.span)) {
        let name = assigned.text.split('=').next().unwrap_or_default();
        let rest = call.words.first().map(|first| Span::new(first.span.start, call.span.end));
        let rest = rest.map_or("…", |rest| context.file.source(rest));
        return Some(shown(&format!("{} {}", mount(name), on_one_line(rest))));
    }
    let part = |start: usize, end: usize| context.file.text.get(start..end).unwrap_or_default();
    let word = call.words.iter().find(|word| holds(word.span))?;
    let (before, inner) = (part(call.span.start, word.span.start), part(word.span.start, span.start));
    let (rest, after) = (part(span.end, word.span.end), part(word.span.end, call.span.end));
    // nothing is expanded in single quotes
    let word = match inner.strip_prefix('\'') {
        Some(start) if !format!("{start}{rest}").contains(['"', '$', '`', '\\']) => {
            format!("\"{start}${{{variable}}}{}\"", rest.strip_suffix('\'').unwrap_or(rest))
        }
        Some(_) => return Some(format!("{} …", mount(&variable))),
        None if inner.is_empty() && rest.is_empty() => format!("\"${variable}\""),
        None => format!("{inner}${{{variable}}}{rest}"),
    };
    Some(shown(&format!("{} {}", mount(&variable), on_one_line(&format!("{before}{word}{after}")))))
}

/// For a file that holds secrets: its mount for the one command that reads it.
pub(super) fn of_file(path: &str) -> String {
    let path = path.trim_start_matches("./");
    let name = path.rsplit('/').next().unwrap_or_default();
    let id = id_of(name);
    let target = match path.strip_prefix('~') {
        Some(rest) => format!("/root{rest}"),
        None if path.starts_with('/') => path.to_owned(),
        None if path.starts_with('$') => format!("/root/{name}"),
        None => format!("/run/secrets/{name}"),
    };
    format!("RUN --mount=type=secret,id={id},target={target} …")
}

/// `ADD https://user:password@host/file destination`.
fn of_add(context: &Context<'_>, own: &Instruction, span: Span) -> Option<String> {
    let Kind::Add(transfer) = &own.kind else { return None };
    let source = transfer.sources.iter().find(|word| word.span.start <= span.start && span.end <= word.span.end)?;
    let (scheme, rest) = source.text.split_once("://")?;
    let (_, address) = rest.rsplit_once('@')?;
    let url = format!("{scheme}://{address}");
    let is_git = address.contains(".git");
    let destination = context.file.source(transfer.destination.span);
    // `BuildKit` logs in by itself where it is given this secret
    let text = if is_git {
        format!("ADD {url} {destination}, and build with --secret id=GIT_AUTH_TOKEN")
    } else {
        format!("RUN --mount=type=secret,id=netrc,target=/root/.netrc curl -fsSL -n -o {destination} {url}")
    };
    Some(shown(&text))
}

fn mount(variable: &str) -> String {
    format!("RUN --mount=type=secret,id={},env={variable}", id_of(variable))
}

/// The name of a secret made of the name of a variable or a file.
fn id_of(name: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.trim_start_matches(['.', '$']).chars().take(64).map(sign).collect()
}

/// The variable that such a secret is usually given in, as its rule's example has it.
fn variable_of(secret: &Written) -> String {
    let after = secret.rule.good.split_once("type=secret,id=").map_or("", |(_, after)| after);
    let name = after.split([' ', ',']).next().unwrap_or_default();
    let is_database = ["database", "sql", "postgres"].iter().any(|word| secret.rule.id.contains(word));
    match name {
        "" => "TOKEN".to_owned(),
        "DB_PASSWORD" if !is_database => "PASSWORD".to_owned(),
        name => name.to_owned(),
    }
}

/// Without continuations and the blanks that indent lines.
fn on_one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim().trim_end_matches(['\\', '`']).trim_end());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>().join(" ")
}

/// The command, where it is short enough to be read.
fn shown(command: &str) -> String {
    let short: String = command.chars().take(LONGEST).collect();
    if short.len() < command.len() { format!("{short}…") } else { short }
}
