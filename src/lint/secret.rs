//! Secrets in a Dockerfile and in what it copies, by the rules that judge images: each told at the very word.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::lint::{Context, Told, group_is_no_group, holds_secret, quoted};
use crate::dockerfile::shell::Command as Call;
use crate::dockerfile::{Command, Instruction, Kind, Span, Text, Word};
use crate::finding::Finding;
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::rule::Severity;
use crate::secret::{self, TextKind, Written};
use crate::size::ByteSize;

use super::remedy;

/// Largest file of the folder that is read.
const LARGEST: ByteSize = ByteSize::mib(1);

/// Most files of the folder that are read for one Dockerfile.
const MOST_FILES: usize = 2_000;

/// What was found.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) told: Vec<Told>,
    pub(super) limitations: Vec<Limitation>,
}

/// The secrets that stand in a Dockerfile, and in those files of `folder` that it copies.
pub(super) fn find(context: &Context<'_>, folder: Option<&Path>) -> Secrets {
    let mut search = Search { context, secrets: Secrets::default(), is_cut: false };
    for (index, instruction) in context.instructions() {
        search.instruction(index, instruction);
    }
    search.keys();
    if search.is_cut {
        let what = "too much of it looks like the beginning of a secret; a part was not searched for secrets";
        let gap = Limitation::gap("secret-search-cut", context.name, what);
        search
            .secrets
            .limitations
            .push(gap.help("look at the file by hand; nothing but an attack is known to look like this"));
    }
    if let Some(folder) = folder {
        search.copied(folder);
    }
    search.secrets
}

struct Search<'c, 'f> {
    context: &'c Context<'f>,
    secrets: Secrets,
    is_cut: bool,
}

/// A place of the file that is searched.
struct Part<'p> {
    text: Text,
    kind: TextKind,
    /// What findings are about: a variable or an instruction.
    subject: Cow<'p, str>,
    /// Name and value where it is a variable.
    pair: Option<(&'p Word, &'p Word)>,
}

impl Search<'_, '_> {
    fn instruction(&mut self, index: usize, instruction: &Instruction) {
        self.files(index, instruction);
        let name = instruction.name();
        let part = |text: Text, kind: TextKind| Part { text, kind, subject: name.clone().into(), pair: None };
        match &instruction.kind {
            Kind::Run(command) | Kind::Cmd(command) | Kind::Entrypoint(command) | Kind::Healthcheck(Some(command)) => {
                let (text, kind) = text_of(command);
                self.part(index, instruction, &part(text, kind));
            }
            Kind::Shell(words) | Kind::Expose(words) | Kind::Volume(words) => {
                self.part(index, instruction, &part(joined(words.iter(), 1), TextKind::Command));
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let words = transfer.sources.iter().chain([&transfer.destination]);
                let quotes = usize::from(transfer.is_json);
                self.part(index, instruction, &part(joined(words, quotes), TextKind::Plain));
            }
            Kind::User(word) if group_is_no_group(&word.text) => {
                // what stands where a group should is judged as the password of the user
                let user = word.text.find(':').map_or(0, |colon| colon.saturating_add(1));
                let mut text = Text::default();
                text.push("password=", word.span.start);
                let kind = TextKind::Setting(text.as_str().len());
                text.push(word.text.get(user..).unwrap_or_default(), word.span.start.saturating_add(user));
                self.part(index, instruction, &part(text, kind));
            }
            Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => {
                self.part(index, instruction, &part(joined([word].into_iter(), 0), TextKind::Plain));
            }
            Kind::Env(pairs) | Kind::Label(pairs) => {
                for pair in pairs {
                    self.pair(index, instruction, &pair.name, &pair.value);
                }
            }
            Kind::Arg(arguments) => {
                for argument in arguments {
                    let value = argument.default.iter();
                    value.for_each(|value| self.pair(index, instruction, &argument.name, value));
                }
            }
            Kind::From { .. } | Kind::Healthcheck(None) | Kind::OnBuild(_) | Kind::Unknown | Kind::Broken => {}
        }
    }

