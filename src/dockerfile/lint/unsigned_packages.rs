//! Packages that are installed whoever signed them: apt-get(8), sources.list(5), apk(8), dnf(8), rpm(8), zypper(8),
//! pacman.conf(5).

use super::facts::quoted;
use super::manager::{Manager, request};
use super::settings::written;
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word};
use crate::dockerfile::{Kind, Span};
use crate::finding::Findings;
use crate::rule::Rule;

/// Nobody asks who signed.
pub(super) static UNSIGNED_PACKAGES: Rule = Rule {
    id: "dockerfile/unsigned-packages",
    title: "Packages are installed without a look at their signature",
    why: "Whoever answers for the source, or stands between it and the build, decides what is installed as root. A setting \
          that stays in the image does the same to each image that is built on this one.",
    remediation: "Add the source's key: a file under `/etc/apt/keyrings` with `signed-by`, `/etc/apk/keys`, `gpgkey=` in \
          the list of `dnf` or `zypper`. For a single file, check a digest you have on record.",
    references: &[
        "https://manpages.debian.org/bookworm/apt/sources.list.5.en.html",
        "https://dnf.readthedocs.io/en/latest/conf_ref.html",
    ],
    bad: "FROM debian:13\nRUN apt-get install -y --allow-unauthenticated nginx\nUSER 65532",
    good: "FROM debian:13\nCOPY own.asc /etc/apt/keyrings/\nRUN echo 'deb [signed-by=/etc/apt/keyrings/own.asc] https://packages.example/ stable main' > /etc/apt/sources.list.d/own.list\nUSER 65532",
    ..Rule::NEW
};

/// Looks at flags of package managers, and at settings that are written.
pub(super) struct UnsignedPackages;

impl Lint for UnsignedPackages {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNSIGNED_PACKAGES] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut tell = |span: Span, what: &str, whose: &str| {
            let message = format!("`{}` installs packages {whose}", quoted(what));
            findings.push(context.finding(&UNSIGNED_PACKAGES, span, quoted(what), message));
        };
        for (_, _, calls) in context.calls() {
            for call in calls {
                if let Some(word) = flag(call) {
                    tell(word.span, &word.text, "without a look at their signature");
                }
            }
        }
        for (_, instruction) in context.instructions() {
            if matches!(instruction.kind, Kind::Run(_) | Kind::Copy(_) | Kind::Add(_)) {
                for span in written(context, instruction, SETTINGS) {
                    tell(span, context.file.source(span), "of this source, or of all, whoever signed them");
                }
            }
        }
    }
}

/// The flag of a command that asks for it.
fn flag(call: &Command) -> Option<&Word> {
    let words = call.arguments();
    let word = |texts: &[&str]| words.iter().find(|word| texts.contains(&word.text.as_str()));
    let option = |names: &[&str], values: &[&str]| {
        words.iter().find(|word| {
            let text = word.text.to_ascii_lowercase();
            text.rsplit_once('=').is_some_and(|(left, value)| {
                let value = value.trim_matches('"');
                names.iter().any(|name| left.ends_with(name)) && values.contains(&value)
            })
        })
    };
    if call.name() == "rpm" {
        return word(&["--nosignature", "--nogpg"]);
    }
    match request(call)?.manager {
        Manager::Apt => word(&["--allow-unauthenticated", "--allow-insecure-repositories", "--force-yes"])
            .or_else(|| option(&["allowunauthenticated", "allowinsecurerepositories"], &["true", "yes", "1"])),
        Manager::Apk => word(&["--allow-untrusted"]),
        Manager::Dnf => word(&["--nogpgcheck", "--no-gpgchecks", "--no-gpgcheck"])
            .or_else(|| option(&["=gpgcheck", ".gpgcheck"], &["0", "false", "no"])),
        Manager::Zypper => word(&["--no-gpg-checks", "--no-gpgcheck", "--no-gpgchecks", "-G"]),
        _ => None,
    }
}

