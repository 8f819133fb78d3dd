//! Ways from a user to root without a password: sudoers(5), doas.conf(5).

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Context, at, line_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::setting::included_by_sudoers;
use crate::inventory::{Inventory, SettingFile};
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
        let sudoers = read_by_sudo(image);
        for file in &image.settings {
            let path = &file.path;
            let is_doas = path.as_bytes() == b"etc/doas.conf"
                || path.parent_bytes() == b"etc/doas.d" && path.as_bytes().ends_with(b".conf");
            let granted: fn(&str) -> Option<Grant> = if is_doas {
                of_doas
            } else if sudoers.contains(path) {
                of_sudoers
            } else {
                continue;
            };
            for (number, line) in joined(file) {
                let Some(Grant { users, target }) = granted(&line) else { continue };
                let who = if users == "ALL" { "every user".to_owned() } else { format!("`{}`", escape(&users)) };
                let message = format!("`{path}` lets {who} run commands {target} without a password");
                let place = line_of(path, file.node.layer, number);
                let subject = format!("{path} {}", escape(&users));
                let mut finding = Finding::new(&SUDO_WITHOUT_PASSWORD, subject, place, message);
                if !has_program {
                    finding.severity = Severity::Info;
                    finding.message.push_str(", once a program reads it");
                }
                findings.push(finding);
            }
        }
    }
}

/// Who may run commands without a password.
struct Grant {
    /// Users and groups; `ALL` are all.
    users: String,
    /// As whom: "as root".
    target: String,
}

const AS_ROOT: &str = "as root";

/// The files that sudo reads: its own, and those that they include.
fn read_by_sudo(image: &Inventory) -> BTreeSet<ImagePath> {
    let files: BTreeMap<&ImagePath, &SettingFile> = image.settings.iter().map(|file| (&file.path, file)).collect();
    let mut read = BTreeSet::new();
    let mut folders = BTreeSet::new();
    let mut targets = vec![(ImagePath::from("etc/sudoers"), false), (ImagePath::from("etc/sudoers.d"), true)];
    while let Some((target, is_folder)) = targets.pop() {
        if is_folder {
            let place = image.tree.real_folder(&target);
            if place != target {
                targets.push((place, true));
            }
            // sudo passes over names with a dot and backups
            let is_read = |path: &ImagePath| {
                path.parent_bytes() == target.as_bytes()
                    && !path.file_name().contains(&b'.')
                    && !path.file_name().ends_with(b"~")
            };
            if folders.insert(target.clone()) {
                let inside = files.range::<&ImagePath, _>(&target..).map(|(path, _)| *path);
                let inside = inside.skip_while(|path| **path == target);
                let inside = inside.take_while(|path| path.as_bytes().starts_with(target.as_bytes()));
                targets.extend(inside.filter(|path| is_read(path)).map(|path| (path.clone(), false)));
            }
        } else if let Some(file) = files.get(&target)
            && read.insert(target)
        {
            targets.extend(joined(file).iter().filter_map(|(_, line)| included_by_sudoers(line)));
        }
    }
    read
}

/// The lines with their numbers; those that end with a backslash go on with the next.
fn joined(file: &SettingFile) -> Vec<(u64, String)> {
    let mut joined: Vec<(u64, String)> = Vec::new();
    let mut next = None;
    for line in &file.lines {
        let (text, goes_on) = line.text.strip_suffix('\\').map_or((&*line.text, false), |text| (text, true));
        let text = text.replace('\t', " ");
        match joined.last_mut() {
            Some((_, whole)) if next == Some(line.number) => {
                whole.push(' ');
                whole.push_str(&text);
            }
            _ => joined.push((line.number, text)),
        }
        next = goes_on.then(|| line.number.saturating_add(1));
    }
    joined
}

/// The parts between separators that are neither quoted, escaped nor in parentheses.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped, mut is_inside) = (false, false, false);
    text.split(move |c: char| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        let is_open = !is_quoted && !is_inside;
        match c {
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => is_inside = true,
            ')' if !is_quoted => is_inside = false,
            _ => {}
        }
        is_open && c == separator
    })
}