    /// Searches `name=value`.
    fn pair(&mut self, index: usize, instruction: &Instruction, name: &Word, value: &Word) {
        let mut text = Text::default();
        text.push(&name.text, name.span.start);
        text.push("=", name.span.end);
        let kind = TextKind::Setting(text.as_str().len());
        let plain = value.text.trim();
        let inner = ['"', '\''].iter().find_map(|quote| plain.strip_prefix(*quote)?.strip_suffix(*quote));
        let (inner, start) = match inner {
            Some(inner) => (inner, value.span.start.saturating_add(1)),
            None => (value.text.as_str(), value.span.start),
        };
        text.push(inner, start);
        let subject = quoted(name.text.trim_matches(['"', '\'']));
        self.part(index, instruction, &Part { text, kind, subject: subject.into(), pair: Some((name, value)) });
    }

    /// Searches a text of the file.
    fn part(&mut self, index: usize, instruction: &Instruction, part: &Part<'_>) {
        let text = part.text.as_str();
        if secret::is_harmless(text) {
            return;
        }
        let (found, is_cut) = secret::in_text(text, part.kind);
        self.is_cut |= is_cut;
        for one in found {
            let mut span = part.text.span(one.span.clone());
            if let Some((_, value)) = part.pair {
                // a value of several lines is one word
                let is_whole = value.text.len() != value.span.end.saturating_sub(value.span.start);
                span = if is_whole || !value.span.contains(span.start) { value.span } else { span };
                span.end = span.end.min(value.span.end);
            }
            let is_generic = one.rule.id.starts_with("secret/generic-");
            let instead = match part.pair {
                // a file of so many is an attack
                _ if self.secrets.told.len() >= MOST_REMEDIES => None,
                Some((name, _)) => remedy::of_variable(self.context, index, instruction, &name.text),
                None => remedy::of_command(self.context, index, instruction, span, &one),
            };
            self.tell(span, part.pair.map(|(name, _)| name.span), is_generic, &part.subject, one, instead);
        }
    }

    fn tell(
        &mut self,
        span: Span,
        variable: Option<Span>,
        is_generic: bool,
        subject: &str,
        one: Written,
        instead: Option<String>,
    ) {
        let is_known = |told: &Told| told.span.start < span.end && span.start < told.span.end;
        if self.secrets.told.iter().rev().take(NEAR).any(is_known) {
            return;
        }
        let message = format!("{} in `{subject}`, which stays in the image's history: {}", one.rule.title, one.masked);
        let finding = finding(self.context, span, subject, message, one, instead);
        self.secrets.told.push(Told { finding, span, variable, is_generic, is_copied: false });
    }

