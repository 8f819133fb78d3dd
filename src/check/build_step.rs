//! Build steps as the history tells them.

use super::{Check, Context, step_of, without_arguments};
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, Origin};
use crate::rule::{Confidence, Place, Rule, Severity};

/// A script was run as it came.
pub(super) static PIPED_SCRIPT: Rule = Rule {
    id: "image/piped-script",
    title: "A build step runs what it downloads without a look at it",
    severity: Severity::Low,
    why: "Whoever answers for the address decides what the image holds, differently each day, and only for whom it wants: a \
          server can tell a pipe from a browser. A download that breaks off runs half a script.",
    remediation: "Download to a file, compare it with a checksum that stands in the Dockerfile, `sha256sum -c`, then run it; \
                  or use the package of the distribution.",
    references: &["https://docs.docker.com/reference/dockerfile/#add---checksum", "https://slsa.dev/spec/v1.1/threats"],
    bad: "RUN curl -fsSL https://get.example/install.sh | sh",
    good: "ADD --checksum=sha256:… https://get.example/install-1.2.sh /tmp/install.sh\nRUN sh /tmp/install.sh && rm /tmp/install.sh",
    places: &[Place::History],
    ..Rule::NEW
};

/// `ADD` did the work of `COPY`.
pub(super) static ADD_NOT_COPY: Rule = Rule {
    id: "image/add-not-copy",
    title: "A build step adds what it might have copied",
    severity: Severity::Info,
    is_opt_in: true,
    why: "`ADD` unpacks archives and fetches addresses where nobody may expect it; `COPY` does what it says. The image is \
          the same for plain files, so the rule is off unless a policy names it.",
    remediation: "Write `COPY`, and `ADD` only for archives that are to be unpacked and for addresses with `--checksum`.",
    references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    also: &["CIS-DI-0009", "DL3020", "DS-0005"],
    bad: "ADD app /srv/app",
    good: "COPY app /srv/app",
    places: &[Place::History],
    ..Rule::NEW
};

/// More was installed than asked for.
pub(super) static RECOMMENDS: Rule = Rule {
    id: "image/recommended-packages",
    title: "A build step installs recommended packages too",
    severity: Severity::Info,
    is_opt_in: true,
    why: "apt installs what packages recommend unless told not to: often many times the bytes, and more to update. Some \
          images need them, so the rule is off unless a policy names it.",
    remediation: "Write `apt-get install --no-install-recommends` and name what is needed.",
    references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    also: &["DL3015", "DS-0029"],
    bad: "RUN apt-get update && apt-get install -y vim",
    good: "RUN apt-get update && apt-get install -y --no-install-recommends vim",
    places: &[Place::History],
    ..Rule::NEW
};

/// Judges the history, step by step.
pub(super) struct BuildStep;

impl Check for BuildStep {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ADD_NOT_COPY, &PIPED_SCRIPT, &RECOMMENDS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = &image.config else { return };
        let is_without_recommends = image.settings.iter().any(|file| {
            file.path.is_under(b"etc/apt")
                && file.lines.iter().any(|line| line.text.contains("Install-Recommends") && !line.text.contains("true"))
        });
        let makers = config.history_of_layers(image.layers.len());
        for (index, entry) in (0u32..).zip(&config.history) {
            let step = entry.instruction();
            let layer = (0u32..).zip(&makers).find(|(_, maker)| **maker == Some(index)).map(|(layer, _)| layer);
            let mut add = |rule: &'static Rule, subject: &str, message: String| {
                let location = Location::History { index, layer, key: "created_by".into() };
                let mut finding = Finding::new(rule, subject, location, message);
                // the masked text; a step without a layer is told apart by its number among its like
                finding.matter = layer.map(|layer| step_of(image, layer)).unwrap_or_default();
                if origin(image, layer) == Origin::Base {
                    finding.severity = Severity::Info;
                }
                finding.confidence = Confidence::Medium; // the history is what the builder says
                findings.push(finding);
            };
            if let Some(command) = step.strip_prefix("RUN ").map(without_shell) {
                if let Some((download, shell)) = piped_script(command) {
                    add(
                        &PIPED_SCRIPT,
                        "script",
                        format!("step {index} runs what `{download}` downloads with `{shell}`, unseen"),
                    );
                }
                if !is_without_recommends && installs_recommends(command) {
                    add(
                        &RECOMMENDS,
                        "packages",
                        format!("step {index} runs `apt-get install` without `--no-install-recommends`"),
                    );
                }
            } else if let Some(operands) = step.strip_prefix("ADD ").filter(|operands| is_plain_add(operands)) {
                // without a layer or as the first step it is the base's own file system
                if index > 0 && origin(image, layer) != Origin::Base {
                    let what = if operands.starts_with("dir:") { "a folder" } else { "files" };
                    add(&ADD_NOT_COPY, "ADD", format!("step {index} adds {what} that `COPY` would copy"));
                }
            }
        }
    }
}

