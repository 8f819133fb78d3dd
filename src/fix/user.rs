//! Lets the image start as a user that is not root.

use std::collections::BTreeSet;

use serde_json::json;

use crate::escape::escape;
use crate::finding::Finding;
use crate::inventory::{Inventory, Origin, User};
use crate::path::ImagePath;
use crate::policy::RunAs;
use crate::rebuild::{Content, Edit};
use crate::tree::{FileKind, Node};

use super::guard::No;
use super::heirs::dropped;
use super::plan::{Action, Kind, Risk, Safety};
use super::{Draft, Fixer, Guard, Job, Proposal, on_top};

/// Who the image starts as.
pub(super) static USER: Fixer = Fixer {
    id: "user",
    group: "user",
    title: "Images that start as root",
    rules: &["image/root-user"],
    does: "Sets `User` to numbers, `UID:GID`, which Kubernetes can verify for `runAsNonRoot`: what `--user` or `[fix] user` say; \
           else the owner of the working folder, else an application's account of the image, else 10001. A number without an \
           account gets one in `passwd`, `group`, `shadow` and `gshadow`, as far as the image has them, locked and without a \
           shell. Offers to give the working folder itself, not what is in it, to that user. The plan lists low ports, \
           volumes and folders that belong to root.",
    never: "Never done unseen unless a flag or the policy names the user. Refused where the image starts an init system or a \
            supervisor, which need root, or a program that gives root up by itself (gosu, su-exec, setpriv, sudo). Changes no \
            owner of any file but the working folder's.",
    plan,
};

/// The number of an account that is made.
const NEW: u32 = 10_001;

/// Its name, unless that is taken.
const NAME: &str = "app";

/// Programs that need to be root to do what they are for.
const INITS: &[&str] = &[
    "circusd",
    "cron",
    "crond",
    "dockerd",
    "init",
    "monit",
    "my_init",
    "openrc",
    "runit",
    "runit-init",
    "runsvdir",
    "s6-overlay-suexec",
    "s6-svscan",
    "sshd",
    "supervisord",
    "systemd",
];

/// Programs that become another user.
const DROPPERS: &[&str] =
    &["chpst", "chroot", "gosu", "runuser", "s6-setuidgid", "setpriv", "setuidgid", "su", "su-exec", "sudo"];

/// Accounts that images make for one application.
const APPLICATIONS: &[&str] = &["nginx", "node", "nonroot"];

/// Folders that programs commonly write, listed where they belong to root.
const WRITTEN: &[&str] =
    &["run", "var/run", "var/cache/nginx", "var/log/nginx", "var/log/apache2", "var/log/httpd", "var/lib/nginx"];

/// Folders that nobody but root should own.
const SYSTEM: &[&[u8]] =
    &[b"", b"bin", b"boot", b"dev", b"etc", b"lib", b"lib64", b"proc", b"root", b"sbin", b"sys", b"usr", b"var"];

/// A user to become, and the account where there is one.
struct Chosen<'a> {
    uid: u32,
    gid: u32,
    account: Option<&'a User>,
    why: String,
}

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let image = job.image;
    let finding = job.findings(USER.rules).next();
    let asked = job.wishes.user.or(job.wishes.policy.user.filter(|_| finding.is_some()));
    if finding.is_none() && asked.is_none() {
        return;
    }
    let Some(config) = image.config.as_ref() else { return };
    let named_by_flag = job.wishes.user.is_some();
    // a flag that is not followed is no success, whatever a policy says of root
    let refuse = |draft: &mut Draft<'_>, no: No| match finding.filter(|_| !named_by_flag) {
        Some(finding) => draft.refuse(finding, no.reason, no.hint),
        None => draft.refuse_wish("User", no.reason, no.hint),
    };
    if let Some(no) = needs_root(job).filter(|_| !named_by_flag) {
        refuse(draft, no);
        return;
    }
    let chosen = choose(image, asked);
    if chosen.uid == 0 {
        let hint = "name another user; `careen fix` makes no image start as root";
        refuse(draft, No { reason: "0 is root".into(), hint: hint.into() });
        return;
    }
    let value = format!("{}:{}", chosen.uid, chosen.gid);
    let before = &config.config.user;
    if *before == value {
        return;
    }
    let mut edits = vec![Edit::SetConfig { pointer: "/config/User".into(), value: json!(value) }];
    let is_new = chosen.account.is_none();
    if is_new {
        match account(job, &chosen) {
            Ok(more) => edits.extend(more),
            Err(no) => {
                refuse(draft, no);
                return;
            }
        }
    }
    let after = match chosen.account {
        Some(account) => format!("{value}, the account `{}`", escape(&account.name)),
        None if edits.len() > 1 => format!("{value}, a new account `{}`", name_of(image)),
        None => value,
    };
    draft.propose(Proposal {
        kind: Kind::User,
        findings: finding.into_iter().collect(),
        path: "User".into(),
        layer: None,
        before: if before.is_empty() { "not set: root".into() } else { escape(before) },
        after,
        safety: Safety::Review,
        risk: Risk::High,
        reason: format!("{}; {}", chosen.why, warnings(image, &chosen)),
        is_asked: asked.is_some(),
        edits,
    });
    if let Some(finding) = finding {
        workdir(job, draft, finding, &chosen);
    }
}

