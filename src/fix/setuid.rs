//! Takes setuid and setgid bits off programs.

use crate::finding::{Finding, Location};
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit};
use crate::tree::{FileEntry, FileKind, Node};

use super::guard::No;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal, on_top};

/// Where dpkg notes owners and modes that an upgrade must keep (dpkg-statoverride(1)).
pub(super) const STATOVERRIDE: &str = "var/lib/dpkg/statoverride";

/// Setuid and setgid programs.
pub(super) static SETUID: Fixer = Fixer {
    id: "setuid",
    group: "setuid",
    title: "Setuid and setgid programs",
    rules: &["image/setuid"],
    does: "Takes the bits off programs that no package brought, or that were changed since. The header is changed in the layer \
           that holds it, hard links too; in a layer of the base, a copy on top goes without. `--clear-setid` does the same \
           for every program that fits, packages' own too, and on Debian notes it in dpkg's `statoverride`, so that an \
           upgrade does not bring the bits back.",
    never: "Never touches a program that the image's command names, or that `[fix] keep-setid` lists, nor capabilities of files. \
            Files keep their content, owner and all other bits.",
    plan,
};

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let tree = &job.image.tree;
    for finding in job.findings(SETUID.rules) {
        let Location::File { path, .. } = &finding.location else { continue };
        let Some(node) = tree.get(path) else { continue };
        clear(job, draft, Some(finding), path, node);
    }
    for (path, node) in tree.names() {
        // under whichever of its names
        let is_asked = || {
            tree.names_of(node).any(|name| {
                let shown = name.to_string();
                job.wishes.clear_setid.iter().any(|glob| glob.is_match(shown.trim_start_matches('/')))
            })
        };
        let entry = tree.entry(node);
        let is_first = || tree.names_of(node).next().is_some_and(|first| first == path);
        if entry.is_file() && entry.mode & 0o6000 != 0 && is_first() && is_asked() {
            clear(job, draft, None, path, node);
        }
    }
    for glob in &job.wishes.clear_setid {
        let fits = |path: &ImagePath| glob.is_match(path.to_string().trim_start_matches('/'));
        let is_any = tree.names().any(|(path, node)| {
            let entry = tree.entry(node);
            entry.is_file() && entry.mode & 0o6000 != 0 && fits(path)
        });
        // `**` stands for all of them, and there may be none
        if !is_any && glob.as_str() != "**" {
            let hint = "`careen layers --files IMAGE` lists what there is";
            draft.refuse_wish(glob.as_str(), "no program of this name has a setuid or setgid bit", hint);
        }
    }
}

fn clear(job: &Job<'_>, draft: &mut Draft<'_>, finding: Option<&Finding>, path: &ImagePath, node: Node) {
    let entry = job.image.tree.entry(node);
    match edits(job, path, node, entry, finding.is_none()) {
        Ok(edits) => draft.propose(Proposal {
            kind: Kind::Mode,
            findings: finding.into_iter().collect(),
            path: path.to_string(),
            layer: Some(node.layer),
            before: format!("{:04o}", entry.mode),
            after: format!("{:04o}", entry.mode & !0o6000),
            safety: Safety::Review,
            risk: Risk::Medium,
            reason: job.with_waste(
                if finding.is_some() {
                    "see that nothing in the image needs the program with its owner's rights"
                } else {
                    "asked for with `--clear-setid`"
                },
                &edits,
            ),
            is_asked: finding.is_none(),
            edits,
        }),
        Err(no) => match finding {
            Some(finding) => draft.refuse(finding, no.reason, no.hint),
            None => draft.refuse_wish(&path.to_string(), no.reason, no.hint),
        },
    }
}

