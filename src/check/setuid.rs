//! Programs that run with other rights than their caller's.

use std::collections::BTreeSet;

use super::replaced_program::{owner_of, replaced};
use super::{Check, Context, at, copies, is_packaged};
use crate::finding::{Finding, Findings};
use crate::inventory::{Inventory, Rights};
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::tree::{FileEntry, FileKind, Node};

/// A setuid or setgid program no package brought.
pub(super) static SETUID: Rule = Rule {
    id: "image/setuid",
    title: "A setuid or setgid program does not belong to a system package",
    severity: Severity::Medium,
    why: "Such a program runs as its owner or group, whoever starts it; one flaw in it makes any user of the container \
          root. The system's own are few and watched by its distribution, others are watched by nobody.",
    remediation: "Take the bits off with `chmod a-s <file>`, or run containers with `no-new-privileges`. Where the program \
                  is not what its package ships, install the package again.",
    references: &[
        "https://man7.org/linux/man-pages/man7/inode.7.html",
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ],
    also: &["CIS-DI-0008"],
    bad: "COPY --chmod=4755 helper /usr/local/bin/helper",
    good: "COPY --chmod=755 helper /usr/local/bin/helper",
    ..Rule::NEW
};

/// A program with capabilities no package brought.
pub(super) static FILE_CAPABILITY: Rule = Rule {
    id: "image/file-capability",
    title: "A program with file capabilities does not belong to a system package",
    severity: Severity::Low,
    why: "File capabilities give part of root's power to whoever starts the program. Some, such as binding to port 80, \
          are harmless; others, such as `CAP_SYS_ADMIN` or `CAP_SETUID`, are as good as root, and told as graver.",
    remediation: "Remove them with `setcap -r <file>`; listen on a port above 1023, or grant the capability when the \
                  container starts.",
    references: &["https://man7.org/linux/man-pages/man7/capabilities.7.html"],
    bad: "RUN setcap cap_net_bind_service=+ep /srv/server",
    good: "ENV PORT=8080",
    ..Rule::NEW
};

/// Names the distributions' packages are known to install with these bits. Asked only where nothing
/// is known of ownership.
const KNOWN: &[&str] = &[
    "at",
    "bbsuid",
    "bwrap",
    "chage",
    "chfn",
    "chrome-sandbox",
    "chsh",
    "crontab",
    "dbus-daemon-launch-helper",
    "doas",
    "dumpcap",
    "exim4",
    "expiry",
    "fusermount",
    "fusermount3",
    "gpasswd",
    "locate",
    "mlocate",
    "mount",
    "mount.cifs",
    "mount.nfs",
    "mtr-packet",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "pam_timestamp_check",
    "passwd",
    "ping",
    "ping6",
    "pkexec",
    "plocate",
    "polkit-agent-helper-1",
    "postdrop",
    "postqueue",
    "pppd",
    "sg",
    "ssh-agent",
    "ssh-keysign",
    "staprun",
    "su",
    "sudo",
    "sudoedit",
    "traceroute6",
    "umount",
    "umount.nfs",
    "unix_chkpwd",
    "unix2_chkpwd",
    "userhelper",
    "usernetctl",
    "utempter",
    "wall",
    "write",
];

/// Folders distributions install programs into.
const SYSTEM_FOLDERS: &[&[u8]] =
    &[b"bin", b"sbin", b"usr/bin", b"usr/sbin", b"lib", b"lib64", b"usr/lib", b"usr/lib64", b"usr/libexec"];

/// Shells, interpreters and tools that run or write whatever they are told: none is ever shipped with
/// these bits, so that even a package's own file must have been changed.
const NEVER: &[&str] = &[
    "ash", "awk", "bash", "busybox", "cat", "chmod", "chown", "cp", "curl", "dash", "dd", "docker", "env", "find",
    "gawk", "gdb", "ksh", "less", "lua", "mawk", "more", "mv", "nano", "node", "nmap", "perl", "php", "python", "ruby",
    "sed", "sh", "socat", "tar", "tee", "vi", "vim", "wget", "zsh",
];

/// Judges the permission bits of what is live.
pub(super) struct Setuid;