/// Why the image's command must start as root.
fn needs_root(job: &Job<'_>) -> Option<No> {
    let config = &job.image.config.as_ref()?.config;
    let hint = "name the user with `--user UID:GID` if you know better";
    if let Some(init) = INITS.iter().find(|name| job.guard.starts(name)) {
        return Some(No { reason: format!("the image starts `{init}`, which must be root"), hint: hint.into() });
    }
    if let Some(dropper) = DROPPERS.iter().find(|name| job.guard.starts(name)) {
        let reason = format!("the image starts `{dropper}`, which becomes another user by itself");
        return Some(No { reason, hint: hint.into() });
    }
    // an entry point of its own, in an image that has such a tool, is there to use it
    let first = config.entrypoint.first()?;
    let name = first.rsplit('/').next().unwrap_or(first);
    let is_script = name.contains("entrypoint") || name.rsplit('.').next() == Some("sh");
    let has = |tool: &&&str| {
        ["usr/local/bin", "usr/bin", "bin", "sbin", "usr/sbin", "usr/local/sbin"]
            .iter()
            .any(|folder| job.image.tree.resolve(&ImagePath::from(format!("{folder}/{tool}").as_str())).is_some())
    };
    let tool = ["gosu", "su-exec", "s6-setuidgid"].iter().find(has).filter(|_| is_script)?;
    let reason =
        format!("the image starts `{}` and has `{tool}`, by which it becomes another user itself", escape(first));
    Some(No { reason, hint: hint.into() })
}

fn choose(image: &Inventory, asked: Option<RunAs>) -> Chosen<'_> {
    let users = &image.accounts.users;
    let of = |uid: u32| users.iter().find(|user| user.uid == uid && !user.has_no_uid);
    if let Some(asked) = asked {
        let account = of(asked.uid);
        let gid = asked.gid.or(account.map(|account| account.gid)).unwrap_or(asked.uid);
        return Chosen { uid: asked.uid, gid, account, why: "the user that was named".into() };
    }
    let workdir = image.config.as_ref().map(|config| config.config.working_dir.as_str()).unwrap_or_default();
    let owner = image.tree.resolve(&ImagePath::from(workdir)).map(|(_, node)| image.tree.entry(node));
    if let Some(owner) = owner.filter(|owner| owner.uid != 0) {
        let account = of(owner.uid);
        let gid = account.map_or(owner.gid, |account| account.gid);
        return Chosen { uid: owner.uid, gid, account, why: format!("the owner of `{}`", escape(workdir)) };
    }
    let is_person = |user: &&User| (1_000..60_000).contains(&user.uid) || APPLICATIONS.contains(&&*user.name);
    let is_good = |user: &&User| is_person(user) && user.uid != 0 && !user.has_no_uid;
    if let Some(account) = users.iter().filter(is_good).min_by_key(|user| user.uid) {
        let why = "an account that the image made for an application".to_owned();
        return Chosen { uid: account.uid, gid: account.gid, account: Some(account), why };
    }
    let is_taken =
        |id: u32| users.iter().any(|user| user.uid == id) || image.accounts.groups.iter().any(|g| g.gid == id);
    let id = (NEW..NEW.saturating_add(1_000)).find(|id| !is_taken(*id)).unwrap_or(NEW);
    Chosen { uid: id, gid: id, account: None, why: "a number that no account has".into() }
}

/// A name that neither a user nor a group has, nor a password of one that is gone.
fn name_of(image: &Inventory) -> String {
    let accounts = &image.accounts;
    let is_taken = |name: &str| {
        accounts.users.iter().any(|user| user.name == name)
            || accounts.groups.iter().any(|group| group.name == name)
            || accounts.shadowed.contains(name)
    };
    let others = (2..).map(|number| format!("{NAME}{number}"));
    std::iter::once(NAME.to_owned()).chain(others).find(|name| !is_taken(name)).unwrap_or_else(|| NAME.to_owned())
}

