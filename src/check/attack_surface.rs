//! Programs that help whoever got into a container: lists for those who want images without them.

use std::collections::BTreeMap;

use super::{Check, Context, at, some_of};
use crate::finding::{Finding, Findings};
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::tree::Node;

/// A shell is there.
pub(super) static SHELL: Rule = Rule {
    id: "image/shell",
    title: "The image has a shell",
    severity: Severity::Info,
    is_opt_in: true,
    why: "A flaw that lets somebody run a command mostly needs a shell to run it in. Most images have one for good reason, \
          so the rule is off unless a policy names it.",
    remediation: "Build the last stage on `scratch` or a distroless base, and give `ENTRYPOINT` in its JSON form.",
    references: &["https://github.com/GoogleContainerTools/distroless"],
    bad: "FROM debian:13-slim\nCOPY server /server",
    good: "FROM scratch\nCOPY server /server",
    ..Rule::NEW
};

/// A package manager is there.
pub(super) static PACKAGE_MANAGER: Rule = Rule {
    id: "image/package-manager",
    title: "The image has a package manager",
    severity: Severity::Info,
    is_opt_in: true,
    why: "It brings whatever is missing to whoever got in, and changes what was scanned. Most bases have one, so the rule \
          is off unless a policy names it.",
    remediation: "Install in a stage of its own and copy the result into a base without a package manager.",
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    bad: "FROM node:22\nCOPY . /srv",
    good: "FROM node:22 AS build\n…\nFROM gcr.io/distroless/nodejs22\nCOPY --from=build /srv /srv",
    ..Rule::NEW
};

/// A compiler or build tool is there.
pub(super) static TOOLCHAIN: Rule = Rule {
    id: "image/toolchain",
    title: "The image has compilers or build tools",
    severity: Severity::Info,
    is_opt_in: true,
    why: "With a compiler at hand a local flaw of the kernel can be tried out where it matters, and what the build needed \
          is shipped to where nothing is built. The rule is off unless a policy names it.",
    remediation: "Build in a stage of its own and copy the result.",
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    bad: "FROM golang:1.25\nRUN go build -o /server",
    good: "FROM golang:1.25 AS build\nRUN go build -o /server\nFROM scratch\nCOPY --from=build /server /server",
    ..Rule::NEW
};

/// Tools of the network are there.
pub(super) static NETWORK_TOOL: Rule = Rule {
    id: "image/network-tool",
    title: "The image has tools to reach or watch the network",
    severity: Severity::Info,
    is_opt_in: true,
    why: "They fetch further tools, open connections back, and show what passes by. Health checks and start scripts use \
          some, so the rule is off unless a policy names it.",
    remediation: "Leave them out of the last stage; look into a container with `docker debug` or `kubectl debug`.",
    references: &["https://kubernetes.io/docs/tasks/debug/debug-application/debug-running-pod/#ephemeral-container"],
    bad: "RUN apt-get install -y curl netcat-openbsd tcpdump",
    good: "# kubectl debug --image=busybox …",
    ..Rule::NEW
};

