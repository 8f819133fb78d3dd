//! Steps of a history and instructions of a Dockerfile as they are compared with each other.

use crate::dockerfile::shell::Interpreter;
use crate::dockerfile::word::is_blank;
use crate::dockerfile::{Command, Dockerfile, Kind, Resolved, Word};

/// Most bytes of a step by which a partner is looked for; whether the two are equal is asked of all.
const LONGEST: usize = 4_096;

/// How well two fit: the same words, many, or the same keyword.
pub(super) const EQUAL: u32 = 8;
pub(super) const SIMILAR: u32 = 5;
const WEAK: u32 = 1;

/// What hides a part of a step.
const MASK: &str = "****";

/// Flags that builders write into the history, and that change what is copied.
const TOLD_FLAGS: [&str; 2] = ["--chown=", "--chmod="];

/// Whether an instruction is what made a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sameness {
    /// As far as a history tells.
    Equal,
    /// The history leaves out what could tell.
    Untold,
    /// It is not as it was.
    Changed,
}

/// A step or an instruction as it is compared.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) name: String,
    /// Words without flags and quotes, of a long text the first.
    words: Vec<String>,
    /// All words behind the flags.
    exact: Vec<Piece>,
    /// Values of flags that a history tells, sorted.
    flags: Vec<Piece>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Plain,
    /// A list in JSON, which builders write in one way or another.
    List,
    /// Text for what is no shell, behind whatever starts that.
    Foreign,
    /// A script in a heredoc.
    Document,
    /// A copy of which nothing but the destination is told.
    Destination,
    /// A copy of texts that stand in the Dockerfile, which no history tells.
    Texts,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    text: String,
    /// A part of it is not known: a variable, or what is hidden.
    is_open: bool,
}

impl Shape {
    fn new(name: &str, text: &str, pieces: &[Piece]) -> Self {
        let is_flag = |piece: &&Piece| piece.text.starts_with("--");
        let flags = pieces.iter().take_while(is_flag).count();
        let (before, exact) = pieces.split_at(flags);
        let is_told = |piece: &&Piece| TOLD_FLAGS.iter().any(|flag| piece.text.starts_with(flag));
        let mut flags: Vec<Piece> = before.iter().filter(is_told).cloned().collect();
        flags.sort();
        let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let words = words(text.get(..end).unwrap_or_default()).map(plain);
        let words = words.filter(|word: &String| !word.is_empty() && !word.starts_with("--")).collect();
        Self { name: name.to_ascii_uppercase(), words, exact: exact.to_vec(), flags, form: Form::Plain }
    }