fn origin(image: &Inventory, layer: Option<u32>) -> Origin {
    layer.and_then(|layer| image.layers.get(layer as usize)).map_or(Origin::Unknown, |layer| layer.origin)
}

/// What the shell of a step is given: builders write `|1 NAME=value /bin/bash -o pipefail -c curl …`.
fn without_shell(command: &str) -> &str {
    let command = without_arguments(command);
    let shell = command.split(' ').next().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    if known(SHELLS, shell).is_none() || !command.starts_with('/') {
        return command;
    }
    match command.split_once(" -c ") {
        // options alone stand before it
        Some((before, text)) if before.split(' ').skip(1).all(|word| word.starts_with('-') || word == "pipefail") => {
            text
        }
        _ => command,
    }
}

/// Programs that write what they fetch to their output.
const DOWNLOADS: &[&str] = &["curl", "wget", "fetch", "aria2c"];

/// Programs that run what they read.
const SHELLS: &[&str] =
    &["sh", "bash", "dash", "ash", "zsh", "ksh", "python", "python2", "python3", "perl", "ruby", "node", "php"];

/// The download and the shell of `curl … | sh`, `bash <(curl …)`, `sh -c "$(curl …)"`.
fn piped_script(command: &str) -> Option<(&'static str, &'static str)> {
    substituted(command)
        .or_else(|| command.split(['\n', ';', '&']).find_map(in_pipeline))
        .or_else(|| run_from_file(command))
}