/// The files that get a line for a new account; none where the image knows no accounts.
fn account(job: &Job<'_>, chosen: &Chosen<'_>) -> Result<Vec<Edit>, No> {
    let (image, tree) = (job.image, &job.image.tree);
    if image.accounts.passwd.is_none() {
        return Ok(Vec::new());
    }
    let name = name_of(image);
    let (uid, gid) = (chosen.uid, chosen.gid);
    let shell = ["usr/sbin/nologin", "sbin/nologin", "bin/false", "usr/bin/false"]
        .iter()
        .find(|shell| tree.resolve(&ImagePath::from(**shell)).is_some())
        .map_or("/sbin/nologin".to_owned(), |shell| format!("/{shell}"));
    let has_shadow = image.accounts.shadow.is_some();
    let password = if has_shadow { "x" } else { "!" };
    let mut lines = vec![("etc/passwd", format!("{name}:{password}:{uid}:{gid}::/nonexistent:{shell}"))];
    if image.accounts.groups.iter().all(|group| group.gid != gid) {
        lines.push(("etc/group", format!("{name}:x:{gid}:")));
        lines.push(("etc/gshadow", format!("{name}:!::")));
    }
    lines.push(("etc/shadow", format!("{name}:!:::::::")));
    let mut edits = Vec::new();
    for (file, line) in lines {
        let Some((real, node)) = tree.resolve(&ImagePath::from(file)) else { continue };
        if tree.entry(node).kind != FileKind::File {
            let hint = "name a user that the image knows with `--user UID:GID`";
            return Err(No { reason: format!("`/{file}` is no file"), hint: hint.into() });
        }
        if let Some(no) = job.guard.keeps_as_is(node) {
            let reason = format!("{}, where a new account would stand", no.reason);
            return Err(No { reason, hint: "name a user that the image knows with `--user UID:GID`".into() });
        }
        let content = Content::Appended { member: job.member(node), lines: vec![line] };
        edits.extend(on_top(job, &real, node, None, content)?);
    }
    Ok(edits)
}

/// Has no account made where the table of accounts goes, and says so.
pub(super) fn without_accounts(image: &Inventory, guard: &Guard<'_>, actions: &mut [Action]) {
    let Some((passwd, node)) = &image.accounts.passwd else { return };
    let dropped = dropped(actions.iter().filter(|action| action.is_active()).flat_map(|action| &action.edits.0));
    let own = Node { layer: node.layer, member: 0 }..=Node { layer: node.layer, member: u32::MAX };
    let mut gone = dropped.range(own);
    if !gone.any(|node| guard.real(&image.tree.entry(*node).path) == *passwd) {
        return;
    }
    for action in actions.iter_mut().filter(|action| action.is_active() && action.fixer == USER.id) {
        let value = action.edits.0.iter().find_map(|edit| match edit {
            Edit::SetConfig { value, .. } => value.as_str().map(str::to_owned),
            _ => None,
        });
        let Some(value) = value.filter(|value| *value != action.after) else { continue };
        action.edits.0.retain(|edit| matches!(edit, Edit::SetConfig { .. }));
        action.after = value;
        action.reason = format!("{}; `{passwd}` goes, so that the user has no account", action.reason);
    }
}

/// What to look at before somebody else than root starts the image.
fn warnings(image: &Inventory, chosen: &Chosen<'_>) -> String {
    let Some(config) = image.config.as_ref().map(|config| &config.config) else { return String::new() };
    let number = |key: &String| key.split(['/', '-']).next()?.parse::<u16>().ok();
    let low: BTreeSet<u16> = config.exposed_ports.keys().filter_map(number).filter(|port| *port < 1024).collect();
    let mut texts = Vec::new();
    if !low.is_empty() {
        let ports: Vec<String> = low.iter().map(u16::to_string).collect();
        texts.push(format!(
            "to listen on port {} it needs `net.ipv4.ip_unprivileged_port_start=0`, which Docker sets since 20.10, or a higher port",
            ports.join(", ")
        ));
    }
    let is_roots = |path: &str| {
        let found = image.tree.resolve(&ImagePath::from(path));
        found.is_some_and(|(_, node)| {
            let entry = image.tree.entry(node);
            entry.kind == FileKind::Directory
                && entry.uid != chosen.uid
                && entry.mode & 0o002 == 0
                && !(entry.gid == chosen.gid && entry.mode & 0o020 != 0)
        })
    };
    let volumes = config.volumes.keys().map(String::as_str);
    let workdir = [config.working_dir.as_str()].into_iter().filter(|path| !path.is_empty());
    let closed: BTreeSet<String> = WRITTEN
        .iter()
        .copied()
        .chain(volumes)
        .chain(workdir)
        .filter(|path| is_roots(path))
        .filter_map(|path| image.tree.resolve(&ImagePath::from(path)))
        .map(|(path, _)| format!("`{path}`"))
        .collect();
    if !closed.is_empty() {
        texts.push(format!("it cannot write {}", closed.into_iter().collect::<Vec<_>>().join(", ")));
    }
    texts.push("try the application before it is used".to_owned());
    texts.join("; ")
}