    /// Searches private keys whose lines several commands write, of which no text has all.
    fn keys(&mut self) {
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

    /// Searches documents and texts that become files, as such files.
    fn files(&mut self, index: usize, instruction: &Instruction) {
        if let Kind::Copy(transfer) | Kind::Add(transfer) = &instruction.kind {
            for heredoc in &instruction.heredocs {
                let into_folder = transfer.sources.len() > 1 || transfer.destination.text.ends_with('/');
                let path = if into_folder {
                    format!("{}/{}", transfer.destination.text, heredoc.name)
                } else {
                    transfer.destination.text.clone()
                };
                let body = self.context.file.source(heredoc.body).to_owned();
                self.file(&path, &Text::of(&body, heredoc.body.start), true);
            }
        }
        let Some(script) = self.context.script(index) else { return };
        let mut files: Vec<(String, Text)> = Vec::new();
        for call in &script.commands {
            files.extend(
                target(call)
                    .into_iter()
                    .flat_map(|path| contents(self.context, call).map(move |text| (path.clone(), text))),
            );
        }
        for (path, text) in files {
            self.file(&path, &text, false);
        }
    }

    /// Searches a text that becomes the file at `path`; where it stands in no command, whatever the path is.
    fn file(&mut self, path: &str, text: &Text, is_whole: bool) {
        let (path, shown) = (ImagePath::new(path.trim_start_matches(['~', '/']).as_bytes()), quoted(path));
        if text.as_str().is_empty() || !(is_whole || secret::is_credential_file(&path)) {
            return;
        }
        let (found, is_cut) = secret::in_file(&path, text.as_str().as_bytes());
        self.is_cut |= is_cut;
        for one in found {
            let instead = remedy::of_file(&shown);
            self.tell(text.span(one.span.clone()), None, false, &shown, one, Some(instead));
        }
    }

    /// Searches the files of the folder that the Dockerfile copies, where their name says that they hold credentials.
    fn copied(&mut self, folder: &Path) {
        let Some(surroundings) = self.context.surroundings else { return };
        let is_copy = |instruction: &Instruction| {
            matches!(instruction.kind, Kind::Copy(_) | Kind::Add(_)) && instruction.flag("from").is_none()
        };
        if !self.context.instructions().any(|(_, instruction)| is_copy(instruction)) {
            return;
        }
        let sent = |path: &str| surroundings.ignore.as_ref().is_none_or(|ignore| !ignore.excludes(path));
        let wanted = |path: &str| {
            secret::is_credential_file(&path.into())
                || holds_secret(path)
                || [".pem", ".key"].iter().any(|end| path.ends_with(end))
        };
        let is_file = |path: &str| !path.ends_with('/') && sent(path) && wanted(path);
        let mut left: Vec<(&str, u64)> = surroundings
            .entries
            .iter()
            .map(|(path, size)| (path.as_str(), *size))
            .filter(|(path, _)| is_file(path))
            .collect();
        let (mut read, mut copies_all) = (0_usize, false);
        let mut large = BTreeSet::new();
        for (index, instruction) in self.context.instructions() {
            let (Kind::Copy(transfer) | Kind::Add(transfer)) = &instruction.kind else { continue };
            if !is_copy(instruction) {
                continue;
            }
            for source in &transfer.sources {
                let resolved = self.context.file.scope(index).resolve(source);
                let Some(text) = resolved.text().filter(|text| !text.contains("://") && !text.starts_with("<<")) else {
                    continue;
                };
                let pattern = text.trim_start_matches("./").trim_matches('/');
                let is_all = matches!(pattern, "" | "." | "*");
                copies_all |= is_all;
                let taken = Ignore::parse(pattern.as_bytes());
                let mut rest = Vec::with_capacity(left.len());
                for (path, size) in left {
                    if !is_all && !taken.excludes(path) {
                        rest.push((path, size));
                    } else if size > LARGEST.bytes() {
                        large.insert(path);
                    } else if read < MOST_FILES {
                        read = read.saturating_add(1);
                        self.copy(folder, path, source.span, self.context.ships(instruction));
                    }
                }
                left = rest;
            }
        }
        let mut note = |what: String| {
            let help = "look at these files by hand, or leave them out with `.dockerignore`";
            let note = Limitation::note("context-not-searched", self.context.name, what);
            self.secrets.limitations.push(note.help(help));
        };
        if let Some(first) = large.first() {
            let shown = secret::masked_path(&quoted(first));
            let more = match large.len().saturating_sub(1) {
                0 => String::new(),
                more => format!("; so are {more} more"),
            };
            note(format!(
                "`{shown}`, which is copied, is larger than {LARGEST} and was not searched for secrets{more}"
            ));
        }
        if read == MOST_FILES {
            note(format!("only the first {MOST_FILES} files with credentials in their name were searched for secrets"));
        }
        if copies_all && surroundings.is_cut {
            note(
                "the folder that is copied has more files than are looked at; the rest were not searched for secrets"
                    .into(),
            );
        }
    }

    /// Searches one file that the word at `span` copies.
    fn copy(&mut self, folder: &Path, path: &str, span: Span, ships: bool) {
        let mut bytes = Vec::new();
        let place = folder.join(path);
        // a link is copied as a link, a device is never read
        let is_plain = std::fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_file());
        let read =
            is_plain.then(|| File::open(&place).and_then(|file| file.take(LARGEST.bytes()).read_to_end(&mut bytes)));
        match read {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let what = format!(
                    "`{}` is copied and cannot be read ({error}); it was not searched for secrets",
                    quoted(path)
                );
                self.secrets.limitations.push(Limitation::note("context-not-searched", self.context.name, what));
                return;
            }
            None => return,
        }
        let (found, is_cut) = secret::in_file(&path.into(), &bytes);
        self.is_cut |= is_cut;
        let shown = secret::masked_path(&quoted(path));
        for mut one in found.into_iter().take(MOST_OF_FILE) {
            let line =
                memchr::memchr_iter(b'\n', bytes.get(..one.span.start).unwrap_or_default()).count().saturating_add(1);
            if !ships {
                one.severity = one.severity.min(Severity::Low);
            }
            let where_to = if ships { "into the image" } else { "into a stage, whose layers stay in the build cache" };
            let message =
                format!("{} in `{shown}`, line {line}, which is copied {where_to}: {}", one.rule.title, one.masked);
            let instead = remedy::of_file(&shown);
            let finding = finding(self.context, span, &shown, message, one, Some(instead))
                .evidence("copied_file", shown.clone())
                .evidence("copied_line", line);
            self.secrets.told.push(Told { finding, span, variable: None, is_generic: false, is_copied: true });
        }
    }
}