/// Settings that files of package managers may hold, in lower case.
const SETTINGS: &[&str] = &[
    "trusted=yes",
    "trusted: yes",
    "allow-insecure=yes",
    "allow-insecure: yes",
    "gpgcheck=0",
    "gpgcheck = 0",
    "allowunauthenticated \"true\"",
    "allowunauthenticated true",
    "allowinsecurerepositories \"true\"",
    "siglevel = never",
    "siglevel=never",
    "siglevel = trustall",
    "siglevel=trustall",
];

#[cfg(test)]
mod tests {
    use super::super::testing::{expect, shown};
    use super::*;

    #[test]
    fn what_asks_for_no_signature_is_found() {
        for (text, what) in [
            ("apt-get install -y --allow-unauthenticated a", "--allow-unauthenticated"),
            ("apt-get -y --force-yes install a", "--force-yes"),
            ("apt-get -o APT::Get::AllowUnauthenticated=true install a", "APT::Get::AllowUnauthenticated=true"),
            ("apk add --allow-untrusted a.apk", "--allow-untrusted"),
            ("yum install -y --nogpgcheck a", "--nogpgcheck"),
            ("dnf install -y --setopt=gpgcheck=0 a", "--setopt=gpgcheck=0"),
            ("dnf install -y --setopt=own.gpgcheck=0 a", "--setopt=own.gpgcheck=0"),
            ("rpm -i --nosignature a.rpm", "--nosignature"),
            ("zypper --no-gpg-checks in a", "--no-gpg-checks"),
            ("echo 'deb [trusted=yes] https://a.example ./' > /etc/apt/sources.list.d/a.list", "trusted=yes"),
            ("printf '[a]\\ngpgcheck=0\\n' > /etc/yum.repos.d/a.repo", "gpgcheck=0"),
            ("sed -i 's/gpgcheck=1/gpgcheck=0/' /etc/yum.repos.d/a.repo", "gpgcheck=0"),
            (
                "echo 'APT::Get::AllowUnauthenticated \"true\";' > /etc/apt/apt.conf.d/9",
                "AllowUnauthenticated \"true\"",
            ),
            ("sed -i 's/^SigLevel.*/SigLevel = Never/' /etc/pacman.conf", "SigLevel = Never"),
        ] {
            let found = shown(&UnsignedPackages, &format!("FROM a\nRUN {text}\n"));
            let is_it = matches!(found.as_slice(), [one] if one.contains(what));
            assert!(is_it, "{text}: {found:?}");
        }
    }

    #[test]
    fn others_are_let_be() {
        for text in [
            "apt-get install -y a",
            "apk add --no-cache a",
            "dnf install -y --setopt=install_weak_deps=0 a",
            "echo 'deb [ trusted=yes ] file:///tmp/a ./' > /etc/apt/sources.list.d/a.list",
            "echo 'deb [signed-by=/a.asc] https://a.example ./' > /etc/apt/sources.list.d/a.list",
            "printf '[a]\\ngpgcheck=1\\nrepo_gpgcheck=0\\n' > /etc/yum.repos.d/a.repo",
            "sed -i 's/gpgcheck=0/gpgcheck=1/' /etc/yum.repos.d/a.repo",
            "! grep -r gpgcheck=0 /etc/yum.repos.d",
            "echo --allow-unauthenticated",
        ] {
            let found = shown(&UnsignedPackages, &format!("FROM a\nRUN {text}\n"));
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn findings_are_as_expected() {
        expect(
            &UnsignedPackages,
            &[
                (
                    "FROM a\nCOPY <<EOF /etc/yum.repos.d/a.repo\n[a]\n# gpgcheck=0\ngpgcheck=0\nEOF\n",
                    &[
                        "medium dockerfile/unsigned-packages 5:1-5:11: `gpgcheck=0` installs packages of this source, or of all, whoever signed them",
                    ],
                ),
                (
                    "FROM a\nONBUILD RUN apk add \\\n    --allow-untrusted a.apk\n",
                    &[
                        "medium dockerfile/unsigned-packages 3:5-3:22: `--allow-untrusted` installs packages without a look at their signature",
                    ],
                ),
            ],
        );
    }
}
