//! Programs and archives that are fetched and used unchecked.

use super::facts::{MOST_LATER, piped, quoted};
use super::piped_script::address;
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Nobody checks what came.
pub(super) static UNVERIFIED: Rule = Rule {
    id: "dockerfile/unverified-download",
    title: "A program is fetched and nothing checks it",
    severity: Severity::Low,
    why: "Whoever controls the server, or the way to it, decides what goes into the image, and a build next \
          month may get another file.",
    remediation: "Check a digest you have on record, `echo \"<sha256> file\" | sha256sum --check`, or a signature; \
          `ADD --checksum=sha256:… URL target` does both in one line.",
    references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    bad: "FROM debian:13\nRUN curl -fsSLo /usr/local/bin/tool https://example.com/tool && chmod +x /usr/local/bin/tool\nUSER 65532",
    good: "FROM debian:13\nADD --checksum=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae --chmod=755 https://example.com/tool /usr/local/bin/\nUSER 65532",
    ..Rule::NEW
};

/// Follows a download to what unpacks, installs or marks it as a program, in a `RUN` with no check of any kind.
pub(super) struct UnverifiedDownload;

impl Lint for UnverifiedDownload {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNVERIFIED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let runs: Vec<_> = context.calls().collect();
        for (nth_run, (_, instruction, calls)) in runs.iter().enumerate() {
            let next = runs.get(nth_run.saturating_add(1)).filter(|(_, next, _)| next.stage == instruction.stage);
            let next = next.map(|(_, _, calls)| *calls).unwrap_or_default();
            if calls.iter().any(|call| CHECKS.contains(&call.name()) || call.name() == "openssl") {
                continue;
            }
            for (nth, call) in calls.iter().enumerate() {
                let Some(url) = address(call) else { continue };
                let later = calls.get(nth.saturating_add(1)..).unwrap_or_default();
                let piped = piped(call, later).any(|next| UNPACKERS.contains(&next.name()));
                let name = target(call, url);
                let used = name.as_deref().is_some_and(|name| {
                    let mut later = later.iter().take(MOST_LATER).chain(next.iter().take(MOST_LATER));
                    later.any(|call| uses(call, name))
                });
                let verified = name.as_deref().is_some_and(|name| verifies(next, name));
                if piped || used && !verified {
                    let message = format!("what `{}` answers is used, and nothing checks it", quoted(&url.text));
                    findings.push(context.finding(&UNVERIFIED, url.span, quoted(&url.text), message));
                }
            }
        }
    }
}

/// Commands that check digests or signatures.
const CHECKS: &[&str] = &[
    "sha256sum",
    "sha512sum",
    "sha384sum",
    "sha224sum",
    "sha1sum",
    "md5sum",
    "b2sum",
    "shasum",
    "sha3sum",
    "rhash",
    "gpg",
    "gpg2",
    "gpgv",
    "cosign",
    "minisign",
    "signify",
    "slsa-verifier",
    "sq",
    "apt-key",
];

/// Commands that unpack or install what they are given.
const UNPACKERS: &[&str] =
    &["tar", "bsdtar", "unzip", "funzip", "gunzip", "gzip", "xz", "unxz", "bunzip2", "zstd", "dpkg", "cpio", "busybox"];

/// The last part of the name under which the file is kept.
fn target(call: &Command, url: &Word) -> Option<String> {
    let last = |text: &str| {
        text.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty() && *name != "-").map(str::to_owned)
    };
    let words = call.arguments();
    let named = words.iter().zip(words.iter().skip(1)).find_map(|(flag, value)| {
        let text = flag.text.as_str();
        let is_curl = call.name() == "curl"
            && (text == "--output" || text.starts_with('-') && !text.starts_with("--") && text.ends_with('o'));
        let is_wget = call.name() == "wget"
            && (text == "--output-document" || text.starts_with('-') && !text.starts_with("--") && text.ends_with('O'));
        (is_curl || is_wget).then(|| value.text.clone())
    });
    let redirected =
        call.redirections.iter().find(|one| one.operator == ">" && one.descriptor.is_none_or(|number| number == 1));
    let named = named.or_else(|| redirected.map(|one| one.target.text.clone()));
    if let Some(named) = named {
        return last(&named);
    }
    let keeps_name = call.name() != "curl" || call.flag(&["-O", "--remote-name"]).is_some();
    keeps_name.then(|| last(url.text.split(['?', '#']).next().unwrap_or_default())).flatten()
}

