//! What no fixer may touch: what packages own, package databases, what the image starts, layers that are kept elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::escape::escape;
use crate::inventory::{Inventory, Origin, User};
use crate::path::ImagePath;
use crate::secret::mask_text;
use crate::tree::{FileEntry, FileKind, Node, Tree};

use super::Wishes;

/// Databases and settings of package managers: to take something out of them would hide packages, or break the manager.
const DATABASES: &[&str] = &[
    "etc/apk/world",
    "lib/apk/db",
    "usr/lib/apk/db",
    "usr/lib/opkg",
    "usr/lib/sysimage",
    "usr/share/rpm",
    "var/db/pkg",
    "var/lib/alternatives",
    "var/lib/apt/extended_states",
    "var/lib/chisel",
    "var/lib/dnf",
    "var/lib/dpkg",
    "var/lib/opkg",
    "var/lib/pacman/local",
    "var/lib/portage",
    "var/lib/rpm",
    "var/lib/rpmmanifest",
    "var/lib/yum",
];

/// Copies of an earlier state that dpkg leaves in its folder.
const OLD: (&str, &[u8]) = ("var/lib/dpkg", b"-old");

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    /// The reason, without a full stop.
    pub reason: String,
    /// What to do instead.
    pub hint: String,
}

impl No {
    fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: hint.into() }
    }
}

/// Knows what must stay.
pub struct Guard<'a> {
    image: &'a Inventory,
    wishes: &'a Wishes,
    /// Files that the image's command names, and the links that lead to them.
    started: BTreeSet<Node>,
    /// Its words, without folders.
    words: BTreeSet<String>,
    /// Files in which engines look up the image's user or group, each with its name.
    names: BTreeMap<Node, String>,
    links: Links,
    /// Real paths that live symbolic links lead to.
    targets: BTreeSet<ImagePath>,
}

impl<'a> Guard<'a> {
    /// Of an image.
    pub fn new(image: &'a Inventory, wishes: &'a Wishes) -> Self {
        let tree = &image.tree;
        let targets = tree.names().filter_map(|(path, node)| match &tree.entry(node).kind {
            FileKind::Symlink(target) => Some(real_target(tree, path, target)),
            _ => None,
        });
        let targets = targets.collect();
        let (started, words) = started(image);
        let names = if wishes.user.is_some() { BTreeMap::new() } else { looked_up(image) };
        Self { image, wishes, started, words, names, links: Links::of(tree), targets }
    }

    /// Whether a layer is the base image's, and may not be written anew.
    pub fn is_base(&self, layer: u32) -> bool {
        !self.wishes.touches_base && self.origin(layer) == Origin::Base
    }

    fn origin(&self, layer: u32) -> Origin {
        self.image.layers.get(layer as usize).map_or(Origin::Unknown, |layer| layer.origin)
    }

    /// Why a layer cannot be written anew at all.
    pub fn closed(&self, layer: u32) -> Option<No> {
        let summary = self.image.layers.get(layer as usize)?;
        let media_type = summary.media_type.as_deref().unwrap_or_default();
        if media_type.ends_with("+encrypted") {
            return Some(No::new(format!("layer {layer} is encrypted"), "fix the image before it is encrypted"));
        }
        if summary.is_foreign || media_type.contains(".foreign.") || media_type.contains(".nondistributable.") {
            let hint = "such a layer belongs to somebody else and must stay as it is";
            return Some(No::new(format!("layer {layer} is kept on another host"), hint));
        }
        None
    }

    /// Why a member of a layer of one's own must stay; layers of the base are all right here.
    pub fn keeps(&self, node: Node) -> Option<No> {
        if let Some(no) = self.closed(node.layer) {
            return Some(no);
        }
        let entry = self.image.tree.entry(node);
        let path = &entry.path;
        if is_database(path) || is_database(&self.real(path)) {
            let hint = "remove the package with its manager while the image is built";
            return Some(No::new(format!("`{path}` belongs to a package manager's database"), hint));
        }
        if let Some(name) = self.owner(node) {
            let hint = "remove the package while the image is built";
            return Some(No::new(format!("`{path}` belongs to the package `{name}`"), hint));
        }
        if self.started.contains(&node) {
            let hint = "change the image's command first";
            return Some(No::new(format!("the image's command names `{path}`"), hint));
        }
        if let Some(name) = self.names.get(&node) {
            let hint = "name user and group by their numbers, such as with `--user 1000:1000`";
            return Some(No::new(format!("engines look `{name}`, whom the image runs as, up in `{path}`"), hint));
        }
        self.keeps_any(node)
    }