impl Check for Setuid {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SETUID, &FILE_CAPABILITY] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        for (path, node) in image.tree.names() {
            let entry = image.tree.entry(node);
            let bits = bits_of(entry);
            if bits.is_none() && entry.capabilities.is_none() || !entry.is_file() {
                continue;
            }
            // hard links are one program
            if image.tree.names_of(node).next().is_some_and(|first| first != path) {
                continue;
            }
            let location = || at(path, node.layer);
            let why = || {
                let loud = why_loud(image, path, node, |lower| lower.mode & 0o6000 != 0);
                loud.or_else(|| is_without_bits(image, path, node).then_some(ADDED))
            };
            if let Some(bits) = bits
                && let Some(reason) = why()
            {
                let message = format!("`{path}` is {bits}{reason}");
                let mut finding = Finding::new(&SETUID, path.to_string(), location(), message)
                    .evidence("mode", format!("{:04o}", entry.mode))
                    .evidence("uid", entry.uid)
                    .evidence("gid", entry.gid);
                if reason != UNOWNED {
                    finding.severity = Severity::High;
                }
                if reason == CHANGED {
                    finding = finding.evidence("package", replaced(image, path, node).unwrap_or_default());
                }
                finding.is_fixable = true;
                findings.push(finding);
            }
            if let Some(capabilities) = entry.capabilities.as_deref()
                && let Some(reason) = why_loud(image, path, node, |lower| lower.capabilities == entry.capabilities)
            {
                let names = capabilities.to_string();
                let what = if names.is_empty() { "file capabilities".into() } else { format!("`{names}`") };
                let mut message = format!("`{path}` has {what}{reason}");
                let as_root = capabilities.as_root();
                let mut finding = Finding::new(&FILE_CAPABILITY, path.to_string(), location(), String::new());
                if !as_root.is_empty() {
                    message.push_str(": as good as being root");
                    finding.severity = if reason == UNOWNED { Severity::Medium } else { Severity::High };
                }
                finding.message = message;
                findings.push(finding.evidence("capabilities", names));
            }
        }
        for (layer, members) in (0u32..).zip(image.tree.layers()) {
            for entry in members {
                findings.extend(by_link(image, layer, entry));
            }
        }
    }
}

/// A hard link whose own header has bits that the file's has not. Engines set the mode of what they link to (moby's
/// and containerd's `handleLChmod`), so the file has them, too; others leave it as it was.
fn by_link(image: &Inventory, layer: u32, entry: &FileEntry) -> Option<Finding> {
    let FileKind::HardLink(target) = &entry.kind else { return None };
    let bits = bits_of(entry)?;
    let node = image.tree.get(&entry.path)?;
    let file = image.tree.entry(node);
    // another member may have taken the name since, or another file of a layer above
    if node.layer > layer || !file.is_file() || file.path == entry.path || bits_of(file) == Some(bits) {
        return None;
    }
    let path = &entry.path;
    let message = format!(
        "`{path}`, a hard link, is stored as {bits}, while the file it names is not; engines that heed it make both so"
    );
    let mut finding = Finding::new(&SETUID, path.to_string(), at(path, layer), message)
        .evidence("mode", format!("{:04o}", entry.mode))
        .evidence("mode_of_file", format!("{:04o}", file.mode))
        .evidence("linked_to", target.to_string())
        .evidence("uid", entry.uid)
        .evidence("gid", entry.gid);
    if image.tree.names_of(node).any(is_never_set) {
        finding.severity = Severity::High;
    }
    finding.confidence = Confidence::Medium;
    finding.is_fixable = true;
    Some(finding)
}

/// Whether nobody ships a program of this name with such bits.
fn is_never_set(path: &ImagePath) -> bool {
    let name = String::from_utf8_lossy(path.file_name());
    NEVER.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')))
}

const UNOWNED: &str = ", and no system package owns it";
const GAINED: &str = ", unlike in a layer below";
const REPLACED: &str = ", and is another one than its package brought in a layer below";
const ADDED: &str = ", which its package ships it without";
const CHANGED: &str = ", and does not hold what its package says it ships";

/// Where package managers but dpkg note what they install.
const DATABASES: &[&[u8]] = &[
    b"lib/apk/db",
    b"usr/lib/apk/db",
    b"usr/lib/opkg",
    b"usr/lib/sysimage/rpm",
    b"usr/share/rpm",
    b"var/db/pkg",
    b"var/lib/opkg",
    b"var/lib/pacman",
    b"var/lib/rpm",
];