/// The kinds, with the names of their programs without a version behind them.
static KINDS: &[(&Rule, &str, &[&str])] = &[
    (
        &NETWORK_TOOL,
        "tools for the network",
        &[
            "aria2c", "curl", "dig", "ftp", "nc", "ncat", "netcat", "nmap", "rsync", "scp", "socat", "ssh", "strace",
            "tcpdump", "telnet", "tshark", "wget",
        ],
    ),
    (
        &PACKAGE_MANAGER,
        "package managers",
        &[
            "apk", "apt", "apt-get", "brew", "bundle", "cargo", "composer", "conda", "dnf", "dpkg", "gem", "mamba",
            "microdnf", "npm", "opkg", "pacman", "pip", "pipx", "pnpm", "poetry", "rpm", "tdnf", "uv", "yarn", "yum",
            "zypper",
        ],
    ),
    (
        &SHELL,
        "shells",
        &["ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "pwsh", "sh", "tcsh", "yash", "zsh"],
    ),
    (
        &TOOLCHAIN,
        "compilers or build tools",
        &[
            "as",
            "bazel",
            "c++",
            "cc",
            "clang",
            "cmake",
            "g++",
            "gcc",
            "gdb",
            "gfortran",
            "go",
            "gradle",
            "javac",
            "ld",
            "make",
            "meson",
            "mvn",
            "ninja",
            "rustc",
            "strace",
            "tcc",
            "x86_64-linux-gnu-gcc",
            "aarch64-linux-gnu-gcc",
        ],
    ),
];

/// Folders where programs of images are.
const FOLDERS: &[&str] = &[
    "",
    "bin",
    "sbin",
    "usr/bin",
    "usr/sbin",
    "usr/local/bin",
    "usr/local/sbin",
    "usr/local/go/bin",
    "usr/local/cargo/bin",
    "opt/conda/bin",
    "root/.cargo/bin",
    "root/.local/bin",
    "busybox",
];

/// Programs that the evidence lists.
const LISTED: usize = 200;

/// Looks for the programs under their live names.
pub(super) struct AttackSurface;

impl Check for AttackSurface {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&NETWORK_TOOL, &PACKAGE_MANAGER, &SHELL, &TOOLCHAIN] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut found: BTreeMap<usize, Vec<(ImagePath, u32)>> = BTreeMap::new();
        for folder in FOLDERS {
            // `bin` is a link where the system is merged, and then listed as `usr/bin`
            let folder = ImagePath::from(*folder);
            for (path, node) in image.tree.children(&folder) {
                let name = String::from_utf8_lossy(path.file_name());
                let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
                let is_it = |names: &[&str]| names.contains(&name.as_ref()) || names.contains(&bare);
                for (index, (_, _, names)) in KINDS.iter().enumerate() {
                    if is_it(names) && is_program(image, &path) {
                        found.entry(index).or_default().push((path.clone(), node.layer));
                    }
                }
            }
        }
        for (index, paths) in found {
            let (Some((rule, what, _)), Some((first, layer))) = (KINDS.get(index), paths.first()) else { continue };
            let names: Vec<String> = paths.iter().map(|(path, _)| format!("`{path}`")).collect();
            let message = format!("has {what}: {}", some_of(&names, 5));
            let listed: Vec<String> = paths.iter().take(LISTED).map(|(path, _)| path.to_string()).collect();
            findings.push(Finding::new(rule, *what, at(first, *layer), message).evidence("paths", listed));
        }
    }
}

fn is_program(image: &Inventory, path: &ImagePath) -> bool {
    let is_it = |node: Node| image.tree.entry(node).is_file() && image.tree.entry(node).mode & 0o111 != 0;
    image.tree.resolve(path).is_some_and(|(_, node)| is_it(node))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, shown};
    use super::*;
    use crate::tree::{FileEntry, FileKind};

    #[test]
    fn programs_are_listed_by_kind() {
        let program = |path: &str| mode(file(path, 9), 0o755);
        let link = FileEntry { kind: FileKind::Symlink(Box::from(&b"dash"[..])), ..file("usr/bin/sh", 0) };
        let dangling = FileEntry { kind: FileKind::Symlink(Box::from(&b"none"[..])), ..file("usr/bin/zsh", 0) };
        let image = layered(vec![vec![
            program("usr/bin/dash"),
            link,
            dangling,
            program("usr/bin/gcc-12"),
            program("usr/bin/pip3.11"),
            file("usr/bin/curl", 9),
            program("srv/bash"),
        ]]);
        assert_eq!(
            shown(&AttackSurface, &image),
            [
                "info image/package-manager /usr/bin/pip3.11@0: has package managers: `/usr/bin/pip3.11`",
                "info image/shell /usr/bin/dash@0: has shells: `/usr/bin/dash`, `/usr/bin/sh`",
                "info image/toolchain /usr/bin/gcc-12@0: has compilers or build tools: `/usr/bin/gcc-12`",
            ]
        );
    }

    #[test]
    fn names_are_sorted_by_rule() {
        assert!(KINDS.is_sorted_by(|a, b| a.0.id < b.0.id));
    }
}
