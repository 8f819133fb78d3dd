//! Links that lead nowhere.

use super::{Check, Context, at, count, is_packaged, some_of};
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::tree::FileKind;

/// Links lead nowhere.
pub(super) static DANGLING_LINK: Rule = Rule {
    id: "image/dangling-link",
    title: "Links lead nowhere",
    severity: Severity::Info,
    is_opt_in: true,
    why: "What a link should have led to was left out or deleted: a command is not found, a setting not read. Whoever may \
          make the missing file decides what is found. Many distributions ship such links, so the rule is off unless a \
          policy names it.",
    remediation: "Copy what the link leads to as well, or delete the link.",
    references: &["https://man7.org/linux/man-pages/man7/symlink.7.html"],
    bad: "COPY --from=build /usr/local/bin/tool /usr/local/bin/\n# a link to ../lib/tool/tool",
    good: "COPY --from=build /usr/local/lib/tool /usr/local/lib/tool\nCOPY --from=build /usr/local/bin/tool /usr/local/bin/",
    ..Rule::NEW
};

/// Where links lead to what exists only while a container runs.
const AT_RUN: &[&[u8]] = &[b"dev", b"proc", b"run", b"sys", b"tmp", b"var/run", b"var/lock"];

/// Links that the evidence lists.
const LISTED: usize = 100;

/// Judges the links that are live and of no package of the system.
pub(super) struct DanglingLink;

impl Check for DanglingLink {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&DANGLING_LINK] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let mut found: Vec<(&ImagePath, u32)> = Vec::new();
        for (path, node) in image.tree.names() {
            let FileKind::Symlink(target) = &image.tree.entry(node).kind else { continue };
            let base = if target.starts_with(b"/") { ImagePath::root() } else { path.parent() };
            let led_to = base.join(target);
            let is_at_run = AT_RUN.iter().any(|folder| led_to.is_under(folder) || path.is_under(folder));
            if !is_at_run && image.tree.resolve_folder(path).is_none() && !is_packaged(image, path, node) {
                found.push((path, node.layer));
            }
        }
        let Some((first, layer)) = found.first().copied() else { return };
        let names: Vec<String> = found.iter().take(LISTED).map(|(path, _)| format!("`{path}`")).collect();
        let number = found.len() as u64;
        let message = match number {
            1 => format!("`{first}` leads nowhere"),
            _ => format!(
                "{} lead nowhere, such as {}",
                count(number, "link"),
                some_of(names.get(..3).unwrap_or(&names), 3)
            ),
        };
        let finding = Finding::new(&DANGLING_LINK, "links", at(first, layer), message)
            .evidence("links", number)
            .evidence("paths", found.iter().take(LISTED).map(|(path, _)| path.to_string()).collect::<Vec<_>>());
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::tree::FileEntry;

    fn link(path: &str, target: &str) -> FileEntry {
        FileEntry { kind: FileKind::Symlink(target.as_bytes().into()), ..file(path, 0) }
    }

    #[test]
    fn links_to_what_comes_at_run_are_fine() {
        let image = layered(vec![vec![
            file("srv/a", 1),
            link("srv/good", "a"),
            link("etc/mtab", "/proc/self/mounts"),
            link("etc/resolv.conf", "../run/x"),
            link("usr/doc", "none"),
            link("srv/bad", "none"),
            link("srv/loop", "loop"),
        ]])
        .owning(&["usr/doc"]);
        assert_eq!(
            shown(&DanglingLink, &image),
            ["info image/dangling-link /srv/bad@0: 2 links lead nowhere, such as `/srv/bad`, `/srv/loop`"]
        );
    }
}