fn edits(job: &Job<'_>, path: &ImagePath, node: Node, entry: &FileEntry, is_asked: bool) -> Result<Vec<Edit>, No> {
    let tree = &job.image.tree;
    if let Some(no) = job.guard.keeps_setid(node) {
        return Err(no);
    }
    let mut edits = Vec::new();
    if job.guard.is_base(node.layer) {
        for name in tree.names_of(node) {
            let mode = Some(entry.mode & !0o6000);
            edits.extend(on_top(job, name, node, mode, Content::File { member: job.member(node) })?);
        }
    } else {
        if let Some(no) = job.guard.closed(node.layer) {
            return Err(no);
        }
        for member in job.guard.with_links(node) {
            let own = tree.entry(member).mode;
            if own & 0o6000 != 0 {
                let mode = Some(own & !0o6000);
                edits.push(Edit::SetHeader { member: job.member(member), mode, uid: None, gid: None });
            }
        }
        // a link of a later layer may have bits of its own, or one by way of a link to a folder
        for (layer, members) in (0u32..).zip(tree.layers()).skip(node.layer as usize) {
            for (member, link) in (0u32..).zip(members) {
                let is_bare = link.mode & 0o6000 == 0;
                let own = Node { layer, member };
                if matches!(&link.kind, FileKind::HardLink(_))
                    && !is_bare
                    && job.guard.all_links().file_of(own) != Some(node)
                    && tree.get(&link.path) == Some(node)
                {
                    if let Some(no) = job.guard.closed(layer) {
                        return Err(no);
                    }
                    let member = job.member(own);
                    edits.push(Edit::SetHeader { member, mode: Some(link.mode & !0o6000), uid: None, gid: None });
                }
            }
        }
    }
    if is_asked && job.guard.owner(node).is_some() {
        edits.extend(statoverride(job, path, entry)?);
    }
    Ok(edits)
}