/// Whether the next `RUN` checks the file: by a digest or a signature that is told together with its name, or by a list of
/// digests or a variable, in which it may stand.
fn verifies(calls: &[Command], name: &str) -> bool {
    let names_it = |word: &Word| word.text.split(|c: char| c == '/' || c.is_whitespace()).any(|part| part == name);
    calls.iter().take(MOST_LATER).filter(|call| CHECKS.contains(&call.name())).any(|call| {
        let words = call.arguments();
        if words.iter().any(names_it) {
            return !call.name().starts_with("gpg")
                || words.iter().any(|word| word.text == "--verify" || call.name() == "gpgv");
        }
        let is_check = call.flag(&["-c", "--check"]).is_some();
        let has_list = call.operands().any(|word| word.text != "-");
        let mut around = calls.iter().take(MOST_LATER).filter(|other| other.pipeline == call.pipeline);
        is_check
            && (has_list || around.any(|other| other.arguments().iter().any(|w| names_it(w) || w.text.contains('$'))))
    })
}

/// Whether a command unpacks, installs or runs the file, or makes it a program.
fn uses(call: &Command, name: &str) -> bool {
    let names_it = |word: &Word| word.text.trim_end_matches('/').rsplit('/').next() == Some(name);
    let has_it = call.operands().any(names_it) || call.arguments().iter().any(names_it);
    let is_user = match call.name() {
        "chmod" => {
            call.operands().next().is_some_and(|mode| mode.text.contains('x') || mode.text.contains(['1', '5', '7']))
        }
        "dpkg" | "rpm" | "install" | "sh" | "bash" | "dash" | "ash" | "zsh" | "source" | "." | "java" => true,
        name => UNPACKERS.contains(&name) || name.starts_with("python"),
    };
    let is_itself =
        call.words.first().is_some_and(names_it) && call.words.first().is_some_and(|word| word.text.contains('/'));
    has_it && is_user || is_itself
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &UnverifiedDownload,
            &[
                (
                    "FROM a\nRUN curl -fsSLo /usr/bin/b https://e.example/b && chmod +x /usr/bin/b\n",
                    &[
                        "low dockerfile/unverified-download 2:28-2:47: what `https://e.example/b` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN wget https://e.example/b.tgz && tar xzf b.tgz && rm b.tgz\n",
                    &[
                        "low dockerfile/unverified-download 2:10-2:33: what `https://e.example/b.tgz` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN curl -L https://e.example/b | tar -xz -C /opt\n",
                    &[
                        "low dockerfile/unverified-download 2:13-2:32: what `https://e.example/b` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN wget https://e.example/b.deb && dpkg -i b.deb\n",
                    &[
                        "low dockerfile/unverified-download 2:10-2:33: what `https://e.example/b.deb` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN curl -fsSL \"$URL\" -o /tmp/b.tgz && tar xf /tmp/b.tgz\nRUN wget -qO- $B | tar xz\n",
                    &[
                        "low dockerfile/unverified-download 2:16-2:22: what `$URL` answers is used, and nothing checks it",
                        "low dockerfile/unverified-download 3:15-3:17: what `$B` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN curl -o ~/m.sh https://e.example/m.sh\nRUN bash ~/m.sh\n",
                    &[
                        "low dockerfile/unverified-download 2:20-2:42: what `https://e.example/m.sh` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN wget https://e.example/m.sh\nRUN bash ./m.sh\nRUN sha256sum /etc/passwd\n",
                    &[
                        "low dockerfile/unverified-download 2:10-2:32: what `https://e.example/m.sh` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN wget https://e.example/b.deb && chmod +x b.deb\nRUN echo 'x c.deb' | sha256sum -c\n",
                    &[
                        "low dockerfile/unverified-download 2:10-2:33: what `https://e.example/b.deb` answers is used, and nothing checks it",
                    ],
                ),
                (
                    "FROM a\nRUN wget https://e.example/b && chmod +x b\nRUN gpg --verify b.asc b\nFROM a\nRUN wget https://e.example/b\nRUN minisign -Vm b -P k && chmod +x b\nFROM a\nRUN wget https://e.example/b && chmod +x b\nRUN echo 'x  b' | sha256sum -c -\nFROM a\nRUN wget https://e.example/b && chmod +x b\nRUN cosign verify-blob --key k b\nFROM a\nRUN wget https://e.example/b\nFROM a\nRUN chmod +x b\n",
                    &[],
                ),
                (
                    "FROM a\nRUN wget https://e.example/b.tgz && echo \"x b.tgz\" | sha256sum -c && tar xzf b.tgz\nRUN curl https://e.example/k | gpg --dearmor > k\nRUN curl -o b.json https://e.example/b.json\nRUN wget https://e.example/b.sh | sh\nRUN apt-get install -y curl tar\n",
                    &[],
                ),
            ],
        );
    }
}
