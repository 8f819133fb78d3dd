//! Keys that let people in: of SSH servers and of those who may log in.

use std::collections::BTreeMap;

use super::{Check, Context, Heap, HiddenBy as _, Matters, at, count, fate, line_of};
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};
use crate::tree::Node;

/// A server's own key is shipped.
pub(super) static SSH_HOST_KEY: Rule = Rule {
    id: "image/ssh-host-key",
    title: "The image ships the keys of an SSH server",
    severity: Severity::Medium,
    why: "Every container of the image answers with the same keys, and whoever can pull the image has them: a server in \
          between cannot be told from the real one.",
    remediation: "Delete the keys in the step that installs the server, `rm -f /etc/ssh/ssh_host_*`, and make them when a \
                  container starts: `ssh-keygen -A`.",
    references: &["https://man7.org/linux/man-pages/man8/sshd.8.html"],
    bad: "RUN apt-get update && apt-get install -y openssh-server",
    good: "RUN apt-get update && apt-get install -y openssh-server && rm -f /etc/ssh/ssh_host_*",
    ..Rule::NEW
};

/// Somebody's key opens every container.
pub(super) static AUTHORIZED_KEYS: Rule = Rule {
    id: "image/authorized-keys",
    title: "The image lets the holders of SSH keys log in",
    severity: Severity::Medium,
    why: "The keys open every container of the image that runs an SSH server, for as long as the image is in use; nobody \
          notices when one of them should no longer be trusted.",
    remediation: "Mount `authorized_keys` where a container needs it, or enter containers with `docker exec`.",
    references: &["https://man7.org/linux/man-pages/man8/sshd.8.html"],
    bad: "COPY authorized_keys /root/.ssh/authorized_keys",
    good: "# docker run -v ./authorized_keys:/root/.ssh/authorized_keys:ro …",
    ..Rule::NEW
};

/// Judges the files of every layer, hidden ones too, and the lines of `authorized_keys`.
pub(super) struct AccessKey;

impl Check for AccessKey {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&AUTHORIZED_KEYS, &SSH_HOST_KEY] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        for file in image.settings.iter().filter(|file| file.path.file_name().starts_with(b"authorized_keys")) {
            let Some(first) = file.lines.first() else { continue };
            let keys = file.lines.len() as u64;
            let message = format!(
                "`{}` lets the {} log in",
                file.path,
                match keys {
                    1 => "holder of 1 key".to_owned(),
                    _ => format!("holders of {keys} keys"),
                }
            );
            let place = line_of(&file.path, file.node.layer, first.number);
            findings.push(Finding::new(&AUTHORIZED_KEYS, file.path.to_string(), place, message).evidence("keys", keys));
        }
        let mut matters = Matters::default();
        for (layer, members) in (0u32..).zip(image.tree.layers()) {
            let mut heaps: BTreeMap<ImagePath, (Heap, Vec<String>)> = BTreeMap::new();
            for (member, entry) in (0u32..).zip(members) {
                if entry.is_file() && entry.size > 0 && is_host_key(&entry.path) {
                    let (heap, names) = heaps.entry(entry.path.parent()).or_default();
                    heap.add(image, Node { layer, member }, entry.size);
                    names.push(entry.path.to_string());
                }
            }
            for (folder, (heap, names)) in heaps {
                let hidden = heap.hidden_by();
                let message =
                    format!("`{folder}` holds {} of an SSH server{}", count(heap.files, "private key"), fate(hidden));
                let mut finding = Finding::new(&SSH_HOST_KEY, folder.to_string(), at(&folder, layer), message)
                    .hidden_by(hidden)
                    .evidence("paths", names);
                matters.give(image, layer, &mut finding);
                finding.is_fixable = true;
                findings.push(finding);
            }
        }
    }
}

fn is_host_key(path: &ImagePath) -> bool {
    let name = path.file_name();
    let is_of = |start: &[u8], end: &[u8]| name.starts_with(start) && name.ends_with(end);
    match path.parent_bytes() {
        b"etc/ssh" => is_of(b"ssh_host_", b"_key"),
        b"etc/dropbear" => is_of(b"dropbear_", b"_host_key"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::inventory::{SettingFile, SettingLine};

    #[test]
    fn host_keys_are_one_finding_for_a_layer() {
        let image = layered(vec![
            vec![
                file("etc/ssh/ssh_host_rsa_key", 9),
                file("etc/ssh/ssh_host_rsa_key.pub", 9),
                file("etc/ssh/ssh_config", 9),
            ],
            vec![
                file("etc/ssh/.wh.ssh_host_rsa_key", 0),
                file("etc/dropbear/dropbear_rsa_host_key", 9),
                file("srv/ssh_host_rsa_key", 9),
            ],
        ]);
        assert_eq!(
            shown(&AccessKey, &image),
            [
                "medium image/ssh-host-key /etc/ssh@0 (deleted): `/etc/ssh` holds 1 private key of an SSH server, deleted in layer 1 but shipped all the same",
                "medium image/ssh-host-key /etc/dropbear@1: `/etc/dropbear` holds 1 private key of an SSH server",
            ]
        );
    }

    #[test]
    fn authorized_keys_without_keys_are_none() {
        let mut image = layered(vec![vec![file("root/.ssh/authorized_keys", 1)]]);
        let mut settings =
            SettingFile { path: "root/.ssh/authorized_keys".into(), node: Node { layer: 0, member: 0 }, lines: vec![] };
        image.settings = vec![settings.clone()];
        assert_eq!(shown(&AccessKey, &image), [""; 0]);
        settings.lines.push(SettingLine { number: 2, text: "ssh-ed25519 AAAA me".into(), ..SettingLine::default() });
        image.settings = vec![settings];
        let told = "`/root/.ssh/authorized_keys` lets the holder of 1 key log in";
        assert_eq!(
            shown(&AccessKey, &image),
            [format!("medium image/authorized-keys /root/.ssh/authorized_keys@0: {told}")]
        );
    }
}
