//! Folders in which programs and libraries are looked for: those that others may write, or that depend on where one is.

use super::{Check, Context, field, line_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, RunUser};
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};
use crate::tree::FileKind;

/// Programs are looked for where others may put them.
pub(super) static UNSAFE_PATH: Rule = Rule {
    id: "image/unsafe-path",
    title: "Programs are looked for in a folder that is not safe",
    severity: Severity::Medium,
    why: "Who may write in a folder of `PATH` decides what a command is: a file `ls` there is run by whoever types `ls`, \
          root too. A relative or empty entry means the folder one happens to be in.",
    remediation: "Keep only folders of root's in `PATH`, each with its whole path, and take the right to write from all \
                  others.",
    references: &["https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html"],
    bad: "ENV PATH=/tmp/bin:$PATH:.",
    good: "ENV PATH=/opt/tool/bin:$PATH",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Libraries are looked for where others may put them.
pub(super) static LIBRARY_PATH: Rule = Rule {
    id: "image/library-path",
    title: "Libraries are looked for in a folder that is not safe",
    severity: Severity::Medium,
    why: "Who may write in a folder where the loader looks for libraries runs code in every program. An empty entry, as \
          `/opt/lib:$LD_LIBRARY_PATH` leaves it while the variable is not set, means the folder one happens to be in.",
    remediation: "Write `${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}` to add what was there before, or name the folder in \
                  `/etc/ld.so.conf.d` and run `ldconfig`.",
    references: &["https://man7.org/linux/man-pages/man8/ld.so.8.html"],
    bad: "ENV LD_LIBRARY_PATH=/opt/lib:$LD_LIBRARY_PATH",
    good: "ENV LD_LIBRARY_PATH=/opt/lib",
    places: &[Place::Config, Place::File],
    ..Rule::NEW
};

/// Judges `PATH`, `LD_LIBRARY_PATH` and `ld.so.conf`.
pub(super) struct SearchPath;

impl Check for SearchPath {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNSAFE_PATH, &LIBRARY_PATH] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        if let Some(config) = image.config.as_ref().filter(|config| config.os != "windows") {
            for (name, rule) in [("PATH", &UNSAFE_PATH), ("LD_LIBRARY_PATH", &LIBRARY_PATH)] {
                // the last one counts, as for a shell
                let pairs = config.config.env.iter().rev();
                let Some(value) = pairs
                    .filter_map(|pair| pair.split_once('='))
                    .find_map(|(key, value)| (key == name).then_some(value))
                else {
                    continue;
                };
                if value.is_empty() {
                    continue;
                }
                let mut seen = Vec::new();
                for folder in value.split(':') {
                    if !seen.contains(&folder) {
                        seen.push(folder);
                        judge(image, rule, name, field(&format!("Env.{name}")), folder, findings);
                    }
                }
            }
        }
        for file in image.settings.iter().filter(|file| is_loader_setting(&file.path)) {
            for line in &file.lines {
                let words = line.text.split([' ', '\t', ':', ',', '=']).take(1);
                for folder in words.filter(|word| word.starts_with('/')) {
                    let place = line_of(&file.path, file.node.layer, line.number);
                    judge(image, &LIBRARY_PATH, &file.path.to_string(), place, folder, findings);
                }
            }
        }
    }
}

fn is_loader_setting(path: &ImagePath) -> bool {
    path.as_bytes() == b"etc/ld.so.conf" || path.is_under(b"etc/ld.so.conf.d")
}

fn judge(image: &Inventory, rule: &'static Rule, name: &str, place: Location, folder: &str, findings: &mut Findings) {
    let shown = escape(folder);
    let (severity, message) = if folder.is_empty() {
        (Severity::Low, format!("`{name}` has an empty entry, which means the folder the process is in"))
    } else if !folder.starts_with('/') {
        // the loader knows a few variables
        if folder.starts_with('$') && name != "PATH" {
            return;
        }
        if folder.starts_with(['~', '$']) {
            // bash looks in the home folder; other shells and the kernel for a folder of this name where the process is
            (
                Severity::Low,
                format!(
                    "`{name}` has `{shown}`, which most take as it is written: as a folder below the one they are in"
                ),
            )
        } else {
            (Severity::Medium, format!("`{name}` has the relative entry `{shown}`"))
        }
    } else {
        match risk(image, &ImagePath::from(folder)) {
            None => return,
            Some(Risk::Open(path)) => {
                (Severity::Medium, format!("`{name}` has `{shown}`, and every user may write in `{path}`"))
            }
            Some(Risk::Missing(path)) => (
                Severity::Medium,
                format!("`{name}` has `{shown}`, which every user may make, as all may write in `{path}`"),
            ),
            Some(Risk::Owned(uid)) => (
                Severity::Low,
                format!("`{name}` has `{shown}`, which belongs to uid {uid}, while the process is root"),
            ),
        }
    };
    let mut finding = Finding::new(rule, format!("{name} {shown}"), place, message).evidence("folder", shown);
    finding.severity = severity;
    findings.push(finding);
}

/// What is wrong with a folder.
enum Risk {
    /// Every user may write in it, or in a file's place.
    Open(ImagePath),
    /// It is not there, and every user may make it.
    Missing(ImagePath),
    /// It belongs to another user than root, who runs the process.
    Owned(u32),
}