    /// Why a file must stay under one of its names in its layer.
    pub fn keeps_file(&self, node: Node) -> Option<No> {
        self.with_links(node).find_map(|name| self.keeps(name))
    }

    /// Why a member must stay, whether a container sees it or not.
    fn keeps_any(&self, node: Node) -> Option<No> {
        let path = &self.image.tree.entry(node).path;
        if let Some(no) = self.keeps_name(node) {
            return Some(no);
        }
        if self.links.across.contains(&node) {
            let hint = "take both out where they are made";
            return Some(No::new(format!("a later layer has a hard link to `{path}`"), hint));
        }
        None
    }

    /// Why a folder must stay: packages' folders may hold others' files, but to take a database's away is to take the database.
    pub fn keeps_folder(&self, node: Node) -> Option<No> {
        let path = &self.image.tree.entry(node).path;
        if let Some(no) = self.closed(node.layer) {
            return Some(no);
        }
        if let Some(no) = self.keeps_name(node) {
            return Some(no);
        }
        if self.started.contains(&node) {
            return Some(No::new(format!("the image's command names `{path}`"), "change the image's command first"));
        }
        self.image.owned.owner(path).map(|_| {
            let hint = "name what is in it, such as with `/**` at the end";
            No::new(format!("a package owns the folder `{path}`"), hint)
        })
    }

    /// Why a member that no container sees must stay; whose it was does not matter any more.
    pub fn keeps_hidden(&self, node: Node) -> Option<No> {
        let path = &self.image.tree.entry(node).path;
        if let Some(no) = self.closed(node.layer) {
            return Some(no);
        }
        if is_database(path) || is_database(&self.real(path)) {
            let hint = "earlier states of the database tell which layer brought a package";
            return Some(No::new(format!("`{path}` belongs to a package manager's database"), hint));
        }
        self.keeps_any(node)
    }

    /// Why a file may not change where it is, or by a copy on top.
    pub fn fixes(&self, node: Node) -> Option<No> {
        self.keeps_as_is(node).or_else(|| self.closed(node.layer).filter(|_| !self.is_base(node.layer)))
    }

    /// Why a file must stay as it is: the policy keeps one of its names.
    pub fn keeps_as_is(&self, node: Node) -> Option<No> {
        if self.wishes.policy.keep.is_empty() {
            return None;
        }
        self.all_names(node).iter().find(|name| self.is_kept(name)).map(kept)
    }

    /// Why a program keeps its setuid and setgid bits: by one of its names the policy keeps it, or the command uses it.
    pub fn keeps_setid(&self, node: Node) -> Option<No> {
        let names = self.all_names(node);
        let fits = |name: &&ImagePath| {
            let shown = name.to_string();
            self.wishes.policy.keep_setid.iter().any(|glob| glob.is_match(shown.trim_start_matches('/')))
        };
        if let Some(name) = names.iter().find(|name| fits(name) || self.is_kept(name)) {
            return Some(No::new(format!("the policy keeps `{name}` as it is"), "change the policy"));
        }
        let used = names.iter().map(|name| String::from_utf8_lossy(name.file_name()).into_owned());
        let used = used.into_iter().find(|name| self.starts(name))?;
        let reason = format!("the image's command uses `{}`, which would fail without the bit", escape(used));
        Some(No::new(reason, "change the command first"))
    }

    /// Why the name of a member must stay, as it is stored and where it lies. Hard links to it have names of their own.
    fn keeps_name(&self, node: Node) -> Option<No> {
        if self.wishes.policy.keep.is_empty() {
            return None;
        }
        let tree = &self.image.tree;
        let path = &tree.entry(node).path;
        let lies = tree.names_of(node).filter(|_| self.links(node).is_empty());
        let mut names = [path.clone(), self.real(path)].into_iter().chain(lies.cloned());
        names.find(|name| self.is_kept(name)).map(|name| kept(&name))
    }