/// Splits at the first such separator.
fn parted(text: &str, separator: char) -> Option<(&str, &str)> {
    let before = parts(text, separator).next()?;
    Some((before, text.get(before.len()..)?.strip_prefix(separator)?))
}

/// A name without its quotes and backslashes.
fn plain(name: &str) -> String {
    name.replace(['"', '\\'], "")
}

/// The line up to its comment. `#1000` is a user.
fn without_comment(line: &str) -> &str {
    let mut end = 0usize;
    for part in parts(line, '#') {
        if end > 0 && !part.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        end = end.saturating_add(part.len()).saturating_add(1);
    }
    line.get(..end.saturating_sub(1)).unwrap_or(line).trim()
}

fn is_root(name: &str) -> bool {
    matches!(name, "root" | "#0")
}

/// `app, "%own staff" ALL`: those before the host, but for root, who needs no password anyway.
fn users_of(text: &str) -> Option<String> {
    let mut users = Vec::new();
    for part in parts(text, ',') {
        let mut words = parts(part, ' ').filter(|word| !word.is_empty());
        users.extend(words.next().map(plain).filter(|user| !is_root(user) && !user.starts_with('!')));
        if words.next().is_some() {
            break;
        }
    }
    if users.iter().any(|user| user == "ALL") {
        return Some("ALL".into());
    }
    (!users.is_empty()).then(|| users.join(", "))
}

/// `ALL`, `nobody:nogroup`, `:docker`. `None` for the users themselves.
fn target_of(list: &str) -> Option<String> {
    let (users, groups) = list.split_once(':').unwrap_or((list, ""));
    let (users, groups) = (users.trim(), groups.trim());
    if users.is_empty() {
        return (!groups.is_empty()).then(|| format!("in the group `{}`", escape(plain(groups))));
    }
    let names = || users.split(',').map(|name| plain(name.trim()));
    let is_root_kept = names().any(|name| name.strip_prefix('!').is_some_and(is_root));
    if !is_root_kept && names().any(|name| name == "ALL" || is_root(&name)) {
        return Some(AS_ROOT.into());
    }
    Some(format!("as `{}`", escape(plain(users))))
}

/// `app ALL=(ALL) NOPASSWD: ALL`, `Defaults !authenticate`.
fn of_sudoers(line: &str) -> Option<Grant> {
    let line = without_comment(line);
    if let Some(rest) = line.strip_prefix("Defaults")
        && rest.starts_with([' ', ':', '@', '>', '!'])
    {
        return of_defaults(rest);
    }
    if line.starts_with('@') || line.split(' ').next().is_some_and(|word| word.ends_with("_Alias")) {
        return None;
    }
    let (users, commands) = parted(line, '=')?;
    let target = target_without_password(commands)?;
    Some(Grant { users: users_of(users)?, target })
}

/// `:app !authenticate`, what follows `Defaults`.
fn of_defaults(rest: &str) -> Option<Grant> {
    if !parts(rest, ',').any(|part| part.split(' ').rfind(|word| !word.is_empty()) == Some("!authenticate")) {
        return None;
    }
    let everyone = || "ALL".to_owned();
    if let Some(list) = rest.strip_prefix(':') {
        return Some(Grant { users: users_of(list)?, target: AS_ROOT.into() });
    }
    if let Some(list) = rest.strip_prefix('>') {
        let list = list.trim_start();
        return Some(Grant { users: everyone(), target: target_of(list.split(' ').next().unwrap_or(list))? });
    }
    Some(Grant { users: everyone(), target: AS_ROOT.into() })
}