fn risk(image: &Inventory, folder: &ImagePath) -> Option<Risk> {
    if let Some((path, node)) = image.tree.resolve(folder) {
        let entry = image.tree.entry(node);
        if entry.kind != FileKind::Directory {
            return None;
        }
        if entry.mode & 0o002 != 0 {
            return Some(Risk::Open(path));
        }
        let is_root = image.run_user().and_then(RunUser::uid) == Some(0);
        return (is_root && entry.uid != 0).then_some(Risk::Owned(entry.uid));
    }
    if image.tree.resolve_folder(folder).is_some() {
        return None;
    }
    // not there: the nearest folder above that is
    let mut above = folder.parent();
    while !above.is_root() {
        if let Some((path, node)) = image.tree.resolve(&above) {
            let entry = image.tree.entry(node);
            let is_open = entry.kind == FileKind::Directory && entry.mode & 0o002 != 0;
            return is_open.then_some(Risk::Missing(path));
        }
        above = above.parent();
    }
    None
}

/// Whether the file is missing, and every user may make it.
pub(super) fn may_be_made(image: &Inventory, path: &ImagePath) -> bool {
    let is_open = |folder: &ImagePath| matches!(risk(image, folder), Some(Risk::Open(_) | Risk::Missing(_)));
    image.tree.resolve(path).is_none() && is_open(&path.parent())
}

/// Whether every user may change the file, or put another in its place.
pub(super) fn is_open_to_all(image: &Inventory, path: &ImagePath) -> bool {
    let may_write = |path: &ImagePath, bits: u32| {
        image.tree.resolve(path).is_some_and(|(_, node)| image.tree.entry(node).mode & 0o1002 & bits == 0o002)
    };
    // the sticky bit of its folder keeps others from replacing it
    may_write(path, 0o002) || !path.parent().is_root() && may_write(&path.parent(), 0o1002)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, image, layered, mode, shown};
    use super::*;
    use crate::inventory::{SettingFile, SettingLine};
    use crate::tree::{FileEntry, Node};

    fn judged(env: &str, user: &str) -> Vec<String> {
        let mut image = image(&format!(r#"{{"config":{{"User":"{user}","Env":["{env}"]}}}}"#));
        image.tree = layered(vec![vec![
            folder("usr/bin"),
            mode(folder("tmp"), 0o1777),
            FileEntry { uid: 1000, ..folder("home/app/bin") },
            file("implied/bin/x", 1),
        ]])
        .tree;
        shown(&SearchPath, &image)
    }

    #[test]
    fn folders_are_judged_by_who_may_write() {
        let cases = [
            ("PATH=/usr/bin:/implied/bin:/none/bin", "0", ""),
            ("PATH=", "0", ""),
            (
                "PATH=/usr/bin:~/bin:$HOME/bin",
                "0",
                "low image/unsafe-path Env.PATH: `PATH` has `~/bin`, which most take as it is written: as a folder below the one they are in\
                low image/unsafe-path Env.PATH: `PATH` has `$HOME/bin`, which most take as it is written: as a folder below the one they are in",
            ),
            ("LD_LIBRARY_PATH=$ORIGIN/lib", "0", ""),
            (
                "PATH=/tmp",
                "0",
                "medium image/unsafe-path Env.PATH: `PATH` has `/tmp`, and every user may write in `/tmp`",
            ),
            (
                "PATH=/tmp/a/b",
                "7",
                "medium image/unsafe-path Env.PATH: `PATH` has `/tmp/a/b`, which every user may make, as all may write in `/tmp`",
            ),
            (
                "PATH=/home/app/bin",
                "0",
                "low image/unsafe-path Env.PATH: `PATH` has `/home/app/bin`, which belongs to uid 1000, while the process is root",
            ),
            ("PATH=/home/app/bin", "7", ""),
            ("PATH=/usr/bin:.", "0", "medium image/unsafe-path Env.PATH: `PATH` has the relative entry `.`"),
            (
                "LD_LIBRARY_PATH=/usr/lib:",
                "0",
                "low image/library-path Env.LD_LIBRARY_PATH: `LD_LIBRARY_PATH` has an empty entry, which means the folder the process is in",
            ),
        ];
        for (env, user, expected) in cases {
            assert_eq!(judged(env, user).concat(), expected, "{env} {user}");
        }
    }

    #[test]
    fn the_loaders_settings_are_judged_line_by_line() {
        let mut image = layered(vec![vec![mode(folder("srv/lib"), 0o777), folder("usr/lib")]]);
        let line = |number, text: &str| SettingLine { number, text: text.into(), ..SettingLine::default() };
        image.settings = vec![SettingFile {
            path: "etc/ld.so.conf.d/x.conf".into(),
            node: Node { layer: 0, member: 0 },
            lines: vec![line(1, "include /srv/lib/*.conf"), line(2, "/usr/lib"), line(3, "/srv/lib")],
        }];
        assert_eq!(
            shown(&SearchPath, &image),
            [
                "medium image/library-path /etc/ld.so.conf.d/x.conf@0: `/etc/ld.so.conf.d/x.conf` has `/srv/lib`, and every user may write in `/srv/lib`"
            ]
        );
    }
}