    /// A step as a history tells it.
    pub(super) fn of_step(step: &str) -> Self {
        let step = step.trim();
        let step = step.strip_suffix("# buildkit").unwrap_or(step).trim_end();
        let step = match step.strip_prefix("/bin/sh -c #(nop)") {
            Some(rest) => rest.trim(),
            None => step,
        };
        let pieces = |text: &str| {
            let piece = |word: &str| Piece { text: word.to_owned(), is_open: word.contains(MASK) };
            words(text).map(piece).collect::<Vec<_>>()
        };
        let (name, rest) = step.split_once(is_blank).unwrap_or((step, ""));
        // the legacy builder writes an exec form bare
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Self::new("RUN", without_shell(step), &pieces(step));
        }
        match name {
            "RUN" => Self::new(name, without_shell(rest), &pieces(rest)),
            // `file:0123… in /etc/`
            "COPY" | "ADD" => match rest.rsplit_once(" in ") {
                Some((sources, destination)) if sources.contains(':') => {
                    let told = words(sources).take_while(|word| word.starts_with("--")).chain(words(destination));
                    let told = told.collect::<Vec<_>>().join(" ");
                    Self { form: Form::Destination, ..Self::new(name, destination, &pieces(&told)) }
                }
                _ => Self::new(name, rest, &pieces(rest)),
            },
            _ => Self::new(name, rest, &pieces(rest)),
        }
    }

    /// An instruction; `None` of those that leave no step.
    pub(super) fn of_instruction(file: &Dockerfile, index: usize) -> Option<Self> {
        let instruction = file.instructions.get(index)?;
        let name = instruction.name();
        let scope = file.scope(index);
        let has_document = !instruction.heredocs.is_empty();
        let of_words = |words: &[Resolved]| {
            let pieces: Vec<Piece> = words.iter().flat_map(pieces_of).collect();
            let text = words.iter().map(|word| word.shown.as_str()).collect::<Vec<_>>().join(" ");
            Self::new(&name, &text, &pieces)
        };
        let literal =
            |text: &str| words(text).map(|word| Piece { text: word.to_owned(), is_open: false }).collect::<Vec<_>>();
        let resolved = |words: &[Word]| words.iter().map(|word| scope.resolve(word)).collect::<Vec<_>>();
        Some(match &instruction.kind {
            Kind::Run(Command::Shell(text)) => {
                let text = text.as_str();
                let (text, is_foreign) = match file.interpreter(instruction.stage, index) {
                    Interpreter::Other(name) => (text.strip_prefix(name.as_str()).unwrap_or(text), true),
                    _ => (text, false),
                };
                let form = if has_document {
                    Form::Document
                } else if is_foreign {
                    Form::Foreign
                } else {
                    Form::Plain
                };
                // what looks like a flag here is the command's
                Self { exact: literal(text), flags: Vec::new(), form, ..Self::new(&name, text, &[]) }
            }
            Kind::Run(Command::Exec(words)) => {
                let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                let exact = literal(&text);
                Self { exact, flags: Vec::new(), form: Form::List, ..Self::new(&name, &text, &[]) }
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let mut all = resolved(&transfer.sources);
                all.push(scope.resolve(&transfer.destination));
                let shape = of_words(&all);
                let told = TOLD_FLAGS.iter().filter_map(|flag| {
                    let value = instruction.flag(flag.trim_matches(['-', '=']))?.value.as_ref()?;
                    let resolved = scope.resolve(value);
                    let is_open = is_open(&resolved);
                    Some(Piece { text: format!("{flag}{}", resolved.shown), is_open })
                });
                let mut flags: Vec<Piece> = told.collect();
                flags.sort();
                Self { flags, form: if has_document { Form::Texts } else { Form::Plain }, ..shape }
            }
            Kind::Workdir(word) | Kind::User(word) | Kind::StopSignal(word) => of_words(&[scope.resolve(word)]),
            Kind::Expose(words) => of_words(&resolved(words)),
            Kind::Env(pairs) | Kind::Label(pairs) => {
                let pairs = pairs.iter().map(|pair| {
                    let (name, mut value) = (scope.resolve(&pair.name), scope.resolve(&pair.value));
                    value.shown = format!("{}={}", name.shown, value.shown);
                    value
                });
                Self { form: Form::List, ..of_words(&pairs.collect::<Vec<_>>()) }
            }
            Kind::Arg(_) | Kind::Cmd(_) | Kind::Entrypoint(_) | Kind::Volume(_) | Kind::Shell(_) => {
                let source = file.source(instruction.span);
                let text = source.get(instruction.keyword.text.len()..).unwrap_or_default();
                // the history tells what the build gave for an argument
                let is_open = matches!(instruction.kind, Kind::Arg(_));
                let is_continuation = |piece: &Piece| matches!(piece.text.as_str(), "\\" | "`");
                let pieces = literal(text).into_iter().filter(|piece| !is_continuation(piece));
                let exact = pieces.map(|piece| Piece { is_open, ..piece }).collect();
                Self { exact, form: Form::List, ..Self::new(&name, text, &[]) }
            }
            _ => return None,
        })
    }

    /// How well a step fits an instruction; 0 where not at all.
    pub(super) fn fits(&self, step: &Self) -> u32 {
        if self.name != step.name {
            return 0;
        }
        if self.words == step.words {
            return EQUAL;
        }
        let (last, other) = (self.words.last(), step.words.last());
        let last_is_equal = last.is_some_and(|last| other.is_some_and(|other| same_place(last, other)));
        match self.name.as_str() {
            "COPY" | "ADD" if last_is_equal && step.words.len() == 1 => return SIMILAR,
            "COPY" | "ADD" => return if last_is_equal { SIMILAR.saturating_sub(1) } else { WEAK },
            "WORKDIR" if self.is_below(step) => return EQUAL,
            "RUN" if self.form == Form::Document && step.is_pipe() => return SIMILAR,
            _ => {}
        }
        let common = self.words.iter().filter(|word| step.words.contains(word)).take(64).count();
        let most = self.words.len().max(step.words.len()).min(64);
        if common.saturating_mul(2) >= most { SIMILAR } else { WEAK }
    }

    /// Whether this instruction, as it stands, is what made the step.
    pub(super) fn compare(&self, step: &Self) -> Sameness {
        match self.name.as_str() {
            _ if self.name != step.name => Sameness::Changed,
            "RUN" if self.form == Form::Document && step.is_pipe() => Sameness::Untold,
            "RUN" => {
                let starts = step.starts(self.exact.len(), self.form).into_iter();
                let rests = starts.filter_map(|start| step.exact.get(start..));
                rests.map(|rest| alike(&self.exact, rest, self.form)).min().unwrap_or(Sameness::Changed)
            }
            "COPY" | "ADD" => {
                // of a copy that is told in part, not every builder tells the flags
                let is_partial = step.form == Form::Destination;
                let flags = if is_partial && step.flags.is_empty() {
                    Sameness::Equal
                } else {
                    TOLD_FLAGS.iter().map(|flag| self.compare_flag(step, flag)).max().unwrap_or(Sameness::Equal)
                };
                let rest = if is_partial {
                    let (own, other) = (self.exact.last(), step.exact.last());
                    let is_same = own.zip(other).is_some_and(|(own, other)| {
                        // a relative one may be told with its folder
                        own.is_open || other.is_open || !own.text.starts_with('/') || same_place(&own.text, &other.text)
                    });
                    if is_same { Sameness::Untold } else { Sameness::Changed }
                } else {
                    alike(&self.exact, &step.exact, Form::List)
                };
                let texts = if self.form == Form::Texts { Sameness::Untold } else { Sameness::Equal };
                flags.max(rest).max(texts)
            }
            "WORKDIR" if self.is_below(step) => Sameness::Equal,
            _ => {
                // `CMD a` is told as `CMD ["/bin/sh" "-c" "a"]`
                let is_run = step.exact.first().is_some_and(|first| is_shell(&plain(&first.text)));
                let behind = step.exact.get(2..).filter(|_| is_run).map(|rest| alike(&self.exact, rest, self.form));
                behind.into_iter().fold(alike(&self.exact, &step.exact, self.form), Sameness::min)
            }
        }
    }

    fn compare_flag(&self, step: &Self, flag: &str) -> Sameness {
        let of = |shape: &Self| shape.flags.iter().find(|piece| piece.text.starts_with(flag)).cloned();
        match (of(self), of(step)) {
            (None, None) => Sameness::Equal,
            (Some(own), Some(told)) => alike(&[own], &[told], Form::Plain),
            // the first builders that knew `--chmod` did not tell it
            (Some(_), None) if flag == "--chmod=" => Sameness::Untold,
            _ => Sameness::Changed,
        }
    }

    /// Whether a step tells a relative folder with the one it lies in.
    fn is_below(&self, step: &Self) -> bool {
        let ([own], [told]) = (self.exact.as_slice(), step.exact.as_slice()) else { return false };
        let own = own.text.trim_start_matches("./").trim_end_matches('/');
        let above = told.text.trim_end_matches('/').strip_suffix(own);
        !own.starts_with('/') && !own.is_empty() && above.is_some_and(|above| above.ends_with('/'))
    }

    /// Whether a step runs a script of which it tells the name only.
    fn is_pipe(&self) -> bool {
        self.words.last().is_some_and(|word| word.starts_with("/dev/pipes/"))
    }

    /// Where the command of a step may begin, behind build arguments and the shell.
    fn starts(&self, length: usize, form: Form) -> Vec<usize> {
        let text = |at: usize| self.exact.get(at).map(|piece| piece.text.as_str()).unwrap_or_default();
        let has_arguments = text(0).starts_with('|');
        let shells = (0..self.exact.len()).filter(|at| (*at == 0 || has_arguments) && is_shell(text(*at)));
        let behind = shells.filter_map(|at| {
            let options = (at.saturating_add(1)..self.exact.len()).take(MOST_OPTIONS);
            options.into_iter().find(|at| text(*at).starts_with('-') && text(*at).ends_with('c'))
        });
        let mut starts: Vec<usize> = behind.take(MOST_SHELLS).map(|at| at.saturating_add(1)).collect();
        if has_arguments && form == Form::List || form == Form::Foreign {
            starts.extend(self.exact.len().checked_sub(length));
        }
        starts.push(0);
        starts
    }
}

