//! Ways from a user to root without a password: sudoers(5), doas.conf(5).

use super::{Check, Context, at, line_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};

/// A user becomes root without a password.
pub(super) static SUDO_WITHOUT_PASSWORD: Rule = Rule {
    id: "image/sudo-without-password",
    title: "Users become root without a password",
    severity: Severity::Medium,
    why: "`USER` then keeps nobody from being root: whoever breaks into the process types `sudo`. Only containers with \
          `no-new-privileges` are safe from it.",
    remediation: "Do what needs root in `RUN` steps before `USER`, and leave the line out; `gosu` or `setpriv` step down \
                  from root where a start script needs it.",
    references: &[
        "https://docs.docker.com/build/building/best-practices/#user",
        "https://man7.org/linux/man-pages/man5/sudoers.5.html",
    ],
    bad: "RUN echo 'app ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/app\nUSER app",
    good: "RUN chown -R app /srv/app\nUSER app",
    ..Rule::NEW
};

/// Sudo is there.
pub(super) static SUDO: Rule = Rule {
    id: "image/sudo",
    title: "A program for becoming another user is installed",
    severity: Severity::Info,
    why: "A container runs one process as one user; `sudo` and `doas` are setuid programs that let this user be root, and \
          flaws in them have done so without being asked to.",
    remediation: "Leave the package out; use `gosu`, `su-exec` or `setpriv` where a start script steps down from root.",
    references: &["https://docs.docker.com/build/building/best-practices/#user"],
    also: &["DKL-DI-0001", "DL3004", "DS-0010"],
    bad: "RUN apt-get update && apt-get install -y sudo",
    good: "RUN apt-get update && apt-get install -y gosu",
    ..Rule::NEW
};

/// Where they are installed.
const PROGRAMS: &[&str] = &["usr/bin/sudo", "usr/local/bin/sudo", "usr/bin/doas", "usr/local/bin/doas"];

/// Judges the programs and their settings.
pub(super) struct Sudo;

impl Check for Sudo {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SUDO, &SUDO_WITHOUT_PASSWORD] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let programs = PROGRAMS.iter().filter_map(|path| image.tree.resolve(&ImagePath::from(*path)));
        let program = programs.into_iter().find(|(_, node)| image.tree.entry(*node).is_file());
        let has_program = program.is_some();
        if let Some((path, node)) = program {
            let message = format!("`{path}` is installed");
            findings.push(Finding::new(&SUDO, path.to_string(), at(&path, node.layer), message));
        }
        for file in &image.settings {
            let allows: fn(&str) -> bool = match file.path.as_bytes() {
                b"etc/doas.conf" => is_open_doas,
                b"etc/sudoers" => is_open_sudoers,
                // sudo passes over names with a dot and backups
                path if path.starts_with(b"etc/sudoers.d/")
                    && !file.path.file_name().contains(&b'.')
                    && !path.ends_with(b"~") =>
                {
                    is_open_sudoers
                }
                _ => continue,
            };
            for line in file.lines.iter().filter(|line| allows(&line.text)) {
                let who = escape(line.text.split_whitespace().next().unwrap_or_default());
                let message = format!("`{}` lets `{who}` run commands as root without a password", file.path);
                let place = line_of(&file.path, file.node.layer, line.number);
                let mut finding = Finding::new(&SUDO_WITHOUT_PASSWORD, format!("{} {who}", file.path), place, message);
                if !has_program {
                    finding.severity = Severity::Info;
                    finding.message.push_str(", once a program reads it");
                }
                findings.push(finding);
            }
        }
    }
}

/// `app ALL=(ALL) NOPASSWD: ALL`, `Defaults !authenticate`.
fn is_open_sudoers(line: &str) -> bool {
    // root needs none anyway
    let is_root = line.split_whitespace().next() == Some("root");
    let is_default = line.starts_with("Defaults");
    !is_root
        && (!is_default && line.contains('=') && line.contains("NOPASSWD")
            || is_default && line.contains("!authenticate"))
}

/// `permit nopass app`.
fn is_open_doas(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("permit") && words.take_while(|word| *word != "cmd").any(|word| word == "nopass")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, shown};
    use super::*;
    use crate::inventory::{SettingFile, SettingLine};
    use crate::tree::Node;

    #[test]
    fn lines_that_ask_for_no_password_are_found() {
        let cases = [
            ("etc/sudoers", "app ALL=(ALL) NOPASSWD: ALL", 1),
            ("etc/sudoers", "%sudo ALL=(ALL:ALL) NOPASSWD:ALL", 1),
            ("etc/sudoers", "%sudo ALL=(ALL:ALL) ALL", 0),
            ("etc/sudoers", "root ALL=(ALL) NOPASSWD: ALL", 0),
            ("etc/sudoers", "Defaults !authenticate", 1),
            ("etc/sudoers", "Defaults:app !authenticate", 1),
            ("etc/sudoers", "Defaults env_reset", 0),
            ("etc/sudoers.d/app", "app ALL=NOPASSWD: /bin/systemctl", 1),
            ("etc/sudoers.d/app.bak", "app ALL=NOPASSWD: ALL", 0),
            ("etc/doas.conf", "permit nopass app", 1),
            ("etc/doas.conf", "permit persist app", 0),
            ("etc/apt/apt.conf", "app ALL=NOPASSWD: ALL", 0),
        ];
        for (path, text, count) in cases {
            let mut image = layered(vec![vec![mode(file("usr/bin/sudo", 9), 0o4755)]]);
            let lines = vec![SettingLine { number: 4, text: text.into() }];
            image.settings = vec![SettingFile { path: path.into(), node: Node { layer: 0, member: 0 }, lines }];
            let found = shown(&Sudo, &image);
            assert_eq!(found.len(), 1 + count, "{path}: {text}");
            image.tree = layered(vec![vec![file("x", 1)]]).tree;
            assert!(shown(&Sudo, &image).iter().all(|found| found.starts_with("info ")), "{path}: {text}");
        }
    }
}
