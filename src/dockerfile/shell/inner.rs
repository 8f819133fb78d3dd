//! Scripts that a command of a script hands to another shell: `bash -c '…'`, `su -c '…'`, `sh <<EOF`, `cat <<EOF | sh`.

use super::parse::{Parsed, parse};
use super::{Command, Connector, Construct, Enclosing, Interpreter, Redirection, SHELLS, Script, Word, runner};
use crate::dockerfile::span::Text;

/// How deep scripts may stand in each other; what is deeper is not read.
const DEEPEST: u32 = 4;

/// Most scripts inside one script; what comes later is not read.
const MOST: usize = 1_000;

/// Reads a script and those inside it, whose commands stand before the command that runs them.
pub(super) fn read(text: &Text, interpreter: Interpreter) -> Script {
    let mut script = Script { interpreter, ..Script::default() };
    let mut next_id = 0;
    let (commands, is_complete, open_quote) = level(text, &mut script.inner, &mut next_id, 0);
    // a quote in a comment, and those of a list, are not looked at where they stand in a header or an array
    let is_sure = |at: &usize| {
        let before = text.as_str().get(..*at).unwrap_or_default();
        !before.contains(" #") && !before.contains("=(")
    };
    let open_quote = open_quote.filter(is_sure).map(|at| text.span(at..at.saturating_add(1)));
    Script { commands, is_complete, open_quote, ..script }
}

fn level(
    text: &Text,
    inner: &mut Vec<(Enclosing, Interpreter)>,
    next_id: &mut u32,
    depth: u32,
) -> (Vec<Command>, bool, Option<usize>) {
    let Parsed { commands, mut is_complete, texts, next_id: next, open_quote } = parse(text, *next_id);
    *next_id = next;
    if depth >= DEEPEST {
        return (commands, is_complete, open_quote);
    }
    let mut texts = texts.into_iter().peekable();
    let mut all: Vec<Command> = Vec::with_capacity(commands.len());
    for (index, command) in commands.into_iter().enumerate() {
        let given = texts.next_if(|(of, _)| *of == index).map(|(_, text)| text);
        let found = match given.zip(shell_with_text(&command.words)) {
            Some((text, shell)) => {
                let is_literal = command.words.get(shell.text).is_some_and(|word| word.is_literal);
                Some((text, shell.interpreter, is_literal))
            }
            None => shell_with_input(&command.words).and_then(|interpreter| {
                let redirection = document(&command).or_else(|| piped(all.last()?, &command))?;
                let is_literal = redirection.target.is_quoted;
                Some((document_text(redirection)?, interpreter, is_literal))
            }),
        };
        if found.is_some() && inner.len() >= MOST {
            is_complete = false;
        } else if let Some((text, interpreter, is_literal)) = found {
            *next_id = next_id.saturating_add(1);
            let enclosing = Enclosing { kind: Construct::Script, id: *next_id };
            inner.push((enclosing, interpreter));
            let (mut within, is_whole, _) = level(&text, inner, next_id, depth.saturating_add(1));
            // what the outer shell puts into the text is not known
            is_complete &= is_whole || !is_literal;
            within.retain(|command| command.words.first().is_none_or(|word| word.text != UNKNOWN));
            for inside in &mut within {
                let outer = command.within.iter().copied().chain([enclosing]);
                inside.within.splice(0..0, outer);
            }
            all.append(&mut within);
        }
        all.push(command);
    }
    (all, is_complete, open_quote)
}

/// What stands in the text of an inner script for commands that the outer shell runs.
pub(super) const UNKNOWN: &str = "$_";

/// A shell that is given its script as an argument.
pub(super) struct Shell {
    /// Index of the script among the words.
    pub(super) text: usize,
    interpreter: Interpreter,
}

/// The shell among these words, and where its name stands.
fn shell(words: &[Word]) -> Option<(usize, &str)> {
    let at = runner::length(words);
    let literal = |at: usize| {
        words.get(at).filter(|word| word.is_literal).map(|word| word.text.rsplit('/').next().unwrap_or_default())
    };
    let name = literal(at)?;
    if name == "busybox" {
        let at = at.saturating_add(1);
        return literal(at).filter(|name| matches!(*name, "sh" | "ash")).map(|name| (at, name));
    }
    (SHELLS.contains(&name) || name == "su").then_some((at, name))
}

