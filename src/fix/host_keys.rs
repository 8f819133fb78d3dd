//! Takes SSH host keys out of every layer (sshd(8), `FILES`).

use crate::finding::{Finding, Location};
use crate::inventory::SecretPlace;
use crate::path::ImagePath;
use crate::rebuild::{Edit, Span};
use crate::tree::{Members, Node, Tree};

use super::drops::Drops;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// SSH host keys.
pub(super) static HOST_KEYS: Fixer = Fixer {
    id: "host-keys",
    group: "secrets",
    title: "SSH host keys",
    rules: &["secret/private-key"],
    does: "Takes `/etc/ssh/ssh_host_*_key` and their public halves out of every layer, base layers too: the key itself must \
           vanish, since with it anybody can pose as any container of the image. `ssh-keygen -A` makes new ones at the start.",
    never: "Never touches keys of users, `known_hosts` and the server's settings.",
    plan,
};

fn is_host_key(path: &ImagePath) -> bool {
    let Some(name) = path.strip_folder(b"etc/ssh") else { return false };
    let name = name.strip_suffix(b".pub").unwrap_or(name);
    name.starts_with(b"ssh_host_") && name.ends_with(b"_key")
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let is_about = |finding: &&Finding| match &finding.location {
        Location::File { path, .. } => is_host_key(path),
        _ => false,
    };
    let findings: Vec<&Finding> = job.findings(HOST_KEYS.rules).filter(is_about).collect();
    if findings.is_empty() {
        return;
    }
    let nodes = keys(&job.image.tree);
    let mut drops = Drops::of(job, &nodes, &is_host_key);
    for edit in &mut drops.edits {
        if let Edit::DropMember { member, secrets, .. } = edit {
            *secrets = spans(job, member.node());
        }
    }
    if let (Some(no), Some(finding)) = (&drops.no, findings.first()) {
        draft.refuse(finding, no.reason.clone(), no.hint.clone());
    }
    draft.propose(Proposal {
        kind: Kind::Remove,
        findings,
        path: "/etc/ssh".into(),
        layer: None,
        before: format!("{} of host keys", drops.heap()),
        after: "gone from every layer".into(),
        safety: Safety::Review,
        risk: Risk::Medium,
        reason: "the server does not start without keys: let its start run `ssh-keygen -A`".into(),
        is_asked: false,
        edits: drops.edits,
    });
}

/// Host keys in all layers, live or not.
fn keys(tree: &Tree) -> Vec<Node> {
    let of_layer = |(layer, members): (u32, &'_ Members)| {
        let keys = (0u32..).zip(members).filter(|(_, entry)| entry.is_file() && is_host_key(&entry.path));
        keys.map(|(member, _)| Node { layer, member }).collect::<Vec<_>>()
    };
    (0u32..).zip(tree.layers()).flat_map(of_layer).collect()
}

/// Where the secrets of a file are.
fn spans(job: &Job<'_>, wanted: Node) -> Vec<Span> {
    let of_secret = |secret: &crate::inventory::Secret| match &secret.place {
        SecretPlace::File { node, path, .. } if *node == wanted && !path.as_bytes().contains(&b'!') => {
            secret.extent().map(|(offset, length)| Span { offset, length })
        }
        _ => None,
    };
    let mut spans: Vec<Span> = job.image.secrets.iter().filter_map(of_secret).collect();
    spans.sort_unstable();
    spans.dedup();
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_keys_are_known_by_their_names() {
        let cases = [
            ("etc/ssh/ssh_host_rsa_key", true),
            ("etc/ssh/ssh_host_ed25519_key.pub", true),
            ("etc/ssh/sshd_config", false),
            ("root/.ssh/id_rsa", false),
            ("srv/etc/ssh/ssh_host_rsa_key", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_host_key(&path.into()), expected, "{path}");
        }
    }
}