/// As whom `(ALL) NOPASSWD: /bin/a, !/bin/b` lets commands run without a password: as root, or as the first other.
fn target_without_password(commands: &str) -> Option<String> {
    let mut found: Option<String> = None;
    // each holds for the commands that follow, too
    let mut target = Some(AS_ROOT.to_owned());
    let mut is_open = false;
    for item in parts(commands, ',') {
        let mut rest = item;
        loop {
            rest = rest.trim();
            if let Some((list, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                target = target_of(list);
                rest = after;
            } else if let Some((tag, after)) = tagged(rest) {
                match tag {
                    "NOPASSWD" => is_open = true,
                    "PASSWD" => is_open = false,
                    _ => {}
                }
                rest = after;
            } else if let Some((_, after)) = rest.split_once(' ').filter(|(word, _)| is_option(word)) {
                rest = after;
            } else {
                let is_negated =
                    rest.bytes().take_while(|byte| matches!(byte, b'!' | b' ')).filter(|byte| *byte == b'!');
                let is_negated = is_negated.count() % 2 == 1;
                if is_open
                    && !rest.is_empty()
                    && !is_negated
                    && let Some(target) = &target
                    && (found.is_none() || target == AS_ROOT)
                {
                    found = Some(target.clone());
                }
                // `ALL : host = ALL` begins anew; a digest is written `sha224:word=`
                let more = parted(rest, ':').filter(|(before, _)| !before.starts_with("sha"));
                let Some((_, after)) = more.and_then(|(_, more)| parted(more, '=')) else { break };
                target = Some(AS_ROOT.to_owned());
                is_open = false;
                rest = after;
            }
        }
    }
    found
}

/// `NOPASSWD: ALL`: the tag, and what follows its colon.
fn tagged(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_uppercase() && c != '_')?;
    let (tag, rest) = text.split_at_checked(end)?;
    let is_tag = matches!(
        tag.strip_prefix("NO").unwrap_or(tag),
        "EXEC" | "FOLLOW" | "INTERCEPT" | "LOG_INPUT" | "LOG_OUTPUT" | "MAIL" | "PASSWD" | "SETENV"
    );
    Some((tag, rest.trim_start().strip_prefix(':').filter(|_| is_tag)?))
}

/// `CWD=/srv`
fn is_option(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
}