/// The same for `curl … > f && sh f`, `curl -o f … ; . ./f`, `wget … && sh f`, without a comparison between the two.
fn run_from_file(command: &str) -> Option<(&'static str, &'static str)> {
    let mut saved: Vec<(&'static str, &str)> = Vec::new();
    for part in command.split(['\n', ';', '&', '|']) {
        let Some((program, arguments)) = program_of(part) else { continue };
        let is_sum = |word: &str| word.len() > 3 && word.ends_with("sum");
        if CHECKERS.contains(&program) || part.split(|c: char| !c.is_ascii_alphanumeric()).any(is_sum) {
            saved.clear();
            continue;
        }
        if let Some(download) = known(DOWNLOADS, program) {
            saved.extend(outputs(download, &arguments).map(|file| (download, file)));
            continue;
        }
        let of = |file: &str| {
            let name = file_name(file);
            saved.iter().find(|(_, saved)| *saved == name).map(|(download, _)| *download)
        };
        let script = || arguments.iter().find(|word| !word.starts_with(['-', '+'])).copied();
        let shell = known(SHELLS, program).or_else(|| known(&["source"], program)).or(match program {
            "." => Some("source"),
            _ => None,
        });
        // a text given with `-c`, or code, is no file
        let is_text = |word: &&str| matches!(*word, "-c" | "-e" | "-ec" | "-lc" | "-m" | "-s");
        if let Some(shell) = shell.filter(|_| !arguments.iter().any(is_text))
            && let Some(download) = script().and_then(of)
        {
            return Some((download, shell));
        }
        let whole = part.split_whitespace().find(|word| file_name(word) == program).unwrap_or_default();
        let is_script = SCRIPTS.iter().any(|ending| program.ends_with(ending));
        if let Some(download) = Some(whole).filter(|whole| is_script && whole.contains('/')).and_then(of) {
            return Some((download, "exec"));
        }
    }
    None
}

/// Programs that compare what was downloaded with what was expected.
const CHECKERS: &[&str] = &["gpg", "gpgv", "gpg2", "cosign", "minisign", "openssl", "shasum", "cmp", "signify"];

/// Endings of files that are scripts.
const SCRIPTS: &[&str] = &[".sh", ".bash", ".run", ".py", ".pl"];

/// The names, without folders, of the files that a download writes.
fn outputs<'a>(download: &str, arguments: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let mut files = Vec::new();
    let mut is_named = false;
    let mut words = arguments.iter().copied();
    // letters of options that say where to write, and of those that say to take the address's last part
    let (letter, long, own) = match download {
        "curl" => ('o', "--output", Some('O')),
        "wget" => ('O', "--output-document", None),
        _ => ('o', "--out", None),
    };
    let mut addresses = Vec::new();
    let mut takes_own = own.is_none();
    while let Some(word) = words.next() {
        if let Some(file) = word.trim_start_matches('1').strip_prefix('>') {
            let file = file.trim_start_matches('>');
            files.extend(if file.is_empty() { words.next() } else { Some(file) });
            is_named = true;
        } else if let Some(rest) = word.strip_prefix(long) {
            files.extend(if let Some(file) = rest.strip_prefix('=') { Some(file) } else { words.next() });
            is_named = true;
        } else if word == "--remote-name" {
            takes_own = true;
        } else if let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) {
            takes_own |= own.is_some_and(|own| letters.contains(own));
            if let Some((_, file)) = letters.split_once(letter) {
                files.extend(if file.is_empty() { words.next() } else { Some(file) });
                is_named = true;
            }
        } else if word.contains("://") {
            addresses.push(word.split(['?', '#']).next().unwrap_or(word));
        }
    }
    if takes_own && !is_named {
        files.extend(addresses);
    }
    files.into_iter().map(file_name).filter(|name| !matches!(*name, "" | "-" | "null" | "stdout"))
}

/// `f` of `"/tmp/f"`.
fn file_name(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'', ')', '(', '{', '}']);
    word.rsplit('/').next().unwrap_or(word)
}

/// The same for one pipeline; `||` leaves an empty part.
fn in_pipeline(pipeline: &str) -> Option<(&'static str, &'static str)> {
    let mut download = None;
    for part in pipeline.split('|') {
        let Some((program, arguments)) = program_of(part) else {
            download = None;
            continue;
        };
        if let (Some(download), Some(shell)) = (download, known(SHELLS, program))
            && reads_script(shell, &arguments)
        {
            return Some((download, shell));
        }
        // what stands between may unpack or decode, but a comparison keeps the rest from running
        download = known(DOWNLOADS, program).or(download.filter(|_| !program.contains("sum") && program != "gpg"));
    }
    None
}

