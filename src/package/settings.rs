//! The system's small settings, of which checks want single lines: sudoers(5), sources.list(5), apt.conf(5), dnf.conf(5),
//! machine-id(5), ld.so(8), sshd(8) for `authorized_keys`, crontab(5), pacman.conf(5), and the settings of programs that
//! download.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::inventory::setting::included_by_sudoers;
use crate::inventory::{Inventory, SettingFile, SettingLine};
use crate::limitation::Limitation;
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::Node;

use super::text::lines;

/// Reads lines of settings; what they mean is for checks to say.
pub(super) struct Settings;

/// Lines taken of one file; the longest real ones have some hundred that are no comments.
const LINES: usize = 2_000;

/// Bytes taken of one line.
const LINE: usize = 1_024;

impl Collector for Settings {
    fn id(&self) -> &'static str {
        "settings"
    }

    fn version(&self) -> u32 {
        4
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Path("etc/sudoers"),
            Select::Path("etc/sudoers.local"),
            Select::Path("usr/local/etc/sudoers"),
            Select::Under("etc/sudoers.d", ""),
            Select::In("sudoers.d", ""),
            Select::Path("etc/doas.conf"),
            Select::Under("etc/doas.d", ".conf"),
            Select::Path("etc/apt/sources.list"),
            Select::Under("etc/apt/sources.list.d", ".list"),
            Select::Under("etc/apt/sources.list.d", ".sources"),
            Select::Path("etc/apt/apt.conf"),
            Select::Under("etc/apt/apt.conf.d", ""),
            Select::Path("etc/yum.conf"),
            Select::Path("etc/dnf/dnf.conf"),
            Select::Under("etc/yum.repos.d", ".repo"),
            Select::Under("etc/zypp/repos.d", ".repo"),
            Select::Path("etc/apk/repositories"),
            Select::Path("etc/machine-id"),
            Select::Path("var/lib/dbus/machine-id"),
            Select::Path("etc/ld.so.preload"),
            Select::Path("etc/ld.so.conf"),
            Select::Under("etc/ld.so.conf.d", ".conf"),
            Select::Suffix("/.ssh/authorized_keys"),
            Select::Suffix("/.ssh/authorized_keys2"),
            // a link may stand for the home, too
            Select::Path("root/.ssh/authorized_keys"),
            Select::Path("root/.ssh/authorized_keys2"),
            Select::Path("etc/dropbear/authorized_keys"),
            Select::Path("etc/crontab"),
            Select::Under("etc/cron.d", ""),
            Select::Under("etc/crontabs", ""),
            Select::Under("var/spool/cron", ""),
            Select::Under("var/spool/cron/crontabs", ""),
            Select::Under("var/spool/cron/tabs", ""),
            Select::Path("etc/pacman.conf"),
            Select::Path("etc/wgetrc"),
            Select::Path("etc/gitconfig"),
            Select::Path("etc/gemrc"),
            Select::Name("pip.conf"),
            Select::Name(".npmrc"),
            Select::Name("npmrc"),
            Select::Name(".yarnrc"),
            Select::Name(".yarnrc.yml"),
            Select::Name(".gemrc"),
            Select::Name(".curlrc"),
            Select::Name("curlrc"),
            Select::Name(".wgetrc"),
            Select::Name(".gitconfig"),
            Select::Suffix("/.config/git/config"),
            Select::Suffix("/.git/config"),
            Select::Name(".condarc"),
            Select::Name("condarc"),
        ]
    }

    /// The largest seen in practice are below 100 KiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(4))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut taken = 0usize;
        let mut is_after_blank = false;
        let is_sudoers = file.path.as_bytes().windows(7).any(|part| part == b"sudoers");
        let is_client = CLIENTS.iter().any(|name| file.path.file_name() == name.as_bytes());
        for (number, line) in lines(file.bytes) {
            let is_indented = line.first().is_some_and(u8::is_ascii_whitespace);
            let line = line.trim_ascii();
            // apt's own comments begin with slashes; in sudoers a user may be given as `#1000`, and `#include` is none
            let is_comment = match line {
                [b'#', rest @ ..] if is_sudoers && rest.starts_with(b"include") => false,
                [b'#', rest @ ..] => !rest.first().is_some_and(u8::is_ascii_digit),
                _ => line.starts_with(b"//"),
            };
            is_after_blank |= line.is_empty();
            // beside these stand passwords and tokens, which nobody here asks for
            if line.is_empty() || is_comment || is_client && !is_wanted_of_client(line) {
                continue;
            }
            if taken == LINES {
                facts.push(Fact::Gap(
                    format!("it has more than {LINES} lines of settings; the rest was not read").into(),
                ));
                return;
            }
            taken = taken.saturating_add(1);
            let text = String::from_utf8_lossy(line.get(..LINE).unwrap_or(line)).into();
            facts.push(Fact::SettingLine(Box::new(SettingLine { number, text, is_indented, is_after_blank })));
            is_after_blank = false;
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        // also the files without such lines: to be empty may be what matters
        let mut files: BTreeMap<&ImagePath, SettingFile> = view
            .selected
            .iter()
            .map(|(path, node)| (path, SettingFile { path: path.clone(), node: *node, lines: Vec::new() }))
            .collect();
        for (path, _, fact) in view.live() {
            match fact {
                Fact::SettingLine(line) => {
                    if let Some(file) = files.get_mut(path) {
                        file.lines.push(SettingLine::clone(line));
                    }
                }
                Fact::Gap(what) => {
                    inventory.limitations.push(
                        Limitation::gap("settings-cut", path.to_string(), what.to_string())
                            .help("look at the file by hand: no real one is known to be that long"),
                    );
                }
                _ => {}
            }
        }
        inventory.settings = files.into_values().collect();
        inventory.limitations.extend(unread_includes(view, &inventory.settings));
    }
}