/// Private keys of one file that are put together, and lines of one.
const MOST_KEYS: usize = 100;
const MOST_LINES: usize = 400;

/// Shortest run of signs that may be a line of a key.
const LEAST_RUN: usize = 16;

/// The lines of a private key between its marks, whatever stands between them.
pub(super) fn lines_of_key(text: &str, body: Range<usize>) -> Vec<Span> {
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

/// Secrets for which it is told what to write instead.
const MOST_REMEDIES: usize = 1_000;

/// Secrets of one copied file that are told.
const MOST_OF_FILE: usize = 20;

/// Secrets told last among which one of the same place is looked for.
const NEAR: usize = 200;

fn finding(
    context: &Context<'_>,
    span: Span,
    subject: &str,
    message: String,
    one: Written,
    instead: Option<String>,
) -> Finding {
    let mut finding =
        context.finding(one.rule, span, subject, message).evidence("masked", one.masked).evidence("bytes", one.length);
    (finding.severity, finding.confidence) = (one.severity, one.confidence);
    if let Some(id) = one.id {
        finding.matter.clone_from(&id);
        finding.evidence.insert("secret", id.into());
    }
    if let Some((place, reason)) = one.accepted {
        finding = finding.evidence("allowed_in", place).evidence("allowed_for", reason);
    }
    if let Some(instead) = instead {
        finding.evidence.insert("instead", instead.into());
    }
    if !one.notes.is_empty() {
        finding.evidence.insert("notes", one.notes.into());
    }
    finding
}

/// What a command is searched as.
fn text_of(command: &Command) -> (Text, TextKind) {
    match command {
        Command::Shell(text) => (text.clone(), TextKind::Script),
        Command::Exec(words) => {
            let is_shell = words.get(1).is_some_and(|word| word.text.starts_with('-') && word.text.ends_with('c'));
            (joined(words.iter(), 1), if is_shell { TextKind::Script } else { TextKind::Command })
        }
    }
}

/// Words with a blank between each two; `quotes` are the bytes of the quote before each that does not count.
fn joined<'w>(words: impl Iterator<Item = &'w Word>, quotes: usize) -> Text {
    let mut text = Text::default();
    for word in words {
        if !text.as_str().is_empty() {
            text.push(" ", word.span.start);
        }
        let is_quoted = word.span.end.saturating_sub(word.span.start) > word.text.len();
        let before = if is_quoted { quotes } else { 0 };
        text.push(&word.text, word.span.start.saturating_add(before));
    }
    text
}

/// The file that a command writes to, where that is told plainly.
fn target(call: &Call) -> Option<String> {
    let redirected = call.redirections.iter().find(|one| matches!(one.operator.as_str(), ">" | ">>" | ">|"));
    let word = match redirected {
        Some(redirection) => Some(&redirection.target),
        None if call.name() == "tee" => call.operands().next(),
        None => None,
    };
    // `$HOME/.netrc` has its name all the same
    word.map(|word| word.text.clone()).filter(|path| !path.ends_with(['$', '}']))
}