/// Whether the words run a shell with a script among its arguments.
pub(super) fn shell_with_text(words: &[Word]) -> Option<Shell> {
    let (name_at, name) = shell(words)?;
    let (options, operand) = options(words, name_at);
    let flags: Vec<String> = words
        .get(name_at.saturating_add(1)..operand)
        .unwrap_or_default()
        .iter()
        .map(|word| word.text.clone())
        .collect();
    if name == "su" {
        let rest = words.iter().enumerate().skip(name_at.saturating_add(1));
        let takes = |text: &str| text == "--command" || has_letter(text, 'c');
        let (at, _) = rest.into_iter().find(|(_, word)| takes(&word.text))?;
        let text = at.saturating_add(1);
        return (text < words.len())
            .then(|| Shell { text, interpreter: Interpreter::Shell("sh".to_owned(), Vec::new()) });
    }
    (options.has_text && operand < words.len())
        .then(|| Shell { text: operand, interpreter: Interpreter::Shell(name.to_owned(), flags) })
}

/// Whether the words run a shell that reads its script from its input.
fn shell_with_input(words: &[Word]) -> Option<Interpreter> {
    let (name_at, name) = shell(words)?;
    let (options, operand) = options(words, name_at);
    let reads = !options.has_text && (options.has_input || words.get(operand).is_none_or(|word| word.text == "-"));
    let flags = words.get(name_at.saturating_add(1)..operand).unwrap_or_default();
    let flags = flags.iter().map(|word| word.text.clone()).collect();
    (reads && name != "su").then(|| Interpreter::Shell(name.to_owned(), flags))
}

#[derive(Default)]
struct Options {
    /// `-c`.
    has_text: bool,
    /// `-s`.
    has_input: bool,
}

/// The options behind a shell's name, and the index of the first operand.
fn options(words: &[Word], name_at: usize) -> (Options, usize) {
    let mut options = Options::default();
    let mut at = name_at.saturating_add(1);
    while let Some(word) = words.get(at) {
        let text = word.text.as_str();
        if text == "--" {
            return (options, at.saturating_add(1));
        }
        if !text.starts_with(['-', '+']) || text.len() == 1 {
            break;
        }
        at = at.saturating_add(1);
        if text.starts_with("--") {
            at = at.saturating_add(usize::from(matches!(text, "--rcfile" | "--init-file")));
            continue;
        }
        options.has_text |= has_letter(text, 'c');
        options.has_input |= has_letter(text, 's');
        // `-o pipefail`, also among other letters
        at = at.saturating_add(text.chars().filter(|c| matches!(c, 'o' | 'O')).count());
    }
    (options, at)
}

fn has_letter(text: &str, letter: char) -> bool {
    text.starts_with('-') && !text.starts_with("--") && text.contains(letter)
}

/// The document that a command reads as its input.
fn document(command: &Command) -> Option<&Redirection> {
    let reads = |redirection: &&Redirection| {
        matches!(redirection.descriptor, None | Some(0)) && redirection.operator.starts_with('<')
    };
    command.redirections.iter().rfind(reads).filter(|redirection| redirection.document.is_some())
}

/// The document that `cat` passes on.
fn piped<'c>(before: &'c Command, command: &Command) -> Option<&'c Redirection> {
    let passes = before.after == Connector::Pipe && before.pipeline == command.pipeline && before.name() == "cat";
    document(before).filter(|_| passes && before.arguments().iter().all(|word| word.text == "-"))
}

/// The text of a document as the shell sees it.
fn document_text(redirection: &Redirection) -> Option<Text> {
    let document = redirection.document.as_ref()?;
    if redirection.operator != "<<-" {
        return Some(document.clone());
    }
    let mut text = Text::default();
    let mut at = 0_usize;
    for line in document.as_str().split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        let start = end.saturating_sub(line.trim_start_matches('\t').len());
        text.append(&document.part(start..end));
        at = end;
    }
    Some(text)
}