/// Words between a shell and its `-c`, and shells among build arguments, that are looked at.
const MOST_OPTIONS: usize = 16;
const MOST_SHELLS: usize = 16;

/// Compares words one by one.
fn alike(own: &[Piece], told: &[Piece], form: Form) -> Sameness {
    let equal = |own: &Piece, told: &Piece| {
        own.text == told.text || form == Form::List && plain(&own.text) == plain(&told.text)
    };
    let fits = |own: &[Piece], told: &[Piece]| {
        own.len() == told.len() && own.iter().zip(told).all(|(own, told)| own.is_open || equal(own, told))
    };
    let hidden = |piece: &Piece| piece.is_open;
    if let (Some(first), Some(last)) = (told.iter().position(hidden), told.iter().rposition(hidden)) {
        // a mask may stand for several words
        let before = told.get(..first).unwrap_or_default();
        let after = told.get(last.saturating_add(1)..).unwrap_or_default();
        let start = own.len().checked_sub(after.len()).filter(|start| *start > before.len());
        let is_same = start.is_some_and(|start| {
            fits(own.get(..before.len()).unwrap_or_default(), before)
                && fits(own.get(start..).unwrap_or_default(), after)
        });
        return if is_same { Sameness::Untold } else { Sameness::Changed };
    }
    if !fits(own, told) {
        Sameness::Changed
    } else if own.iter().zip(told).all(|(own, told)| equal(own, told)) {
        Sameness::Equal
    } else {
        Sameness::Untold
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || is_blank(c)).filter(|word| !word.is_empty())
}