    /// All names of the file that a member has, or is a hard link to.
    fn all_names(&self, node: Node) -> BTreeSet<ImagePath> {
        let file = self.links.file_of(node).unwrap_or(node);
        let stored = self.with_links(file).chain([node]).map(|name| &self.image.tree.entry(name).path);
        let names = stored.flat_map(|path| [path.clone(), self.real(path)]);
        names.chain(self.image.tree.names_of(file).cloned()).collect()
    }

    /// Whether the policy keeps a path.
    pub fn is_kept(&self, path: &ImagePath) -> bool {
        let shown = path.to_string();
        let relative = shown.trim_start_matches('/');
        self.wishes.policy.keep.iter().any(|glob| glob.is_match(relative))
    }

    /// The package that owns a member, by its own name, its live names or what they lead to.
    pub fn owner(&self, node: Node) -> Option<&'a str> {
        let tree = &self.image.tree;
        let own = [self.image.tree.entry(node).path.clone()];
        let names = own.iter().chain(tree.names_of(node));
        let owner = names.map(|name| self.image.owned.owner(name).or_else(|| self.image.owned.owner(&self.real(name))));
        let owner = owner.flatten().next()?;
        Some(self.image.packages.get(owner as usize).map_or("of the system", |package| package.name.as_str()))
    }

    /// A path with the links of its folders followed, as far as the merged image has them.
    pub fn real(&self, path: &ImagePath) -> ImagePath {
        self.image.tree.real(path)
    }

    /// Whether the image's command has a word that names such a program.
    pub fn starts(&self, name: &str) -> bool {
        self.words.contains(name)
    }

    /// Whether a live symbolic link leads to something in this folder.
    pub fn is_linked_into(&self, folder: &ImagePath) -> bool {
        let from = self.targets.range(folder.clone()..);
        from.take_while(|target| target.as_bytes().starts_with(folder.as_bytes()))
            .any(|target| target.is_under(folder.as_bytes()))
    }

    /// All hard links.
    pub(super) fn all_links(&self) -> &Links {
        &self.links
    }

    /// The hard links of this file within its layer.
    pub fn links(&self, node: Node) -> &[Node] {
        self.links.to(node)
    }

    /// This file and its hard links within its layer.
    pub fn with_links(&self, node: Node) -> impl Iterator<Item = Node> {
        std::iter::once(node).chain(self.links(node).iter().copied())
    }
}

fn kept(name: &ImagePath) -> No {
    No::new(format!("`[fix] keep` of the policy has `{name}`"), "change the policy")
}

fn is_database(path: &ImagePath) -> bool {
    let is_old = path.parent_bytes() == OLD.0.as_bytes() && path.file_name().ends_with(OLD.1);
    !is_old && DATABASES.iter().any(|database| path.is_under(database.as_bytes()))
}

/// What a link leads to, one step, by text.
fn real_target(tree: &Tree, path: &ImagePath, target: &[u8]) -> ImagePath {
    if let Some((real, _)) = tree.resolve(path) {
        return real;
    }
    if target.first() == Some(&b'/') { ImagePath::new(target) } else { path.parent().join(target) }
}