/// Which of the bits make a program of it; without a right to execute they mean nothing.
fn bits_of(entry: &FileEntry) -> Option<&'static str> {
    let setuid = entry.mode & 0o4000 != 0 && entry.mode & 0o111 != 0;
    let setgid = entry.mode & 0o2010 == 0o2010;
    match (setuid, setgid) {
        (true, true) => Some("setuid and setgid"),
        (true, false) => Some("setuid"),
        (false, true) => Some("setgid"),
        (false, false) => None,
    }
}

/// Why the program is reported; `None` if it is as its package brought it. `had` says whether a lower copy was so, too.
fn why_loud(image: &Inventory, path: &ImagePath, node: Node, had: impl Fn(&FileEntry) -> bool) -> Option<&'static str> {
    if is_never_set(path) {
        return Some(", which no distribution ships it with");
    }
    if !is_owned(image, path, node) {
        return Some(UNOWNED);
    }
    if replaced(image, path, node).is_some() {
        return Some(CHANGED);
    }
    let copies = copies(image, &BTreeSet::from([path]));
    let copies: Vec<(u32, &FileEntry)> = copies.into_values().flatten().filter(|(_, copy)| copy.is_file()).collect();
    // the same file without the bits in a layer below: somebody set them later
    let gained = copies.iter().rev().find(|(layer, _)| *layer < node.layer);
    if gained.is_some_and(|(_, lower)| !had(lower)) {
        return Some(GAINED);
    }
    let mut pairs = copies.iter().zip(copies.iter().skip(1));
    let is_replaced = pairs.any(|((below, lower), (above, upper))| {
        below < above && lower.size != upper.size && !is_installed_by(image, path, node, *above)
    });
    is_replaced.then_some(REPLACED)
}

/// Whether the package that owns a file says that it gives it neither bit.
fn is_without_bits(image: &Inventory, path: &ImagePath, node: Node) -> bool {
    owner_of(image, path, node).is_some_and(|package| Rights::are_noted(package.ecosystem))
        && !image.tree.names_of(node).chain([path]).any(|name| image.rights.privileged.contains(name))
}

/// Whether a package manager noted in this layer that it installed the file's package, as far as that can be told.
fn is_installed_by(image: &Inventory, path: &ImagePath, node: Node, layer: u32) -> bool {
    // nothing to compare with where nothing is known of ownership
    let Some(package) = owner_of(image, path, node) else { return true };
    let is_list = |name: &[u8]| {
        name.strip_prefix(package.name.as_bytes()).is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b":"))
    };
    image.tree.layers().get(layer as usize).into_iter().flatten().any(|member| {
        let folder = member.path.parent_bytes();
        folder == b"var/lib/dpkg/info" && is_list(member.path.file_name())
            || folder == b"var/lib/dpkg/status.d"
            || DATABASES.iter().any(|database| member.path.is_under(database))
    })
}