/// `permit nopass app as root`.
fn of_doas(line: &str) -> Option<Grant> {
    let line = parts(line, '#').next().unwrap_or(line);
    let mut words = parts(line, ' ').filter(|word| !word.is_empty());
    if words.next() != Some("permit") {
        return None;
    }
    let mut is_open = false;
    let users = loop {
        match words.next()? {
            "nopass" => is_open = true,
            "keepenv" | "nolog" | "persist" => {}
            "setenv" => {
                words.find(|word| word.ends_with('}'))?;
            }
            user => break plain(user),
        }
    };
    let target = words.next().filter(|word| *word == "as").and_then(|_| words.next()).and_then(target_of);
    (is_open && !is_root(&users)).then(|| Grant { users, target: target.unwrap_or_else(|| AS_ROOT.into()) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, settings, shown};
    use super::*;

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
            ("etc/sudoers", "app ALL=(ALL) \\\n  NOPASSWD: ALL", 1),
            ("etc/sudoers", "app ALL=(ALL) ALL # not NOPASSWD: ALL", 0),
            ("etc/sudoers", "Cmnd_Alias A=/bin/NOPASSWD", 0),
            ("etc/sudoers", "app ALL=/bin/NOPASSWD", 0),
            ("etc/sudoers", "app ALL=NOPASSWD: !ALL", 0),
            ("etc/sudoers", "app ALL=NOPASSWD: ALL, !/bin/su", 1),
            ("etc/sudoers", "app ALL=NOPASSWD: !/bin/su, PASSWD: ALL", 0),
            ("etc/sudoers", "app ALL=() NOPASSWD: /bin/x", 0),
            ("etc/sudoers.d/a/b", "app ALL=NOPASSWD: ALL", 0),
            ("etc/sudoers.local", "app ALL=NOPASSWD: ALL", 0),
            ("etc/doas.d/app.conf", "permit nopass app", 1),
            ("etc/doas.d/app", "permit nopass app", 0),
            ("etc/doas.conf", "permit \\\nnopass app", 1),
            ("etc/doas.conf", "permit app # nopass", 0),
            ("etc/doas.conf", "permit app cmd nopass", 0),
            ("etc/doas.conf", "permit nopass root", 0),
            ("etc/doas.conf", "permit nopass app", 1),
            ("etc/sudoers", "app ALL=(ALL) NOPASSWD : ALL", 1),
            ("etc/doas.conf", "permit persist app", 0),
            ("etc/apt/apt.conf", "app ALL=NOPASSWD: ALL", 0),
        ];
        for (path, text, count) in cases {
            let mut image = layered(vec![vec![mode(file("usr/bin/sudo", 9), 0o4755)]]);
            image.settings = vec![settings(path, text)];
            let found = shown(&Sudo, &image);
            assert_eq!(found.len(), 1 + count, "{path}: {text}");
            image.tree = layered(vec![vec![file("x", 1)]]).tree;
            assert!(shown(&Sudo, &image).iter().all(|found| found.starts_with("info ")), "{path}: {text}");
        }
    }

    #[test]
    fn users_and_targets_are_told_as_they_are() {
        let cases = [
            ("etc/sudoers", "app ALL=(nobody) NOPASSWD: /bin/x", "lets `app` run commands as `nobody` without"),
            ("etc/sudoers", "app ALL=(nobody) NOPASSWD: /bin/x, (root) /bin/y", "lets `app` run commands as root"),
            ("etc/sudoers", "app ALL=(ALL, !root) NOPASSWD: ALL", "lets `app` run commands as `ALL, !root` without"),
            ("etc/sudoers", "app ALL=(:docker) NOPASSWD: ALL", "lets `app` run commands in the group `docker` without"),
            ("etc/sudoers", "app\tALL=CWD=/srv NOPASSWD:SETENV: ALL", "lets `app` run commands as root"),
            ("etc/sudoers", "app a=ALL : b=(www) NOPASSWD: ALL", "lets `app` run commands as `www` without"),
            ("etc/sudoers", "root, app, %ops ALL=NOPASSWD: ALL", "lets `app, %ops` run commands as root"),
            ("etc/sudoers", "\"own staff\" ALL=NOPASSWD: ALL", "lets `own staff` run commands as root"),
            ("etc/sudoers", "#1000 ALL=NOPASSWD: ALL", "lets `#1000` run commands as root"),
            ("etc/sudoers", "ALL ALL=NOPASSWD: ALL", "lets every user run commands as root"),
            ("etc/sudoers", "Defaults env_reset, !authenticate", "lets every user run commands as root"),
            ("etc/sudoers", "Defaults:app !authenticate", "lets `app` run commands as root"),
            ("etc/sudoers", "Defaults>www !authenticate", "lets every user run commands as `www` without"),
            ("etc/doas.conf", "permit nopass keepenv setenv { A=b -C } :wheel", "lets `:wheel` run commands as root"),
            ("etc/doas.conf", "permit nopass \"app\" as www cmd x", "lets `app` run commands as `www` without"),
        ];
        for (path, text, expected) in cases {
            let mut image = layered(vec![]);
            image.settings = vec![settings(path, text)];
            let found = shown(&Sudo, &image);
            assert!(found.len() == 1 && found.iter().all(|found| found.contains(expected)), "{text}: {found:?}");
        }
    }

    #[test]
    fn included_files_are_read() {
        let open = "app ALL=NOPASSWD: ALL";
        let cases = [
            ("@include /etc/sudoers.d/x.conf", "etc/sudoers.d/x.conf", 1),
            ("#include sudoers.d/x.conf", "etc/sudoers.d/x.conf", 1),
            ("@includedir /opt/own/sudoers", "opt/own/sudoers/x", 1),
            ("@includedir /opt/own/sudoers", "opt/own/sudoers/x.conf", 0),
            ("@includedir /opt/own/sudo", "opt/own/sudoers/x", 0),
            ("@include /etc/sudoers", "etc/sudoers.d/x.conf", 0),
            ("# include sudoers.d/x.conf", "etc/sudoers.d/x.conf", 0),
        ];
        for (line, path, count) in cases {
            let mut image = layered(vec![]);
            image.settings = vec![settings("etc/sudoers", line), settings(path, open)];
            assert_eq!(shown(&Sudo, &image).len(), count, "{line}: {path}");
        }
    }
}