/// The files that the image's command and its health check name, and the last components of all words.
fn started(image: &Inventory) -> (BTreeSet<Node>, BTreeSet<String>) {
    const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let Some(config) = image.config.as_ref().map(|config| &config.config) else { return Default::default() };
    let checks = config.healthcheck.iter().flat_map(|check| &check.test);
    let texts = config.entrypoint.iter().chain(&config.cmd).chain(checks);
    let is_end = |c: char| c.is_whitespace() || ";&|()<>\"'`=".contains(c);
    let words: BTreeSet<&str> = texts.flat_map(|text| text.split(is_end)).filter(|word| !word.is_empty()).collect();
    let path = config.env.iter().rev().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let (mut nodes, mut names) = (BTreeSet::new(), BTreeSet::new());
    for word in words.iter().filter(|word| word.len() < 4_096).take(10_000) {
        let mut candidates = Vec::new();
        if word.contains('/') || word.contains('.') {
            candidates.push(ImagePath::from(config.working_dir.as_str()).join(word.as_bytes()));
        }
        if word.starts_with('/') {
            candidates.push(ImagePath::from(*word));
        }
        if !word.contains('/') {
            candidates.extend(path.split(':').map(|folder| ImagePath::from(folder).join(word.as_bytes())));
        }
        for path in &candidates {
            let Some((real, node)) = image.tree.resolve(path) else { continue };
            if image.tree.entry(node).is_file() {
                nodes.insert(node);
                names.insert(real);
                links_on(&image.tree, path, &mut nodes);
            }
        }
    }
    // a file may be named by a hard link, which is a member of its own
    for (layer, members) in (0_u32..).zip(image.tree.layers()) {
        for (member, entry) in (0_u32..).zip(members) {
            if matches!(entry.kind, FileKind::HardLink(_)) && names.contains(&entry.path) {
                nodes.insert(Node { layer, member });
            }
        }
    }
    let words = words.iter().map(|word| word.rsplit('/').next().unwrap_or(word).to_owned()).collect();
    (nodes, words)
}

/// The files that say who the user and the groups of an image are, where not all of these are numbers that the image sets
/// (image-spec config.md, `User`).
fn looked_up(image: &Inventory) -> BTreeMap<Node, String> {
    let user = image.config.as_ref().map_or("", |config| config.config.user.as_str());
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let is_name = |name: &str| name.bytes().any(|byte| !byte.is_ascii_digit());
    let accounts = &image.accounts;
    let is_user = |account: &&User| account.name == user || user.parse() == Ok(account.uid);
    let account = accounts.users.iter().find(is_user).filter(|_| group.is_empty() && !user.is_empty());
    let has_more =
        account.is_some_and(|account| accounts.groups.iter().any(|group| group.members.contains(&account.name)));
    let names = [
        ("etc/passwd", user, is_name(user) || account.is_some()),
        ("etc/group", group, is_name(group)),
        ("etc/group", user, has_more),
    ];
    let names = names.into_iter().filter(|(.., is_looked_up)| *is_looked_up);
    let file =
        |(path, name, _): (&str, &str, bool)| Some((image.tree.resolve(&path.into())?.1, escape(mask_text(name))));
    names.filter_map(file).collect()
}

/// Adds the symbolic links that lead from a path to its file, those of folders too.
fn links_on(tree: &Tree, path: &ImagePath, nodes: &mut BTreeSet<Node>) {
    // the tree has resolved the path: it does so in as many steps as it may take
    let mut hops = tree.layers().len().saturating_add(40);
    let mut path = path.clone();
    'path: while hops > 0 {
        hops = hops.saturating_sub(1);
        let mut at = ImagePath::from("");
        let mut parts = path.components();
        while let Some(part) = parts.next() {
            let holder = at.clone();
            at = at.join(part);
            // a folder that no layer has a member for
            let Some(node) = tree.get(&at) else { continue };
            let FileKind::Symlink(target) = &tree.entry(node).kind else { continue };
            nodes.insert(node);
            let mut next = if target.first() == Some(&b'/') { ImagePath::new(target) } else { holder.join(target) };
            for part in parts {
                next = next.join(part);
            }
            path = next;
            continue 'path;
        }
        return;
    }
}

/// Hard links: within a layer, as of the point in the stream where they stand, and across layers.
#[derive(Debug, Default)]
pub(super) struct Links {
    within: BTreeMap<Node, Vec<Node>>,
    files: BTreeMap<Node, Node>,
    across: BTreeSet<Node>,
}