/// Offers the working folder to the user: the folder alone, since a process that owns its own code may change it.
fn workdir(job: &Job<'_>, draft: &mut Draft<'_>, finding: &Finding, chosen: &Chosen<'_>) {
    let tree = &job.image.tree;
    let Some(config) = &job.image.config else { return };
    let Some((path, node)) = tree.resolve(&ImagePath::from(config.config.working_dir.as_str())) else { return };
    let entry = tree.entry(node);
    let is_systems = SYSTEM.contains(&path.as_bytes())
        || [&b"usr"[..], b"etc", b"bin", b"sbin"]
            .iter()
            .any(|folder| path.is_under(folder) && !path.is_under(b"usr/src") && !path.is_under(b"usr/local/app"));
    if entry.kind != FileKind::Directory || entry.uid != 0 || is_systems || job.guard.owner(node).is_some() {
        return;
    }
    if job.guard.keeps_as_is(node).is_some() {
        return;
    }
    let edits = if is_foreign(job, node) {
        let Ok(name) = std::str::from_utf8(path.as_bytes()) else { return };
        if entry.has_attributes || super::top::loses_above(tree, &path).is_some() {
            return;
        }
        let mut edits = super::folders_above(job.image, &path);
        let (path, mode, mtime) = (name.to_owned(), entry.mode, entry.mtime);
        edits.push(Edit::AddFolder { path, mode, uid: chosen.uid, gid: chosen.gid, mtime });
        edits
    } else {
        let (uid, gid) = (Some(chosen.uid), Some(chosen.gid));
        vec![Edit::SetHeader { member: job.member(node), mode: None, uid, gid }]
    };
    draft.propose(Proposal {
        kind: Kind::Owner,
        findings: vec![finding],
        path: path.to_string(),
        layer: Some(node.layer),
        before: format!("{}:{}", entry.uid, entry.gid),
        after: format!("{}:{}", chosen.uid, chosen.gid),
        safety: Safety::Review,
        risk: Risk::Medium,
        reason: "the process may then make files in its working folder; those that are there stay root's".into(),
        is_asked: false,
        edits,
    });
}

fn is_foreign(job: &Job<'_>, node: Node) -> bool {
    let origin = job.image.layers.get(node.layer as usize).map_or(Origin::Unknown, |layer| layer.origin);
    job.guard.closed(node.layer).is_some() || origin == Origin::Base && job.guard.is_base(node.layer)
}

#[cfg(test)]
mod tests {
    use super::super::Wishes;
    use super::super::testing::{base, file, folder, layered, plan, planned, shown};
    use crate::inventory::{Inventory, User};
    use crate::policy::FixPolicy;
    use crate::tree::{FileEntry, Node};

