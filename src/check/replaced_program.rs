//! Programs that are not what their package shipped.

use super::{Check, Context, at};
use crate::finding::{Finding, Findings};
use crate::inventory::{Inventory, Package};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::tree::Node;

/// A program that asks for passwords was replaced.
pub(super) static REPLACED_PROGRAM: Rule = Rule {
    id: "image/replaced-program",
    title: "A program that asks for passwords is not the one its package shipped",
    severity: Severity::High,
    why: "`su`, `sudo`, `login`, `passwd` and `sshd` are given passwords and decide who may become whom. One that is not \
          what the package's list of digests says was changed by hand, or by somebody who wants them.",
    remediation: "Install the package again, or remove it if nothing needs the program. A wrapper of your own belongs to \
                  `/usr/local/bin`.",
    references: &["https://manpages.debian.org/bookworm/debsums/debsums.1.en.html"],
    bad: "COPY sudo /usr/bin/sudo",
    good: "RUN apt-get update && apt-get install -y sudo",
    ..Rule::NEW
};

/// Judges those that have no more rights than their caller; the others are `image/setuid`'s.
pub(super) struct ReplacedProgram;

impl Check for ReplacedProgram {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&REPLACED_PROGRAM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        for node in image.digests.keys() {
            let entry = image.tree.entry(*node);
            let is_privileged = entry.mode & 0o6000 != 0 || entry.capabilities.is_some();
            let Some(path) = image.tree.names_of(*node).next().filter(|_| !is_privileged) else { continue };
            let Some(package) = replaced(image, path, *node) else { continue };
            let message = format!("`{path}` does not hold what its package says it ships");
            let finding = Finding::new(&REPLACED_PROGRAM, path.to_string(), at(path, node.layer), message);
            findings.push(finding.evidence("package", package));
        }
    }
}

/// The package that owns a live file, by any of its names or what they lead to.
pub(super) fn owner_of<'a>(image: &'a Inventory, path: &ImagePath, node: Node) -> Option<&'a Package> {
    let names = || image.tree.names_of(node).chain([path]);
    let mut real = names().filter_map(|name| image.tree.resolve(name)).map(|(real, _)| real);
    let owner =
        names().find_map(|name| image.owned.owner(name)).or_else(|| real.find_map(|real| image.owned.owner(&real)));
    image.packages.get(owner? as usize)
}

/// The package that owns a live file of another content than the package's list states; `None` also where no list is
/// known, or the file was not hashed.
pub(super) fn replaced<'a>(image: &'a Inventory, path: &ImagePath, node: Node) -> Option<&'a str> {
    let content = image.digests.get(&node)?;
    let package = owner_of(image, path, node)?;
    let is_listed = image.tree.names_of(node).chain([path]).any(|name| {
        let folder = image.tree.real_folder(&name.parent());
        image.claims.package(&folder, name.file_name(), content).is_some()
    });
    (!is_listed && image.claims.has_list_of(&package.name)).then_some(package.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, mode, shown};
    use super::*;
    use crate::digest::ContentDigests;
    use crate::inventory::{Claimant, Ecosystem, FileClaims, PackageLocation};

    static APK: Ecosystem = Ecosystem { id: "apk", purl_type: "apk", is_system: true };

    #[test]
    fn only_a_program_of_other_content_is_told() {
        let told =
            "high image/replaced-program /usr/bin/sudo@0: `/usr/bin/sudo` does not hold what its package says it ships";
        let cases: [(u32, &[u8], &str, &[&str]); 4] = [
            (0o755, b"own", "sudo", &[]),
            (0o755, b"other", "sudo", &[told]),
            (0o755, b"other", "without-a-list", &[]),
            (0o4755, b"other", "sudo", &[]),
        ];
        for (bits, content, owner, expected) in cases {
            let node = Node { layer: 0, member: 0 };
            let mut image = layered(vec![vec![mode(file("usr/bin/sudo", 3), bits)]]).owning(&["usr/bin/sudo"]);
            let location = PackageLocation { path: "lib/apk/db/installed".into(), node, added_by: 0, inside: None };
            image.packages.push(Package::new(&APK, owner, "1", "pkg:apk/alpine/sudo@1", location));
            let mut list = FileClaims::default();
            list.add(b"usr/bin/sudo", &ContentDigests::of(b"own").sha1);
            image.claims.add(Claimant::Distribution, "sudo", &list, &ImagePath::root(), ImagePath::clone);
            image.claims.sort();
            image.digests.insert(node, ContentDigests::of(content));
            assert_eq!(shown(&ReplacedProgram, &image), expected, "{owner}");
        }
    }
}