/// A word without what one builder writes and another does not.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '"' | '\'' | '\\' | ',' | '[' | ']' | ';')).collect()
}

fn is_open(resolved: &Resolved) -> bool {
    !(resolved.unknown.is_empty() && resolved.defaults.is_empty())
}

/// The words that a word of the file becomes: of a value with blanks, several.
fn pieces_of(resolved: &Resolved) -> Vec<Piece> {
    let is_open = is_open(resolved);
    words(&resolved.shown).map(|word| Piece { text: word.to_owned(), is_open }).collect()
}

fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn is_shell(word: &str) -> bool {
    word.starts_with('/') && ["sh", "bash", "ash", "dash"].iter().any(|name| word.ends_with(&format!("/{name}")))
}

/// What a step ran, without build arguments and the shell.
fn without_shell(text: &str) -> &str {
    let text = if text.starts_with('|') { text.find(" /").and_then(|at| text.get(at..)).unwrap_or(text) } else { text };
    let text = text.trim_start();
    let shell = text.split(is_blank).next().unwrap_or_default();
    if !is_shell(shell) {
        return text;
    }
    // flags up to `-c`
    let mut rest = text.get(shell.len()..).unwrap_or_default().trim_start();
    while let Some((word, after)) = rest.split_once(is_blank) {
        rest = after.trim_start();
        if word.starts_with('-') && word.ends_with('c') {
            return rest;
        }
    }
    text
}