    fn image(config: &str, users: &[(&str, u32)]) -> Inventory {
        let owned = FileEntry { uid: 1234, gid: 55, ..folder("srv/own") };
        let mut image = layered(vec![
            vec![
                file("etc/passwd", 10),
                file("etc/group", 10),
                FileEntry { mode: 0o640, gid: 42, ..file("etc/shadow", 10) },
                folder("run"),
                file("usr/sbin/nologin", 10),
            ],
            vec![folder("srv/app"), owned, file("usr/local/bin/gosu", 10)],
        ]);
        image.accounts.passwd = Some(("etc/passwd".into(), Node { layer: 0, member: 0 }));
        image.accounts.shadow = Some(("etc/shadow".into(), Node { layer: 0, member: 2 }));
        for (name, uid) in users {
            image.accounts.users.push(User { name: (*name).into(), uid: *uid, gid: *uid, ..User::default() });
        }
        base(image, 1).with_config(&format!(r#"{{"config":{config}}}"#))
    }

    /// Configuration, users, and what is planned.
    type Case<'a> = (&'a str, &'a [(&'a str, u32)], Vec<String>);

    #[test]
    fn a_user_is_chosen_and_made_where_it_is_missing() {
        let root = [("root", 0)];
        let new = "add etc/passwd 0644 +[\"app:x:10001:10001::/nonexistent:/usr/sbin/nologin\"], \
                   add etc/group 0644 +[\"app:x:10001:\"], add etc/shadow 0640 +[\"app:!:::::::\"]";
        let cases: &[Case] = &[
            (r#"{"User":"1000"}"#, &root, vec![]),
            (
                "{}",
                &root,
                vec![format!("user-1 review User: not set: root: set /config/User \"10001:10001\", {new}")],
            ),
            (
                r#"{"User":"0","WorkingDir":"/srv/app"}"#,
                &[("root", 0), ("node", 1000)],
                vec![
                    "user-1 review User: 0: set /config/User \"1000:1000\"".into(),
                    "user-2 review /srv/app@1: 0:0: header 0 1000:1000".into(),
                ],
            ),
            (
                r#"{"WorkingDir":"/srv/own"}"#,
                &[("root", 0), ("node", 1000), ("own", 1234)],
                vec!["user-1 review User: not set: root: set /config/User \"1234:1234\"".into()],
            ),
            (
                r#"{"Entrypoint":["/usr/bin/tini","--","/usr/bin/supervisord"]}"#,
                &root,
                vec!["refused User: the image starts `supervisord`, which must be root".into()],
            ),
            (
                r#"{"Entrypoint":["docker-entrypoint.sh"]}"#,
                &root,
                vec![
                    "refused User: the image starts `docker-entrypoint.sh` and has `gosu`, by which it becomes another user itself"
                        .into(),
                ],
            ),
        ];
        for (config, users, expected) in cases {
            assert_eq!(planned(&image(config, users), &["user"]), *expected, "{config}");
        }
    }

    #[test]
    fn who_is_named_is_taken_and_nothing_waits_for_a_look() {
        let named = image(r#"{"ExposedPorts":{"80/tcp":{}},"Volumes":{"/run":{}}}"#, &[("root", 0), ("node", 1000)]);
        let flag = Wishes { only: vec!["caches"], user: "1000".parse().ok(), ..Wishes::default() };
        let made = plan(&named, &flag);
        assert_eq!(shown(&made), ["user-1 review+ User: not set: root: set /config/User \"1000:1000\""]);
        let reason = &made.actions[0].reason;
        assert!(reason.contains("port 80") && reason.contains("`/run`"), "{reason}");
        let policy = FixPolicy { user: "1000:0".parse().ok(), ..FixPolicy::default() };
        let made = plan(&named, &Wishes { only: vec!["user"], policy, ..Wishes::default() });
        assert_eq!(shown(&made), ["user-1 review+ User: not set: root: set /config/User \"1000:0\""]);
    }

    #[test]
    fn a_flag_that_is_refused_is_told_as_not_done() {
        let refused = |flag: Option<&str>, policy: Option<&str>| {
            let read = |user: Option<&str>| user.and_then(|user| user.parse().ok());
            let policy = FixPolicy { user: read(policy), ..FixPolicy::default() };
            let wishes = Wishes { only: vec!["user"], user: read(flag), policy, ..Wishes::default() };
            let made = plan(&image("{}", &[("root", 0)]), &wishes);
            made.refused.iter().map(|no| (no.reason.clone(), no.finding.is_none())).collect::<Vec<_>>()
        };
        assert_eq!(refused(Some("0:0"), None), [("0 is root".to_owned(), true)]);
        assert_eq!(
            refused(None, Some("0:0")),
            [("0 is root".to_owned(), false)],
            "the policy still judges the finding"
        );
    }

    #[test]
    fn a_name_with_a_password_is_taken() {
        let mut image = image("{}", &[("root", 0)]);
        image.accounts.shadowed.insert("app".into());
        let planned = planned(&image, &["user"]);
        assert!(planned[0].contains("add etc/shadow 0640 +[\"app2:!:::::::\"]"), "{planned:?}");
    }

    #[test]
    fn no_account_is_made_in_a_table_that_goes() {
        let accounts = |users: &[(&str, u32)]| {
            let remove = vec![crate::policy::Glob::path("etc/passwd").expect("a glob")];
            let user = "1001:1001".parse().ok();
            let made = plan(&image("{}", users), &Wishes { only: vec!["caches"], remove, user, ..Wishes::default() });
            assert_eq!(shown(&made)[1..], ["user-1 review+ User: not set: root: set /config/User \"1001:1001\""]);
            assert_eq!(made.actions[1].after, "1001:1001");
            assert!(made.actions[1].reason.ends_with("; `/etc/passwd` goes, so that the user has no account"));
        };
        accounts(&[("root", 0)]);
        accounts(&[("root", 0), ("own", 1001)]);
    }
}