/// What a command writes: its documents, and what `echo` and `printf` are given.
fn contents<'c>(context: &'c Context<'_>, call: &'c Call) -> impl Iterator<Item = Text> + 'c {
    let documents = call.redirections.iter().filter_map(|redirection| redirection.document.clone());
    let is_echo = matches!(call.name(), "echo" | "printf");
    let words = call.arguments().iter().filter(move |word| is_echo && !word.text.starts_with('-'));
    documents.chain(words.map(|word| {
        let source = context.file.source(word.span);
        let quote = source.starts_with(['"', '\'']);
        // without escapes, so that places stay
        let start = word.span.start.saturating_add(usize::from(quote));
        let inner = source.get(usize::from(quote)..source.len().saturating_sub(usize::from(quote))).unwrap_or_default();
        let mut text = Text::default();
        for (nth, line) in inner.split("\\n").enumerate() {
            let at = start.saturating_add(line.as_ptr() as usize - inner.as_ptr() as usize);
            if nth > 0 {
                text.push("\n", at.saturating_sub(1));
            }
            text.push(line, at);
        }
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Input, lint};
    use crate::dockerfile::ignore::Ignore;
    use crate::dockerfile::lint::Surroundings;
    use crate::finding::Location;
    use crate::limit::Limits;
    use crate::policy::PolicySet;

    /// A made-up value that is in no list of placeholders.
    fn value() -> String {
        ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat()
    }

    /// The secrets that are told, with the text they point at.
    fn told(text: &str) -> Vec<(String, String)> {
        let input = Input { name: "Dockerfile".into(), bytes: text.as_bytes().to_vec(), ..Input::default() };
        let today = "2026-11-21".parse().expect("a date");
        let linted = lint(&[input], &PolicySet::load(&[], &[], false).expect("the default"), today, &Limits::default())
            .expect("no condition");
        let mut told = Vec::new();
        for judged in &linted.report.findings {
            let (finding, lines) = (&judged.finding, text.lines().collect::<Vec<_>>());
            let Location::Dockerfile { start, end, .. } = &finding.location else { continue };
            if !finding.rule.id.starts_with("secret/") && finding.rule.id != "dockerfile/secret-in-variable" {
                continue;
            }
            let line = |number: u64| lines[usize::try_from(number).expect("small") - 1];
            let (from, to) = (usize::try_from(start.1).expect("small") - 1, usize::try_from(end.1).expect("small") - 1);
            let shown = if start.0 == end.0 { line(start.0)[from..to].to_owned() } else { "…".to_owned() };
            told.push((finding.rule.id.to_owned(), shown));
        }
        told
    }

    #[test]
    fn secrets_are_told_wherever_they_stand() {
        let v = value();
        let cases: Vec<(String, &str)> = vec![
            (format!("RUN <<EOF\nmysql -uroot -p{v} -e 'select 1'\nEOF"), "secret/database-client-password"),
            (
                format!("RUN cat <<EOF > /root/.netrc\nmachine h.example login ci password {v}\nEOF"),
                "secret/netrc-password",
            ),
            (format!("COPY <<EOF /root/.npmrc\n//r.example/:_authToken={v}\nEOF"), "secret/npmrc-auth-token"),
            (format!("CMD [\"app\", \"--token\", \"{v}\"]"), "secret/generic-secret"),
            (format!("CMD app --api-key {v}"), "secret/generic-secret"),
            (format!("ENTRYPOINT [\"sh\", \"-c\", \"mysql -uroot -p{v}\"]"), "secret/database-client-password"),
            (format!("HEALTHCHECK CMD curl -u ci:{v} http://localhost/"), "secret/curl-user"),
            (format!("ADD https://{v}@h.example/x.tgz /x/"), "secret/generic-secret"),
            (format!("ADD https://ci:{v}@h.example/x.tgz /x/"), "secret/url-credentials"),
            (format!("ADD https://{v}@git.example/a/b.git /x"), "secret/generic-secret"),
            (format!("RUN export DB_PASSWORD={v}"), "secret/generic-password"),
            (format!("RUN API_TOKEN={v} make"), "secret/generic-secret"),
            (format!("RUN mysql -uroot -p{v} db"), "secret/database-client-password"),
            (format!("RUN curl -u ci:{v} https://h.example/"), "secret/curl-user"),
            (format!("RUN curl \\\n  -u ci:{v} \\\n  https://h.example/"), "secret/curl-user"),
            (format!("RUN curl -H \"Authorization: Bearer {v}{v}\" https://h.example/"), "secret/bearer-authorization"),
            (format!("RUN tool login --password {v}"), "secret/generic-password"),
            (format!("RUN echo {v} > /etc/app/db_password"), "secret/secret-file"),
            (format!("RUN echo \"machine h.example login ci password {v}\" >> ~/.netrc"), "secret/netrc-password"),
            (format!("RUN npm config set //r.example/:_authToken {v}"), "secret/generic-password"),
            (format!("RUN npm config set //r.example/:_authToken={v}"), "secret/npmrc-auth-token"),
            (
                format!("RUN pip config set global.index-url https://ci:{v}@pypi.example/simple"),
                "secret/url-credentials",
            ),
            (
                format!("RUN git config --global url.\"https://{v}@git.example/\".insteadOf \"https://git.example/\""),
                "secret/generic-secret",
            ),
            (format!("RUN docker login -u ci -p {v} r.example"), "secret/command-login-password"),
            (format!("RUN aws configure set aws_secret_access_key {v}"), "secret/generic-password"),
            (format!("RUN openssl enc -aes-256-cbc -k {v} -in a -out b"), "secret/generic-password"),
            (format!("RUN useradd -m -p {v} app"), "secret/generic-password"),
            (format!("RUN echo 'root:{v}' | chpasswd"), "secret/account-password"),
            (format!("RUN usermod -p '{}' root", hash()), "secret/useradd-password-hash"),
            (format!("RUN usermod -p \"{}\" root", hash().replace('$', "\\$")), "secret/useradd-password-hash"),
            (format!("RUN echo 'root:{}' | chpasswd -e", hash()), "secret/password-hash"),
            (format!("RUN chpasswd -e <<EOF\nroot:{}\nEOF", hash()), "secret/password-hash"),
            (format!("RUN chpasswd <<EOF\nroot:{v}\nEOF"), "secret/generic-password"),
            (format!("RUN useradd -p \"$(openssl passwd -6 {v})\" app"), "secret/generic-password"),
            (format!("RUN poetry config http-basic.acme ci {v}"), "secret/package-tool-password"),
            (format!("RUN gpg --batch --passphrase {v} -d a.gpg"), "secret/generic-password"),
            (format!("RUN echo {v} | gpg --batch --passphrase-fd 0 -d a.gpg"), "secret/generic-password"),
            (format!("RUN frob --password={v}"), "secret/generic-password"),
            (format!("RUN frob -p {v}"), "secret/generic-secret"),
            (format!("USER admin:{v}"), "secret/generic-password"),
            (format!("ENV DB_PW={v}"), "dockerfile/secret-in-variable"),
            (format!("ARG PW={v}"), "dockerfile/secret-in-variable"),
            ("ARG PW".to_owned(), "dockerfile/secret-in-variable"),
            (format!("ENV A=AKIA{}", "Q3EGRZ7T5WXNPL2M"), "secret/aws-access-key"),
            (format!("ENV A=glpat-{}", "txJTQr1FqXSTs98vPlL2"), "secret/gitlab-pat"),
            (format!("ENV A=https://me:{v}@h.example/a"), "secret/url-credentials"),
            (format!("LABEL token={v}"), "dockerfile/secret-in-variable"),
            (format!("ENV A=1 API_TOKEN={v}"), "dockerfile/secret-in-variable"),
            (format!("ENV DATABASE_URL=postgres://app:{v}@db/x"), "secret/postgres-url"),
            (format!("ONBUILD RUN mysql -uroot -p{v} db"), "secret/database-client-password"),
            (format!("RUN --mount=type=cache,target=/c mysql -uroot -p{v} db"), "secret/database-client-password"),
        ];
        let mut wrong = String::new();
        for (text, rule) in cases {
            let found = told(&format!("FROM debian:13\n{text}\nUSER 65532\n"));
            let is_right = matches!(found.as_slice(), [(id, shown)] if id == rule && (text.contains(shown.as_str()) && shown.len() >= 8 || rule.starts_with("dockerfile/")) && !shown.contains(' '));
            if !is_right {
                wrong += &format!("{text}\n  found {found:?}\n  expected {rule}\n");
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    }

    /// The hash of a password, made up.
    fn hash() -> String {
        format!("$6${}${}", "q7Rt2xLm9Vb4", ["kQ7vT2xwZm9Lp3Rt8Yb./"; 5].concat().get(..86).expect("so long"))
    }

    #[test]
    fn keys_that_several_commands_write_are_told() {
        // an Ed25519 key (RFC 8410) of made-up bytes
        let lines = ["MC4CAQAwBQYDK2VwBCIEIAE2Tfw1bQ", "uRRG7+TeNKk8gFunVJXY5KSX9RWrxwPuaY"];
        let (begin, end) = (["-----BEGIN ", "PRIVATE KEY-----"].concat(), ["-----END ", "PRIVATE KEY-----"].concat());
        let [one, two] = lines;
        let cases = [
            (
                format!(
                    "RUN echo '{begin}' > k && \\\n echo '{one}' >> k && \\\n echo {two} >> k && echo '{end}' >> k"
                ),
                one,
            ),
            (
                format!("RUN echo '{begin}' > k\nRUN echo '{one}' >> k\nRUN echo {two} >> k\nRUN echo '{end}' >> k"),
                &begin,
            ),
        ];
        for (text, shown) in cases {
            let found = told(&format!("FROM debian:13\n{text}\nUSER 65532\n"));
            assert_eq!(found, [("secret/private-key".to_owned(), shown.to_owned())], "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_not_told() {
        let texts = [
            "RUN curl -u \"ci:$TOKEN\" https://h.example/",
            "ENV B=AKIAIOSFODNN7EXAMPLE",
            "RUN curl https://me:$P@h.example/a https://h.example/@b:c",
            "RUN curl -H \"Authorization: Bearer ${TOKEN}\" https://h.example/",
            "RUN curl -H \"Authorization: Bearer $(cat /run/secrets/token)\" https://h.example/",
            "RUN --mount=type=secret,id=npm npm config set //r.example/:_authToken $(cat /run/secrets/npm)",
            "RUN --mount=type=secret,id=t,env=TOKEN git clone https://$TOKEN@git.example/a/b",
            "RUN echo \"//r.example/:_authToken=\\${NPM_TOKEN}\" > .npmrc",
            "RUN mysql -uroot -p\"$PW\" db",
            "RUN echo 'root:changeme' | chpasswd",
            "RUN docker run -p 8080:8080 a",
            "RUN mkdir -p aQ7vT2xwZm9Lp3Rt && cp -p aQ7vT2xwZm9Lp3Rt /x && conda create -p aQ7vT2xwZm9Lp3Rt",
            "RUN if true; then mkdir -p aQ7vT2xwZm9Lp3Rt; fi",
            "RUN set -ex\\\n && virtualenv -p python3.12 /venv && frob -p 8080 -p name -p a/b -p release-2024",
            "RUN useradd -p \"$(openssl passwd -6 \"$PW\")\" app && poetry config http-basic.acme ci \"$PW\"",
            "RUN usermod -p '!' root && usermod -p '*' app && chpasswd <<EOF\nroot:$PW\nEOF",
            "ENV PW=changeme PW_FILE=/run/secrets/pw",
            "USER app:Users",
            "USER app:docker-users",
            "USER 1000:1000",
            "RUN npm config set registry https://registry.npmjs.example/",
            "RUN git config --global user.email ci@h.example && git config --global user.name ci",
            "RUN pip install a==1.2.3 --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "RUN echo \"deb [signed-by=/k.gpg] https://d.example/debian bookworm main\" > /etc/apt/sources.list.d/a.list",
            "RUN git clone git@git.example:a/b.git && git clone ssh://git@git.example/a/b",
            "RUN useradd -m -p '' app && useradd --password \"$(openssl passwd -6 x)\" b",
            "RUN echo \"$PASSWORD\" > /run/password",
            "RUN passwd -l root && passwd -d app",
            "ADD https://h.example/x.tgz /x/",
            "CMD [\"app\", \"--token-file\", \"/run/secrets/token\"]",
            "ENV SENTRY_DSN=https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.example/1",
            "LABEL org.opencontainers.image.authors=\"a@h.example\"",
            "FROM a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ];
        for text in texts {
            assert_eq!(told(&format!("FROM debian:13\n{text}\nUSER 65532\n")), [], "{text}");
        }
    }

    #[test]
    fn files_that_are_copied_are_read() {
        let v = value();
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        write(".npmrc", format!("registry=https://r.example/\n//r.example/:_authToken={v}\n"));
        write("conf/.netrc", format!("machine h.example login ci password {v}\n"));
        write("other/.netrc", format!("machine h.example login ci password {v}\n"));
        write("clean/.env", "PORT=80\n".to_owned());
        write("large/.env", format!("{}\nDB_PASSWORD={v}\n", "#".repeat(2 << 20)));
        write("ignored/.env", format!("DB_PASSWORD={v}\n"));
        let names = [".npmrc", "clean/.env", "conf/.netrc", "ignored/.env", "large/.env", "other/.netrc"];
        let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |metadata| metadata.len());
        let surroundings = Surroundings {
            ignore_name: String::new(),
            ignore: Some(Ignore::parse(b"ignored\n")),
            entries: names.map(|name| (name.to_owned(), size(name))).into(),
            is_cut: true,
        };
        let told = |text: &str| {
            let input = Input {
                name: "Dockerfile".into(),
                bytes: format!("FROM debian:13\n{text}\nUSER 65532\n").into_bytes(),
                surroundings: Some(surroundings.clone()),
                folder: Some(folder.path().to_owned()),
                ..Input::default()
            };
            let today = "2026-11-21".parse().expect("a date");
            let linted =
                lint(&[input], &PolicySet::load(&[], &[], false).expect("the default"), today, &Limits::default())
                    .expect("no condition");
            let all = linted.report.findings.iter().map(|judged| &judged.finding);
            let kept = all.filter(|finding| finding.rule.id.contains("secret"));
            let mut lines: Vec<String> =
                kept.map(|finding| format!("{} {}", finding.rule.id, finding.message)).collect();
            lines.extend(linted.report.limitations.iter().map(|one| one.what.clone()));
            assert!(!lines.concat().contains(&v));
            lines
        };
        assert_eq!(
            told("COPY .npmrc /root/"),
            [
                "secret/npmrc-auth-token A registry token in an npm configuration in `.npmrc`, line 2, which is copied into the image: ****"
            ]
        );
        let found = told("COPY conf /root/");
        assert!(found.len() == 1 && found[0].contains("in `conf/.netrc`, line 1, which"), "{found:?}");
        assert_eq!(told("COPY --from=b . /root/"), [""; 0]);
        assert_eq!(told("COPY ignored /root/"), [""; 0]);
        assert_eq!(
            told("COPY clean/.env /root/"),
            [
                "dockerfile/secret-copied `clean/.env` is copied into the image; `RUN --mount=type=secret` leaves nothing behind"
            ]
        );
        let all = told("COPY . /root/");
        assert_eq!(all.iter().filter(|line| line.starts_with("secret/")).count(), 3, "{all:?}");
        assert!(
            all.iter().any(|line| line.contains("`large/.env`, which is copied, is larger than 1.0 MiB")),
            "{all:?}"
        );
        assert!(all.iter().any(|line| line.contains("more files than are looked at")), "{all:?}");
    }

    #[test]
    fn a_remedy_is_told_for_the_case() {
        let v = value();
        let instead = |text: &str| {
            let input = Input { name: "a".into(), bytes: text.as_bytes().to_vec(), ..Input::default() };
            let linted = lint(
                &[input],
                &PolicySet::load(&[], &[], false).expect("the default"),
                "2026-11-21".parse().expect("a date"),
                &Limits::default(),
            )
            .expect("no condition");
            let evidence = linted.report.findings.iter().find_map(|judged| judged.finding.evidence.get("instead"));
            evidence.and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        };
        let cases = [
            (
                format!("RUN apt-get update && curl \\\n  -u ci:{v} \\\n  https://h.example/ && true"),
                "RUN --mount=type=secret,id=password,env=PASSWORD curl -u ci:${PASSWORD} https://h.example/",
            ),
            (format!("RUN API_TOKEN={v} make all"), "RUN --mount=type=secret,id=api_token,env=API_TOKEN make all"),
            (
                format!("ENV DATABASE_URL=postgres://app:{v}@db/x\nRUN migrate --to $DATABASE_URL"),
                "RUN --mount=type=secret,id=database_url,env=DATABASE_URL migrate --to $DATABASE_URL",
            ),
            (
                format!("ADD https://ci:{v}@h.example/x.tgz /x/"),
                "RUN --mount=type=secret,id=netrc,target=/root/.netrc curl -fsSL -n -o /x/ https://h.example/x.tgz",
            ),
            (
                format!("COPY <<EOF /root/.npmrc\n//r.example/:_authToken={v}\nEOF"),
                "RUN --mount=type=secret,id=npmrc,target=/root/.npmrc …",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(instead(&format!("FROM debian:13\n{text}\n")), expected, "{text}");
        }
    }
}