impl Links {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut links = Self::default();
        // files of lower layers by name, where a link of a higher one may lead
        let mut below: HashMap<&ImagePath, Node> = HashMap::new();
        let has_across =
            |members: &[FileEntry]| members.iter().any(|entry| matches!(entry.kind, FileKind::HardLink(_)));
        let wants_below = tree.layers().iter().skip(1).any(|members| has_across(members));
        for (layer, members) in (0u32..).zip(tree.layers()) {
            let mut here: HashMap<&ImagePath, Node> = HashMap::new();
            if wants_below || has_across(members) {
                for (member, entry) in (0u32..).zip(members) {
                    let node = Node { layer, member };
                    match &entry.kind {
                        FileKind::File => {
                            here.insert(&entry.path, node);
                        }
                        FileKind::HardLink(target) => {
                            if let Some(file) = here.get(target).copied() {
                                links.within.entry(file).or_default().push(node);
                                links.files.insert(node, file);
                                here.insert(&entry.path, file);
                            } else if let Some(file) = below.get(target).copied() {
                                links.across.insert(file);
                                here.insert(&entry.path, file);
                            }
                        }
                        _ => {}
                    }
                }
                below.extend(here);
            }
        }
        links
    }

    /// Files with the members of their layer that are hard links to them.
    pub(super) fn files(&self) -> impl Iterator<Item = (Node, &[Node])> {
        self.within.iter().map(|(file, links)| (*file, links.as_slice()))
    }

    /// The file of its layer that a member is a hard link to.
    pub(super) fn file_of(&self, link: Node) -> Option<Node> {
        self.files.get(&link).copied()
    }

    /// The members of its layer that are hard links to this file.
    pub(super) fn to(&self, node: Node) -> &[Node] {
        self.within.get(&node).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, hard_link, layered, link};
    use super::*;
    use crate::inventory::Group;
    use crate::policy::{FixPolicy, Glob};

    #[test]
    fn what_must_stay_is_told_with_its_reason() {
        let image = layered(vec![
            vec![
                file("usr/lib/libc.so", 10),
                link("lib", "usr/lib"),
                file("lib/libm.so", 10),
                file("var/lib/dpkg/status", 10),
                file("var/lib/dpkg/status-old", 10),
                file("srv/start.sh", 10),
                file("usr/bin/tool", 10),
                file("srv/data", 10),
                file("srv/shared", 10),
                link("opt/lib", "../usr/lib"),
                file("usr/lib/run", 10),
                link("usr/bin/run", "/opt/lib/run"),
                file("usr/bin/box", 10),
                hard_link("usr/bin/sh", "usr/bin/box"),
            ],
            vec![hard_link("srv/second", "srv/shared")],
        ])
        .with_config(r#"{"config":{"WorkingDir":"/srv","Entrypoint":["tool","./start.sh","run","sh"]}}"#)
        .owning(&["usr/lib/libc.so", "usr/lib/libm.so"]);
        let wishes = Wishes::default();
        let guard = Guard::new(&image, &wishes);
        let cases = [
            (0, Some("belongs to the package")),
            (2, Some("belongs to the package")),
            (3, Some("package manager's database")),
            (4, None),
            (5, Some("the image's command names")),
            (6, Some("the image's command names")),
            (7, None),
            (8, Some("a later layer has a hard link")),
            (9, Some("the image's command names")),
            (10, Some("the image's command names")),
            (11, Some("the image's command names")),
            (12, Some("the image's command names")),
            (13, Some("the image's command names")),
        ];
        for (member, expected) in cases {
            let no = guard.keeps(Node { layer: 0, member }).map(|no| no.reason);
            let fits = no.as_deref().zip(expected).is_some_and(|(no, part)| no.contains(part));
            assert!(fits || no.is_none() && expected.is_none(), "{member}: {no:?}");
        }
        assert!(guard.starts("start.sh") && !guard.starts("srv"));
    }

    #[test]
    fn names_of_users_stay_where_engines_look_them_up() {
        let kept = |user: &str, wishes: &Wishes| {
            let files = vec![file("etc/passwd", 10), file("etc/group", 10)];
            let config = format!(r#"{{"config":{{"User":"{user}"}}}}"#);
            let mut image = layered(vec![files.clone(), files]).with_config(&config).with_users(&[("own", 7)]);
            image.accounts.groups.push(Group { name: "more".into(), gid: 9, members: vec!["own".into()] });
            let guard = Guard::new(&image, wishes);
            let reason = |(layer, member)| guard.keeps(Node { layer, member }).map(|no| no.reason);
            [(0, 0), (1, 0), (1, 1)].map(reason).into_iter().flatten().collect::<Vec<_>>()
        };
        let plain = Wishes::default();
        let other = Wishes { user: "1001:1001".parse().ok(), ..Wishes::default() };
        let app = "engines look `app`, whom the image runs as, up in `/etc/passwd`";
        assert_eq!(kept("app", &plain), [app]);
        assert_eq!(kept("app:1000", &plain), [app]);
        assert_eq!(kept("1000:app", &plain), [app.replace("passwd", "group")]);
        let own = |user: &str| ["passwd", "group"].map(|file| app.replace("app", user).replace("passwd", file));
        assert_eq!(kept("own", &plain), own("own"));
        assert_eq!(kept("7", &plain), own("7"), "its groups are looked up");
        for (user, wishes) in [("1000", &plain), ("7:7", &plain), ("1000:1000", &plain), ("", &plain), ("app", &other)]
        {
            assert_eq!(kept(user, wishes), [""; 0], "{user}");
        }
    }

    #[test]
    fn what_the_policy_keeps_stays_where_it_lies() {
        let image = layered(vec![
            vec![folder("usr/app"), link("app", "usr/app"), file("srv/a", 1), hard_link("srv/copy", "srv/a")],
            vec![file("app/x", 1), file("opt/y", 1)],
        ]);
        let keep = ["usr/app/*", "srv/copy"].map(|glob| Glob::path(glob).expect("a glob")).into();
        let wishes = Wishes { policy: FixPolicy { keep, ..FixPolicy::default() }, ..Wishes::default() };
        let guard = Guard::new(&image, &wishes);
        let kept = |name: &str| Some(format!("`[fix] keep` of the policy has `{name}`"));
        let keeps = |layer, member| guard.keeps(Node { layer, member }).map(|no| no.reason);
        let keeps_as_is = |layer, member| guard.keeps_as_is(Node { layer, member }).map(|no| no.reason);
        assert_eq!((keeps(1, 0), keeps_as_is(1, 0)), (kept("/usr/app/x"), kept("/usr/app/x")));
        assert_eq!((keeps(0, 2), keeps_as_is(0, 2)), (None, kept("/srv/copy")), "its other name may go");
        assert_eq!((keeps(0, 3), keeps_as_is(0, 3)), (kept("/srv/copy"), kept("/srv/copy")));
        assert_eq!((keeps(1, 1), keeps_as_is(1, 1)), (None, None));
    }

    #[test]
    fn layers_that_others_keep_are_closed() {
        let wishes = Wishes::default();
        let closed = |media_type: Option<&str>, is_foreign| {
            let mut image = layered(vec![vec![file("srv/data", 10)]]);
            image.layers[0].media_type = media_type.map(str::to_owned);
            image.layers[0].is_foreign = is_foreign;
            let guard = Guard::new(&image, &wishes);
            guard.keeps(Node { layer: 0, member: 0 }).map(|no| no.reason)
        };
        let ordinary = Some("application/vnd.oci.image.layer.v1.tar+gzip");
        let elsewhere = || Some("layer 0 is kept on another host".to_owned());
        assert_eq!(closed(None, false), None);
        assert_eq!(closed(ordinary, false), None);
        // its descriptor has `urls`
        assert_eq!(closed(ordinary, true), elsewhere());
        assert_eq!(closed(Some("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), false), elsewhere());
        let encrypted = Some("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
        assert_eq!(closed(encrypted, false), Some("layer 0 is encrypted".to_owned()));
    }

    #[test]
    fn hard_links_are_followed_within_their_layer() {
        let image = layered(vec![vec![
            file("a", 1),
            hard_link("b", "a"),
            hard_link("c", "b"),
            file("a", 2),
            hard_link("d", "a"),
        ]]);
        let links = Links::of(&image.tree);
        let node = |member| Node { layer: 0, member };
        assert_eq!(links.to(node(0)), [node(1), node(2)]);
        assert_eq!(links.to(node(3)), [node(4)]);
    }
}