/// The line by which dpkg keeps the mode, where dpkg is.
fn statoverride(job: &Job<'_>, path: &ImagePath, entry: &FileEntry) -> Result<Vec<Edit>, No> {
    let tree = &job.image.tree;
    let accounts = &job.image.accounts;
    if tree.resolve(&"var/lib/dpkg/status".into()).is_none() {
        return Ok(Vec::new());
    }
    let user = accounts.users.iter().find(|user| user.uid == entry.uid).map(|user| user.name.clone());
    let group = accounts.groups.iter().find(|group| group.gid == entry.gid).map(|group| group.name.clone());
    let user = user.unwrap_or_else(|| format!("#{}", entry.uid));
    let group = group.unwrap_or_else(|| format!("#{}", entry.gid));
    let mode = entry.mode & 0o1777;
    let line = format!("{user} {group} {mode:o} {path}");
    let file = ImagePath::from(STATOVERRIDE);
    if let Some((real, node)) = tree.resolve(&file) {
        let content = Content::Appended { member: job.member(node), lines: vec![line] };
        return on_top(job, &real, node, None, content);
    }
    if let Some(no) = super::top::loses_above(tree, &file) {
        return Err(no);
    }
    let mut edits = super::folders_above(job.image, &file);
    let content = Content::Text { text: format!("{line}\n") };
    edits.push(Edit::AddFile { path: STATOVERRIDE.into(), mode: 0o644, uid: 0, gid: 0, mtime: 0, content });
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{base, file, folder, hard_link, layered, link, mode, plan, planned, shown};
    use super::super::{Wishes, plan::Safety};
    use crate::inventory::{Group, User};
    use crate::policy::{FixPolicy, Glob};

    #[test]
    fn bits_are_taken_where_the_file_lies() {
        let image = layered(vec![
            vec![mode(file("usr/local/bin/ember", 9), 0o2755), mode(file("usr/bin/su", 9), 0o4755)],
            vec![
                mode(file("srv/kelp", 9), 0o4755),
                mode(hard_link("srv/reed", "srv/kelp"), 0o4755),
                mode(file("srv/started", 9), 0o4755),
                mode(file("srv/kept", 9), 0o6755),
            ],
        ]);
        let image = base(image, 1).with_config(r#"{"config":{"Cmd":["/srv/started"]}}"#).owning(&["usr/bin/su"]);
        let policy = FixPolicy { keep_setid: vec![Glob::path("/srv/kept").expect("a glob")], ..FixPolicy::default() };
        let wishes = Wishes { only: vec!["setuid"], policy, ..Wishes::default() };
        assert_eq!(
            shown(&plan(&image, &wishes)),
            [
                "setuid-1 review /usr/local/bin/ember@0: 2755: add usr/local/bin/ember 0755 copy",
                "setuid-2 review /srv/kelp@1: 4755: header 0 0755, header 1 0755",
                "refused /srv/kept: the policy keeps `/srv/kept` as it is",
                "refused /srv/started: the image's command uses `started`, which would fail without the bit",
            ]
        );
    }

    #[test]
    fn a_program_is_kept_by_any_of_its_names() {
        let image = || {
            layered(vec![vec![
                mode(file("srv/a", 9), 0o4755),
                mode(hard_link("srv/copy", "srv/a"), 0o4755),
                mode(file("srv/b", 9), 0o4755),
            ]])
        };
        let b = "setuid-1 review /srv/b@0: 4755: header 2 0755";
        let started = image().with_config(r#"{"config":{"Cmd":["/srv/copy"]}}"#);
        let refused = "refused /srv/a: the image's command uses `copy`, which would fail without the bit";
        assert_eq!(planned(&started, &["setuid"]), [b, refused]);
        let copy = || vec![Glob::path("srv/copy").expect("a glob")];
        let by_setid = FixPolicy { keep_setid: copy(), ..FixPolicy::default() };
        let by_keep = FixPolicy { keep: copy(), ..FixPolicy::default() };
        for policy in [by_setid, by_keep] {
            let wishes = Wishes { only: vec!["setuid"], policy, ..Wishes::default() };
            assert_eq!(shown(&plan(&image(), &wishes)), [b, "refused /srv/a: the policy keeps `/srv/copy` as it is"]);
        }
    }

    #[test]
    fn programs_of_packages_lose_their_bits_when_asked() {
        let mut image = layered(vec![vec![
            file("var/lib/dpkg/status", 9),
            mode(file("usr/bin/su", 9), 0o4755),
            mode(file("usr/bin/wall", 9), 0o2755),
        ]])
        .owning(&["usr/bin/su", "usr/bin/wall"]);
        image.accounts.users.push(User { name: "root".into(), ..User::default() });
        image.accounts.groups.push(Group { name: "root".into(), ..Group::default() });
        assert_eq!(planned(&image, &["setuid"]), [""; 0]);
        let wishes =
            Wishes { clear_setid: vec![Glob::path("**").expect("a glob")], only: vec!["caches"], ..Wishes::default() };
        let plan = plan(&image, &wishes);
        assert_eq!(
            shown(&plan),
            [
                "setuid-1 review+ /usr/bin/su@0: 4755: header 1 0755, add var/lib/dpkg/statoverride 0644 \"root root 755 /usr/bin/su\\n\"",
                "setuid-2 review+ /usr/bin/wall@0: 2755: header 2 0755, add var/lib/dpkg/statoverride 0644 \"root root 755 /usr/bin/wall\\n\"",
            ]
        );
        assert!(plan.actions.iter().all(|action| action.safety == Safety::Review && action.approved));
        let edits = plan.edits().expect("one file for both");
        assert_eq!(edits.0.len(), 3, "{edits:?}");
    }

    #[test]
    fn links_by_way_of_a_linked_folder_lose_their_bits_too() {
        let image = layered(vec![vec![
            folder("srv"),
            link("bin2", "srv"),
            mode(file("srv/kelp", 9), 0o4755),
            mode(hard_link("srv/reed", "bin2/kelp"), 0o4755),
        ]]);
        assert_eq!(planned(&image, &["setuid"]), ["setuid-1 review /srv/kelp@0: 4755: header 2 0755, header 3 0755"]);
    }
}