fn known(names: &[&'static str], program: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| *name == program)
}

/// The program's name and its arguments, without what stands before it: variables, `sudo -E`, `env`, brackets.
fn program_of(part: &str) -> Option<(&str, Vec<&str>)> {
    let mut words = part.split_whitespace().skip_while(|word| {
        matches!(
            *word,
            "sudo"
                | "env"
                | "exec"
                | "command"
                | "time"
                | "then"
                | "do"
                | "else"
                | "if"
                | "!"
                | "("
                | "{"
                | "-E"
                | "-H"
                | "-n"
        ) || word.split_once('=').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    });
    let program = words.next()?.trim_start_matches(['(', '{', '"', '\'']);
    let program = program.rsplit('/').next().unwrap_or(program).trim_end_matches([')', '"', '\'']);
    Some((program, words.collect()))
}

/// Whether it runs its input, and not a text or file given with it.
fn reads_script(shell: &str, arguments: &[&str]) -> bool {
    let is_posix = matches!(shell, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh");
    for argument in arguments {
        let argument = argument.trim_end_matches([')', '}', '"', '\'']);
        match argument {
            "-" | "-s" | "--" => return true,
            "" => {}
            option if option.starts_with('-') => {
                let runs_text = option.contains('c') && is_posix && !option.starts_with("--");
                if runs_text || !is_posix && !option.starts_with("-u") {
                    return false;
                }
            }
            redirection if redirection.starts_with(['>', '<']) || redirection.starts_with("2>") => {
                return !redirection.starts_with('<');
            }
            _ => return false,
        }
    }
    true
}

/// `bash <(curl …)`, `sh -c "$(curl …)"`, `eval "$(curl …)"`.
fn substituted(command: &str) -> Option<(&'static str, &'static str)> {
    for (at, _) in command.match_indices(['(', '`']) {
        let before = command.get(..at)?;
        let inside = command.get(at.saturating_add(1)..)?;
        let Some((program, _)) = program_of(inside) else { continue };
        let Some(download) = known(DOWNLOADS, program) else { continue };
        let opened = before.trim_end_matches(['$', '"', '\'', '<']);
        if opened.len() == before.len() && !inside.starts_with(' ') && !command.get(at..)?.starts_with('`') {
            continue; // a subshell
        }
        let last = opened.rsplit(['\n', ';', '&', '|', '(']).next().unwrap_or_default();
        let words: Vec<&str> = last.split_whitespace().collect();
        let (Some(first), Some(end)) = (program_of(last).map(|(program, _)| program), words.last()) else { continue };
        let is_input = before.ends_with('<');
        let shell = known(SHELLS, first);
        match (shell, first) {
            (Some(shell), _) if is_input || end.starts_with('-') && end.contains('c') => {
                return Some((download, shell));
            }
            (None, "eval") => return Some((download, "eval")),
            (None, "source" | ".") if is_input => return Some((download, "source")),
            _ => {}
        }
    }
    None
}

/// Whether some `apt-get install` or `apt install` of the command takes what is recommended.
fn installs_recommends(command: &str) -> bool {
    command.split(['\n', ';', '&', '|']).any(|part| {
        let Some((program, arguments)) = program_of(part) else {
            return false;
        };
        let is_install = matches!(program, "apt-get" | "apt" | "aptitude")
            && arguments.iter().find(|word| !word.starts_with('-')).is_some_and(|word| *word == "install");
        let is_asked_not = arguments.iter().any(|word| {
            *word == "--no-install-recommends"
                || *word == "-R" && program == "aptitude"
                || word.contains("Install-Recommends=") && (word.contains("false") || word.ends_with('0'))
        });
        is_install && !is_asked_not
    })
}

/// Whether the operands of `ADD` are known to be no archive and no address.
fn is_plain_add(operands: &str) -> bool {
    // classic builders give a hash in place of names: of a folder, or of a file that may be an archive
    if operands.starts_with("dir:") {
        return true;
    }
    if operands.starts_with("file:") || operands.starts_with("multi:") || operands.contains("<<") {
        return false;
    }
    let words: Vec<&str> = operands.split_whitespace().filter(|word| !word.starts_with("--")).collect();
    let Some((_, sources)) = words.split_last() else { return false };
    let is_special = |source: &&str| {
        let lower = source.trim_matches(['"', '[', ']', ',']).to_ascii_lowercase();
        let endings =
            [".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2", ".tbz", ".zst", ".tzst", ".lz", ".lzma", ".git"];
        lower.contains("://")
            || lower.starts_with("git@")
            || endings.iter().any(|ending| lower.ends_with(ending))
            || lower.contains(['*', '?', '$'])
    };
    !sources.is_empty() && !sources.iter().any(is_special)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn only_what_is_run_unseen_is_a_piped_script() {
        for loud in [
            "curl -fsSL https://x.example/i.sh | sh",
            "set -e; curl -sL https://x.example/setup | sudo -E bash -",
            "apt-get update && wget -qO- https://x.example | FOO=1 bash -s -- -y",
            "curl https://x.example | python3 -",
            "curl https://x.example | python3",
            "curl https://x.example | gunzip | sh",
            "bash <(curl -s https://x.example)",
            "sh -c \"$(curl -fsSL https://x.example)\"",
            "eval \"$(wget -qO- https://x.example)\"",
            "(curl https://x.example | sh)",
            "curl https://x.example | /bin/bash -x > /tmp/log",
            "source <(curl -s https://x.example)",
            "curl -fsSL https://x.example/i > i.sh && sh i.sh",
            "curl -fsSL https://x.example/i >/tmp/i; bash -x /tmp/i --yes",
            "curl -o i.sh https://x.example && sh i.sh",
            "curl -fsSLo /tmp/i.sh https://x.example && cd /tmp && chmod +x i.sh && ./i.sh -y && rm i.sh",
            "curl -sSLO https://x.example/i.sh && bash ./i.sh",
            "curl --output=i https://x.example; . ./i",
            "wget -q https://x.example/get-pip.py && python3 get-pip.py",
            "wget -qO /tmp/i https://x.example && sh /tmp/i",
        ] {
            assert!(piped_script(loud).is_some(), "{loud}");
            for builder in ["/bin/sh -c ", "|1 A=b /bin/bash -o pipefail -c ", "/bin/ash -eo pipefail -c "] {
                assert!(piped_script(without_shell(&format!("{builder}{loud}"))).is_some(), "{builder}{loud}");
            }
        }
        for quiet in [
            "curl https://x.example | tar -xz",
            "curl https://x.example | python3 -c 'import json'",
            "curl https://x.example | python3 -m json.tool",
            "curl https://x.example | node -e 'x'",
            "curl https://x.example | sha256sum -c && sh x.sh",
            "curl -o i.sh https://x.example || sh fallback.sh",
            "curl -o i.sh https://x.example && echo '00  i.sh' | sha256sum -c && sh i.sh",
            "curl -o i.sh https://x.example && [ \"$(sha512sum i.sh)\" = \"00  i.sh\" ] && sh i.sh",
            "curl -o i.sh https://x.example && gpg --verify i.sh.asc i.sh && sh i.sh",
            "curl -o i.tgz https://x.example && tar xf i.tgz && sh i/build.sh",
            "curl -o /usr/bin/tool https://x.example && chmod +x /usr/bin/tool && tool --version",
            "curl https://x.example/i.sh && sh i.sh",
            "curl -o i.sh https://x.example && python3 -c 'import i.sh'",
            "sh i.sh && curl -o i.sh https://x.example",
            "curl https://x.example | bash check.sh",
            "curl https://x.example | jq . | tee x; sh y",
            "VERSION=$(curl https://x.example) && make",
            "echo $(curl https://x.example)",
            "apt-get install -y curl bash | tee log",
            "curl https://x.example | gpg --dearmor",
        ] {
            assert_eq!(piped_script(without_shell(&format!("/bin/sh -c {quiet}"))), None, "{quiet}");
        }
    }

    #[test]
    fn adds_and_recommends_are_told_by_the_step() {
        let steps = r#"{"history":[{"created_by":"/bin/sh -c #(nop) ADD dir:00 in / "},{"created_by":"ADD app /srv/ # buildkit"},
            {"created_by":"ADD a.tar.gz /srv/ # buildkit"},{"created_by":"ADD https://x.example/a /srv/"},{"created_by":"/bin/sh -c #(nop) ADD file:00 in /x "},
            {"created_by":"/bin/sh -c #(nop) ADD dir:00 in /x "},{"created_by":"/bin/sh -c apt-get update && apt-get install -y vim"},
            {"created_by":"RUN /bin/sh -c apt-get install -y --no-install-recommends vim"},{"created_by":"RUN /bin/sh -c apt-get -y install vim"}]}"#;
        assert_eq!(
            shown(&BuildStep, &image(steps)),
            [
                "info image/add-not-copy history 1 created_by: step 1 adds files that `COPY` would copy",
                "info image/add-not-copy history 5 created_by: step 5 adds a folder that `COPY` would copy",
                "info image/recommended-packages history 6 created_by: step 6 runs `apt-get install` without `--no-install-recommends`",
                "info image/recommended-packages history 8 created_by: step 8 runs `apt-get install` without `--no-install-recommends`",
            ]
        );
    }
}