/// Names of settings of programs that download.
const CLIENTS: &[&str] = &[
    ".condarc",
    ".curlrc",
    ".gemrc",
    ".gitconfig",
    ".npmrc",
    ".wgetrc",
    ".yarnrc",
    ".yarnrc.yml",
    "condarc",
    "config",
    "curlrc",
    "gemrc",
    "gitconfig",
    "npmrc",
    "pip.conf",
    "wgetrc",
];

/// What lines of those are kept for.
const WANTED: &[&str] = &[
    "-k",
    "[",
    "certificate",
    "channel",
    "find-links",
    "host",
    "http:",
    "index",
    "insecure",
    "registry",
    "sources",
    "ssl",
];

fn is_wanted_of_client(line: &[u8]) -> bool {
    let line = line.to_ascii_lowercase();
    let holds = |word: &str| line.windows(word.len()).any(|part| part == word.as_bytes());
    WANTED.iter().any(|word| holds(word)) && !["auth", "token", "passw"].iter().any(|word| holds(word))
}

/// Files that sudoers includes and that are in places where none are looked for.
fn unread_includes(view: &View<'_>, settings: &[SettingFile]) -> Vec<Limitation> {
    let is_read = |node: Node| settings.iter().any(|file| file.node == node);
    let is_file = |node: Node| view.tree.entry(node).is_file();
    let mut unread = Vec::new();
    for file in
        settings.iter().filter(|file| file.path.is_under(b"etc/sudoers") || file.path.is_under(b"etc/sudoers.d"))
    {
        for (target, is_folder) in file.lines.iter().filter_map(|line| included_by_sudoers(&line.text)) {
            let is_missed = if is_folder {
                let inside = view.tree.children(&view.tree.real_folder(&target));
                inside.into_iter().any(|(_, node)| is_file(node) && !is_read(node))
            } else {
                view.tree.resolve(&target).is_some_and(|(_, node)| is_file(node) && !is_read(node))
            };
            if is_missed {
                let what = format!("{} includes {target}, which was not read", file.path);
                unread.push(
                    Limitation::gap("sudoers-not-read", target.to_string(), what)
                        .help("look at it by hand, or keep such files in a folder called `sudoers.d`"),
                );
            }
        }
    }
    unread
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn lines_are_taken_of_live_files_without_comments() {
        let image = Image::new()
            .file("etc/sudoers", "# a comment\n\nDefaults env_reset\r\n  app ALL=(ALL) NOPASSWD: ALL\n")
            .file("etc/sudoers.d/gone", "x ALL=ALL\n")
            .file("opt/list", "deb http://deb.example/ x main\n")
            .link("etc/apt/sources.list", "/opt/list")
            .file("etc/apt/sources.list.d/readme.txt", "deb x\n")
            .file("root/.ssh/authorized_keys", "")
            .file("srv/authorized_keys", "ssh-ed25519 AAAA\n")
            .layer()
            .file("etc/sudoers.d/.wh.gone", "");
        let shown: Vec<String> = assemble(&image)
            .settings
            .iter()
            .map(|file| {
                let lines: Vec<String> =
                    file.lines.iter().map(|line| format!("{}:{}", line.number, line.text)).collect();
                format!("{} {}", file.path, lines.join("|"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "/etc/apt/sources.list 1:deb http://deb.example/ x main",
                "/etc/sudoers 3:Defaults env_reset|4:app ALL=(ALL) NOPASSWD: ALL",
                "/root/.ssh/authorized_keys ",
            ]
        );
    }

    #[test]
    fn roots_keys_are_found_behind_links() {
        let image = Image::new()
            .file("srv/keys/mine.pub", "ssh-ed25519 AAAA\n")
            .link("srv/ssh/authorized_keys", "../keys/mine.pub")
            .link("root/.ssh", "/srv/ssh");
        let settings = assemble(&image).settings;
        let shown: Vec<(String, usize)> =
            settings.iter().map(|file| (file.path.to_string(), file.lines.len())).collect();
        assert_eq!(shown, [("/root/.ssh/authorized_keys".to_owned(), 1)]);
    }

    #[test]
    fn blanks_that_mean_something_are_known() {
        let image = Image::new()
            .file("etc/apt/sources.list.d/x.sources", "Types: deb\nURIs:\n# one\n http://x/\n\n# two\nTypes: deb\n")
            .file("etc/sudoers", "#includedir /etc/sudoers.d\n# a comment\n#1000 ALL=ALL\n");
        let shown: Vec<(String, bool, bool)> = assemble(&image)
            .settings
            .iter()
            .flat_map(|file| &file.lines)
            .map(|line| (line.text.to_string(), line.is_indented, line.is_after_blank))
            .collect();
        let of = |text: &str, is_indented, is_after_blank| (text.to_owned(), is_indented, is_after_blank);
        assert_eq!(
            shown,
            [
                of("Types: deb", false, false),
                of("URIs:", false, false),
                of("http://x/", true, false),
                of("Types: deb", false, true),
                of("#includedir /etc/sudoers.d", false, false),
                of("#1000 ALL=ALL", false, false),
            ]
        );
    }

    #[test]
    fn of_programs_that_download_only_lines_without_secrets_are_kept() {
        let image = Image::new()
            .file("root/.npmrc", "strict-ssl=false\n//npm.example/:_authToken=abc\nhttp:_password=abc\ncolor=true\n")
            .file("etc/cron.d/own", "* * * * * root /x\n")
            .file("root/.gemrc", ":sources:\n- http://x.example/\n- https://y.example/\n")
            .file("opt/tabs/root", "@daily /x\n")
            .link("var/spool/cron", "/opt/tabs");
        let shown: Vec<String> = assemble(&image)
            .settings
            .iter()
            .flat_map(|file| file.lines.iter().map(move |line| format!("{} {}", file.path, line.text)))
            .collect();
        assert_eq!(
            shown,
            [
                "/etc/cron.d/own * * * * * root /x",
                "/root/.gemrc :sources:",
                "/root/.gemrc - http://x.example/",
                "/root/.npmrc strict-ssl=false",
                "/var/spool/cron/root @daily /x",
            ]
        );
    }

    #[test]
    fn files_that_sudoers_includes_are_read_or_told() {
        let image = |lines: &str| {
            Image::new()
                .file("etc/sudoers", lines)
                .file("opt/x/sudoers.d/a", "x ALL=ALL\n")
                .file("opt/y/a", "x ALL=ALL\n")
        };
        let cases = [
            ("@includedir /opt/x/sudoers.d\n", 0),
            ("@includedir /opt/y\n", 1),
            ("#include /opt/y/a\n", 1),
            ("@includedir /opt/gone\n@include gone\n", 0),
        ];
        for (lines, count) in cases {
            let inventory = assemble(&image(lines));
            let told = inventory.limitations.iter().filter(|limitation| limitation.code == "sudoers-not-read");
            assert_eq!(told.count(), count, "{lines}");
        }
    }

    #[test]
    fn what_is_too_long_is_told() {
        let inventory = assemble(&Image::new().file("etc/sudoers", "x ALL=ALL\n".repeat(LINES + 1)));
        assert_eq!(inventory.settings.first().map(|file| file.lines.len()), Some(LINES));
        assert!(inventory.limitations.iter().any(|limitation| limitation.code == "settings-cut" && limitation.is_gap));
    }
}