/// Whether a system package owns one of the file's names, or would where nothing is known of ownership.
fn is_owned(image: &Inventory, path: &ImagePath, node: Node) -> bool {
    if image.owned.is_empty() {
        let name = String::from_utf8_lossy(path.file_name());
        return KNOWN.contains(&name.as_ref()) && SYSTEM_FOLDERS.iter().any(|folder| path.is_under(folder));
    }
    is_packaged(image, path, node)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, hard_link, layered, mode, shown};
    use super::*;
    use crate::digest::ContentDigests;
    use crate::inventory::{Claimant, Ecosystem, FileClaims, Package, PackageLocation};
    use crate::tree::Capabilities;

    static DEB: Ecosystem = Ecosystem { id: "deb", purl_type: "deb", is_system: true };

    fn program(path: &str, bits: u32) -> FileEntry {
        mode(file(path, 100), bits)
    }

    #[test]
    fn only_programs_no_package_owns_are_loud() {
        let image = layered(vec![vec![
            program("usr/bin/passwd", 0o4755),
            program("usr/bin/ssh-agent", 0o2755),
            program("usr/local/bin/kelp", 0o4755),
            program("usr/local/bin/ember", 0o2755),
            program("srv/data", 0o4644),
            program("srv/locked", 0o2644),
            mode(folder("srv/shared"), 0o2775),
            program("bin/bash", 0o4755),
        ]])
        .owning(&["usr/bin/passwd", "usr/bin/ssh-agent", "bin/bash"]);
        assert_eq!(
            shown(&Setuid, &image),
            [
                "high image/setuid /bin/bash@0: `/bin/bash` is setuid, which no distribution ships it with",
                "medium image/setuid /usr/local/bin/ember@0: `/usr/local/bin/ember` is setgid, and no system package owns it",
                "medium image/setuid /usr/local/bin/kelp@0: `/usr/local/bin/kelp` is setuid, and no system package owns it",
            ]
        );
    }

    #[test]
    fn bits_set_in_a_later_layer_are_loud_although_a_package_owns_the_file() {
        let image = layered(vec![vec![program("usr/bin/tool", 0o755)], vec![program("usr/bin/tool", 0o4755)]]);
        let image = image.owning(&["usr/bin/tool"]);
        let message = "high image/setuid /usr/bin/tool@1: `/usr/bin/tool` is setuid, unlike in a layer below";
        assert_eq!(shown(&Setuid, &image), [message]);
    }

    #[test]
    fn a_packages_program_that_was_replaced_is_loud() {
        let su = |size: u64| mode(file("usr/bin/su", size), 0o4755);
        let told = "high image/setuid /usr/bin/su@1: `/usr/bin/su` is setuid, and is another one than its package brought in a layer below";
        let info = |name: &str| file(&format!("var/lib/dpkg/info/{name}"), 1);
        let cases: [(Vec<FileEntry>, &[&str]); 6] = [
            (vec![su(101)], &[told]),
            (vec![su(100)], &[]),
            (vec![su(101), info("login-x.list"), file("var/lib/dpkg/status", 1)], &[told]),
            (vec![su(101), info("login.list")], &[]),
            (vec![su(101), info("login:amd64.list")], &[]),
            (vec![su(101), file("var/lib/rpm/rpmdb.sqlite", 1)], &[]),
        ];
        for (upper, expected) in cases {
            let mut image = layered(vec![vec![su(100)], upper]).owning(&["usr/bin/su"]);
            let location = PackageLocation {
                path: "var/lib/dpkg/status".into(),
                node: Node { layer: 0, member: 0 },
                added_by: 0,
                inside: None,
            };
            image.packages.push(Package::new(&DEB, "login", "1", "pkg:deb/debian/login@1", location));
            assert_eq!(shown(&Setuid, &image), *expected);
        }
    }

    #[test]
    fn bits_that_the_package_does_not_give_are_told() {
        static APK: Ecosystem = Ecosystem { id: "apk", purl_type: "apk", is_system: true };
        let told = "high image/setuid /usr/bin/tool@0: `/usr/bin/tool` is setuid, which its package ships it without";
        let cases: [(&'static Ecosystem, bool, &[&str]); 3] =
            [(&APK, false, &[told]), (&APK, true, &[]), (&DEB, false, &[])];
        for (ecosystem, gives_it, expected) in cases {
            let mut image = layered(vec![vec![program("usr/bin/tool", 0o4755)]]).owning(&["usr/bin/tool"]);
            let node = Node { layer: 0, member: 0 };
            let location = PackageLocation { path: "lib/apk/db/installed".into(), node, added_by: 0, inside: None };
            image.packages.push(Package::new(ecosystem, "tool", "1", "pkg:apk/alpine/tool@1", location));
            image.rights.privileged.extend(gives_it.then(|| "usr/bin/tool".into()));
            assert_eq!(shown(&Setuid, &image), expected);
        }
    }

    #[test]
    fn what_the_packages_list_says_of_a_program_decides() {
        /// What the list states, what is there, and what is told.
        type Case<'a> = (Option<&'a [u8]>, &'a [u8], &'a [&'a str]);
        let content = |text: &[u8]| ContentDigests::of(text);
        let told = "high image/setuid /usr/bin/su@0: `/usr/bin/su` is setuid, and does not hold what its package says it ships";
        let cases: [Case<'_>; 3] = [(Some(b"su"), b"su", &[]), (Some(b"su"), b"evil", &[told]), (None, b"evil", &[])];
        for (listed, is, expected) in cases {
            let mut image = layered(vec![vec![program("usr/bin/su", 0o4755)]]).owning(&["usr/bin/su"]);
            let node = Node { layer: 0, member: 0 };
            let location = PackageLocation { path: "var/lib/dpkg/status".into(), node, added_by: 0, inside: None };
            image.packages.push(Package::new(&DEB, "login", "1", "pkg:deb/debian/login@1", location));
            let mut list = FileClaims::default();
            if let Some(listed) = listed {
                list.add(b"bin/su", &content(listed).md5);
                let usr = |_: &ImagePath| ImagePath::from("usr/bin");
                image.claims.add(Claimant::Distribution, "login", &list, &ImagePath::root(), usr);
                image.claims.sort();
            }
            image.digests.insert(node, content(is));
            assert_eq!(shown(&Setuid, &image), expected, "{listed:?}");
        }
    }

    #[test]
    fn without_knowledge_of_ownership_the_known_names_are_quiet() {
        let image =
            layered(vec![vec![program("usr/bin/su", 0o4755), program("opt/su", 0o4755), program("suid", 0o4755)]]);
        let loud: Vec<_> = shown(&Setuid, &image);
        assert_eq!(loud.len(), 2, "{loud:?}");
    }

    #[test]
    fn hidden_programs_and_second_names_are_not_counted() {
        let image = layered(vec![
            vec![program("a", 0o4755), hard_link("b", "a"), program("gone", 0o4755)],
            vec![file(".wh.gone", 0)],
        ]);
        assert_eq!(shown(&Setuid, &image), ["medium image/setuid /a@0: `/a` is setuid, and no system package owns it"]);
    }

    #[test]
    fn capabilities_are_told_apart() {
        let capable = |path: &str, permitted: u64| {
            let capabilities = Capabilities { permitted, inheritable: 0, is_effective: true };
            FileEntry { capabilities: Some(Box::new(capabilities)), ..program(path, 0o755) }
        };
        let image = layered(vec![
            vec![program("usr/bin/tool", 0o755)],
            vec![
                capable("usr/bin/ping", 1 << 13),
                capable("srv/server", 1 << 10),
                capable("srv/root", 1 << 7),
                capable("srv/odd", 0),
                capable("usr/bin/python3.11", 1 << 7),
                capable("usr/bin/tool", 1 << 10),
            ],
        ]);
        assert_eq!(
            shown(&Setuid, &image.owning(&["usr/bin/ping", "usr/bin/python3.11", "usr/bin/tool"])),
            [
                "low image/file-capability /srv/odd@1: `/srv/odd` has file capabilities, and no system package owns it",
                "medium image/file-capability /srv/root@1: `/srv/root` has `cap_setuid+ep`, and no system package owns it: as good as being root",
                "low image/file-capability /srv/server@1: `/srv/server` has `cap_net_bind_service+ep`, and no system package owns it",
                "high image/file-capability /usr/bin/python3.11@1: `/usr/bin/python3.11` has `cap_setuid+ep`, which no distribution ships it with: as good as being root",
                "low image/file-capability /usr/bin/tool@1: `/usr/bin/tool` has `cap_net_bind_service+ep`, unlike in a layer below",
            ]
        );
    }

    #[test]
    fn bits_of_a_links_own_header_are_told() {
        let told = |severity: &str, place: &str| {
            format!(
                "{severity} image/setuid {place}@0: `{place}`, a hard link, is stored as setuid, while the file it names is not; engines that heed it make both so"
            )
        };
        let cases = [
            (vec![program("a", 0o755), mode(hard_link("b", "a"), 0o4755)], vec![told("medium", "/b")]),
            (vec![program("bin/sh", 0o755), mode(hard_link("b", "bin/sh"), 0o4755)], vec![told("high", "/b")]),
            (vec![program("a", 0o755), mode(hard_link("b", "a"), 0o755)], vec![]),
            (vec![program("a", 0o755), mode(hard_link("b", "a"), 0o4644)], vec![]),
            (vec![program("a", 0o755), mode(hard_link("b", "a"), 0o4755), file("b", 1)], vec![]),
        ];
        for (members, expected) in cases {
            assert_eq!(shown(&Setuid, &layered(vec![members])), expected);
        }
        let again =
            |mode_of_all| vec![program("a", mode_of_all), FileEntry { mode: mode_of_all, ..hard_link("b", "a") }];
        let above = layered(vec![again(0o4755), again(0o755)]);
        assert_eq!(shown(&Setuid, &above), [""; 0], "the link of the layer below is a name of nothing any more");
    }
}
