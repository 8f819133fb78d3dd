//! Follows a start command through what it starts: the file (execve(2)), the interpreter of a script, the loader of a
//! program, and the command behind tools that start another (tini, dumb-init, gosu, su-exec, env, a shell's `-c`).

use super::launcher::{Next, first_command, next, sought_by_env};
use crate::escape::escape;
use crate::format::start::Start;
use crate::image::config::ContainerConfig;
use crate::inventory::{Inventory, RunUser};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::tree::{FileEntry, FileKind, Node};

/// Where engines look when `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How deep commands that start others are followed, and scripts that interpret scripts, which Linux does four times.
const DEEPEST: usize = 4;

/// Architectures as configurations name them (Go's `GOARCH`), with the machines of ELF that run there and whether those are
/// big-endian: the older kind that processors run as well is among them.
const MACHINES: &[(&str, &[u16], bool)] = &[
    ("386", &[3], false),
    ("amd64", &[62, 3], false),
    ("arm", &[40], false),
    ("arm64", &[183, 40], false),
    ("loong64", &[258], false),
    ("ppc64", &[21, 20], true),
    ("ppc64le", &[21], false),
    ("riscv64", &[243], false),
    ("s390x", &[22], true),
];

/// Names of machines for messages.
const MACHINE_NAMES: &[(u16, &str)] = &[
    (3, "386"),
    (8, "MIPS"),
    (20, "PowerPC"),
    (21, "64-bit PowerPC"),
    (22, "s390x"),
    (40, "32-bit ARM"),
    (62, "amd64"),
    (183, "arm64"),
    (243, "RISC-V"),
    (258, "LoongArch"),
];

/// Why a command cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// In a sentence without a full stop.
    pub(super) message: String,
    pub(super) confidence: Confidence,
    /// The program that is missing or broken, or needs what is.
    pub(super) program: String,
}

impl Flaw {
    fn new(program: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), confidence: Confidence::High, program: program.to_owned() }
    }

    fn unsure(self) -> Self {
        Self { confidence: self.confidence.min(Confidence::Medium), ..self }
    }
}

/// Who starts a command, and where.
#[derive(Debug, Clone)]
pub(super) struct Launch<'a> {
    image: &'a Inventory,
    config: &'a ContainerConfig,
    /// `None` where it is not known.
    uid: Option<u32>,
    groups: Vec<u32>,
    /// Whether files are Linux's, so that what they begin with tells how they start.
    is_linux: bool,
    architecture: &'a str,
}

/// Where a program was found.
enum Found {
    At(ImagePath, Node),
    /// Below a volume, where something else may be at run time.
    Mounted,
}

impl<'a> Launch<'a> {
    /// The image's own command, as its own user.
    pub(super) fn of(image: &'a Inventory) -> Option<Self> {
        let config = image.config.as_ref().filter(|config| config.os != "windows")?;
        Some(Self {
            image,
            config: &config.config,
            uid: image.run_user().and_then(RunUser::uid),
            groups: image.groups_of(&config.config.user),
            is_linux: matches!(config.os.as_str(), "" | "linux"),
            architecture: &config.architecture,
        })
    }

    /// Why the command cannot be run, if that can be seen.
    pub(super) fn flaw(&self, command: &[String]) -> Option<Flaw> {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        self.flaw_of(&words, DEEPEST)
    }

    fn flaw_of(&self, words: &[&str], depth: usize) -> Option<Flaw> {
        let (program, rest) = words.split_first()?;
        let (path, node) = match self.find(program) {
            Err(flaw) => return Some(flaw),
            Ok(Found::Mounted) => return None,
            Ok(Found::At(path, node)) => (path, node),
        };
        if let Some(flaw) = self.flaw_inside(&path, node, DEEPEST) {
            return Some(flaw);
        }
        let depth = depth.checked_sub(1)?;
        let name = program.rsplit('/').next().unwrap_or(program);
        let (flaw, is_text) = match next(name, rest)? {
            Next::Command(words) => (self.flaw_of(&words, depth)?, false),
            Next::As(user, words) => {
                let group = user.split_once(':').map(|(_, group)| group);
                let unknown = self.nobody(program, user).or_else(|| self.no_group(program, group?));
                let flaw = unknown.or_else(|| self.acting_as(user).flaw_of(&words, depth));
                (flaw?, false)
            }
            Next::Becoming(user, group) => {
                let unknown = user.and_then(|user| self.nobody(program, user));
                (unknown.or_else(|| self.no_group(program, group?))?, false)
            }
            Next::Text(text) => (self.flaw_of(&first_command(text)?, depth)?, true),
            Next::Script(script) => (self.missing(script)?, false),
        };
        let message = format!("`{}` starts what cannot run: {}", escape(*program), flaw.message);
        let flaw = Flaw { message, ..flaw };
        Some(if is_text { flaw.unsure() } else { flaw })
    }

    /// The same as another user, as `gosu` and `su-exec` name them.
    fn acting_as(&self, user: &str) -> Self {
        // runc's resolution is theirs, too; a name nobody has is not theirs to tell
        let uid = self.image.uid_of(user);
        Self { uid, groups: self.image.groups_of(user), ..self.clone() }
    }

    /// Says that a tool is to become a user whom the image does not know.
    fn nobody(&self, tool: &str, user: &str) -> Option<Flaw> {
        let passwd = ImagePath::from("etc/passwd");
        // accounts that nobody could read, or that come with a volume
        if self.image.accounts.passwd.is_none() && self.image.tree.get(&passwd).is_some() || self.is_mounted(&passwd) {
            return None;
        }
        let RunUser::Unknown(name) = self.image.resolve_user(user) else { return None };
        Some(Flaw::new(tool, format!("no line of `/etc/passwd` names the user `{}`", escape(name))))
    }

    /// Says that a tool is to take a group that the image does not know.
    fn no_group(&self, tool: &str, group: &str) -> Option<Flaw> {
        let file = ImagePath::from("etc/group");
        let groups = &self.image.accounts.groups;
        // groups that nobody could read, or that come with a volume
        if groups.is_empty() && self.image.tree.get(&file).is_some() || self.is_mounted(&file) {
            return None;
        }
        let is_known = group.is_empty()
            || group.contains('$')
            || group.parse::<u32>().is_ok()
            || groups.iter().any(|known| known.name == group);
        (!is_known).then(|| Flaw::new(tool, format!("no line of `/etc/group` names the group `{}`", escape(group))))
    }

    /// Looks for a program as runc and crun do: by its path from the working folder, or in `PATH`.
    fn find(&self, program: &str) -> Result<Found, Flaw> {
        let shown = escape(program);
        let flaw = |message: String| Flaw::new(program, message);
        if program.is_empty() {
            return Err(flaw("the command begins with an empty word".into()));
        }
        let candidates = self.candidates(program);
        if candidates.iter().any(|path| self.is_mounted(path)) {
            return Ok(Found::Mounted);
        }
        let image = self.image;
        let mut found: Vec<(ImagePath, Node)> = candidates.iter().filter_map(|path| image.tree.resolve(path)).collect();
        let is_good = |(path, node): &(ImagePath, Node)| self.may_run(*node) && self.closed_folder(path).is_none();
        if let Some(good) = found.iter().position(is_good) {
            let (path, node) = found.swap_remove(good);
            return match image.tree.entry(node).size {
                0 => Err(flaw(format!("`{path}` is empty"))),
                _ => Ok(Found::At(path, node)),
            };
        }
        Err(flaw(match found.first() {
            Some((path, node)) if self.may_run(*node) => self.why_closed(path),
            Some((path, node)) if image.tree.entry(*node).is_file() => {
                let is_for_others = image.tree.entry(*node).mode & 0o111 != 0;
                let who = self.uid.filter(|_| is_for_others).map(|uid| format!(" for uid {uid}"));
                format!("`{path}` is there, but not executable{}", who.unwrap_or_default())
            }
            Some((path, _)) => format!("`{path}` is no file"),
            None if program.contains('$') => {
                format!("`{shown}` is looked for as it is written: the JSON form expands no variables")
            }
            None if program.contains('/') => format!("`{shown}` is not in the image"),
            None => format!("`{shown}` is in no folder of `PATH`"),
        }))
    }

    fn candidates(&self, program: &str) -> Vec<ImagePath> {
        let (image, config) = (self.image, self.config);
        if program.contains('/') {
            let base = if program.starts_with('/') { ImagePath::root() } else { config.working_dir.as_str().into() };
            return vec![below(image, &base, program)];
        }
        let path = config.env.iter().rev().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
        path.split(':').map(|folder| below(image, &below(image, &ImagePath::root(), folder), program)).collect()
    }

    fn is_mounted(&self, path: &ImagePath) -> bool {
        self.config.volumes.keys().map(|volume| ImagePath::from(volume.as_str())).any(|volume| {
            path.is_under(volume.as_bytes()) || path.is_under(self.image.tree.real_folder(&volume).as_bytes())
        })
    }

    /// Whether the user has a right on a file or folder, by the bits of owner, group and others as Linux asks them:
    /// 1 to execute or enter, 4 to read.
    fn may(&self, entry: &FileEntry, right: u32) -> bool {
        match self.uid {
            // some bit must be there for root to execute, none to read or enter
            Some(0) => right == 4 || entry.kind == FileKind::Directory || entry.mode & 0o111 != 0,
            None => entry.mode & (right * 0o111) != 0,
            Some(uid) if uid == entry.uid => entry.mode & (right << 6) != 0,
            Some(_) if self.groups.contains(&entry.gid) => entry.mode & (right << 3) != 0,
            Some(_) => entry.mode & right != 0,
        }
    }

    fn may_run(&self, node: Node) -> bool {
        let entry = self.image.tree.entry(node);
        entry.is_file() && self.may(entry, 1)
    }

    /// A folder above the file that the user may not enter.
    fn closed_folder(&self, path: &ImagePath) -> Option<ImagePath> {
        let mut folder = path.parent();
        while !folder.is_root() {
            let node = self.image.tree.get(&folder);
            if node.map(|node| self.image.tree.entry(node)).is_some_and(|entry| !self.may(entry, 1)) {
                return Some(folder);
            }
            folder = folder.parent();
        }
        None
    }

    fn why_closed(&self, path: &ImagePath) -> String {
        let folder = self.closed_folder(path).unwrap_or_else(|| path.parent());
        match self.uid {
            Some(uid) => format!("`{path}` is in `{folder}`, which uid {uid} may not enter"),
            None => format!("`{path}` is in `{folder}`, which nobody may enter"),
        }
    }

    /// What a file needs that was found and may be executed.
    fn flaw_inside(&self, path: &ImagePath, node: Node, depth: usize) -> Option<Flaw> {
        let starts = &self.image.starts;
        if !starts.is_known() || !self.is_linux {
            return None;
        }
        let program = path.to_string();
        match starts.get(node) {
            None => {
                let message = format!("`{path}` is neither a program nor a script that begins with `#!`");
                // a machine may be told to start anything (binfmt_misc)
                Some(Flaw::new(&program, message).unsure())
            }
            Some(Start::Elf { machine, is_big_endian, loader }) => {
                self.foreign(path, *machine, *is_big_endian).or_else(|| {
                    let loader = loader.as_deref()?;
                    let place = self.candidates(&absolute(loader)).pop()?;
                    let is_there = self.is_mounted(&place)
                        || self
                            .image
                            .tree
                            .resolve(&place)
                            .is_some_and(|(_, node)| self.image.tree.entry(node).is_file());
                    let why = || format!("`{path}` needs the loader `{}`, which is not in the image", escape(loader));
                    (!is_there).then(|| Flaw::new(&program, why()))
                })
            }
            Some(Start::Script { interpreter, argument }) => {
                if !self.may(self.image.tree.entry(node), 4) {
                    let who = self.uid.map_or_else(|| "nobody".to_owned(), |uid| format!("uid {uid}"));
                    let message = format!("`{path}` is a script, which {who} may execute but not read");
                    return Some(Flaw::new(&program, message));
                }
                self.interpreted(path, interpreter, argument.as_deref(), depth)
            }
        }
    }

    /// Whether the program is for another machine than the image says.
    fn foreign(&self, path: &ImagePath, machine: u16, is_big_endian: bool) -> Option<Flaw> {
        let (_, machines, is_big) = MACHINES.iter().find(|(name, ..)| *name == self.architecture)?;
        if machines.contains(&machine) && is_big_endian == *is_big {
            return None;
        }
        let name = MACHINE_NAMES.iter().find(|(number, _)| *number == machine).map(|(_, name)| *name);
        let name = name.map_or_else(|| format!("machine {machine}"), ToOwned::to_owned);
        let message = format!("`{path}` is a program for {name}, while the image is for {}", escape(self.architecture));
        // which an emulator would run
        Some(Flaw::new(&path.to_string(), message).unsure())
    }

    /// What is wrong with the interpreter of a script.
    fn interpreted(&self, path: &ImagePath, interpreter: &str, argument: Option<&str>, depth: usize) -> Option<Flaw> {
        let depth = depth.checked_sub(1)?;
        let program = path.to_string();
        let line = [Some(interpreter), argument].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let flaw = |message: String| Flaw::new(&program, message);
        if line.ends_with('\r') {
            let message =
                format!("the `#!` line of `{path}` ends with a carriage return, which counts as a part of it");
            // some interpreters pass over it where it is an option's
            let is_option = argument.is_some_and(|argument| argument.starts_with('-'));
            return Some(if is_option { flaw(message).unsure() } else { flaw(message) });
        }
        if interpreter.is_empty() {
            return Some(flaw(format!("`{path}` names no interpreter behind `#!`")));
        }
        let inner = |wanted: &str| {
            let found = match self.find(wanted) {
                Ok(Found::Mounted) => return None,
                Ok(Found::At(path, node)) => self.flaw_inside(&path, node, depth),
                Err(flaw) => Some(flaw),
            }?;
            let message = format!("`{path}` is run by `{}`: {}", escape(wanted), found.message);
            Some(Flaw { message, program: program.clone(), ..found })
        };
        let place = if interpreter.contains('/') { interpreter.to_owned() } else { format!("./{interpreter}") };
        if let Some(flaw) = inner(&place) {
            return Some(flaw);
        }
        let is_env = interpreter.rsplit('/').next() == Some("env");
        inner(sought_by_env(argument.filter(|_| is_env)?)?)
    }

    /// A script that a shell is to read, if it is not there.
    fn missing(&self, script: &str) -> Option<Flaw> {
        let place = self.candidates(script).pop()?;
        let is_there = self.is_mounted(&place) || self.image.tree.resolve(&place).is_some();
        (!is_there).then(|| Flaw::new(script, format!("`{}` is not in the image", escape(script))))
    }
}

/// A loader's path; a relative one is looked for from the working folder.
fn absolute(loader: &str) -> String {
    if loader.contains('/') { loader.to_owned() } else { format!("./{loader}") }
}

/// Where `relative` leads from a folder as the kernel walks it: `..` leaves the folder a link led to, not the link's own.
///
/// The last component is left as it is; a folder that is nowhere stands for itself.
fn below(image: &Inventory, base: &ImagePath, relative: &str) -> ImagePath {
    let mut at = base.clone();
    for part in relative.split('/') {
        at = match part {
            "" | "." => continue,
            ".." => image.tree.real_folder(&at).parent(),
            name => at.join(name.as_bytes()),
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, image, layered, mode};
    use super::*;
    use crate::inventory::{Group, Starts, User};
    use crate::tree::FileEntry;

    fn elf(loader: Option<&str>) -> Start {
        Start::Elf { machine: 62, is_big_endian: false, loader: loader.map(Into::into) }
    }

    fn script(interpreter: &str, argument: Option<&str>) -> Start {
        Start::Script { interpreter: interpreter.into(), argument: argument.map(Into::into) }
    }

    /// An amd64 image of programs, scripts and folders.
    fn sample(config: &str) -> Inventory {
        let mut sample = image(&format!(r#"{{"os":"linux","architecture":"amd64","config":{config}}}"#));
        let run = |path: &str, start: Option<Start>| (mode(file(path, 9), 0o755), start);
        let owned = |path: &str, bits: u32, uid: u32, gid: u32| FileEntry { uid, gid, ..mode(file(path, 9), bits) };
        let members: Vec<(FileEntry, Option<Start>)> = vec![
            run("bin/sh", Some(elf(Some("/lib/ld.so")))),
            run("lib/ld.so", Some(elf(None))),
            run("bin/bash", Some(elf(Some("/lib64/ld-gone.so")))),
            run("usr/bin/env", Some(elf(None))),
            run("sbin/tini", Some(elf(None))),
            run("sbin/gosu", Some(elf(None))),
            run("usr/bin/setpriv", Some(elf(None))),
            run("usr/bin/dumb-init", Some(elf(None))),
            run("good.sh", Some(script("/bin/sh", Some("-e")))),
            run("crlf.sh", Some(script("/bin/sh\r", None))),
            run("crlf-option.sh", Some(script("/bin/sh", Some("-e\r")))),
            run("gone.sh", Some(script("/bin/zsh", None))),
            run("bash.sh", Some(script("/bin/bash", None))),
            run("env.sh", Some(script("/usr/bin/env", Some("sh")))),
            run("env-gone.sh", Some(script("/usr/bin/env", Some("node")))),
            run("env-split.sh", Some(script("/usr/bin/env", Some("-S A=1 python3 -u")))),
            run("env-options.sh", Some(script("/usr/bin/env", Some("-i sh")))),
            run("nothing.sh", Some(script("", None))),
            run("text.sh", None),
            run("arm", Some(Start::Elf { machine: 183, is_big_endian: false, loader: None })),
            run("old", Some(Start::Elf { machine: 3, is_big_endian: false, loader: None })),
            (mode(folder("closed"), 0o700), None),
            run("closed/run", Some(elf(None))),
            (FileEntry { gid: 50, ..mode(folder("group"), 0o750) }, None),
            run("group/run", Some(elf(None))),
            (owned("group-only", 0o710, 0, 50), Some(elf(None))),
            (owned("own", 0o077, 7, 7), Some(elf(None))),
            (owned("unreadable.sh", 0o711, 0, 0), Some(script("/bin/sh", None))),
        ];
        let (entries, starts): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        sample.starts =
            Starts::of((0u32..).zip(starts).filter_map(|(member, start)| Some((Node { layer: 0, member }, start?))));
        let files = layered(vec![entries]);
        (sample.tree, sample.layers) = (files.tree, files.layers);
        sample.accounts.users.push(User { name: "app".into(), uid: 7, gid: 70, ..User::default() });
        sample.accounts.groups.push(Group { name: "staff".into(), gid: 50, members: vec!["app".into()] });
        sample
    }

    fn flaw(user: &str, command: &[&str]) -> Option<(String, Confidence)> {
        let sample = sample(&format!(r#"{{"User":"{user}"}}"#));
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        Launch::of(&sample)?.flaw(&command).map(|flaw| (flaw.message, flaw.confidence))
    }

    #[test]
    fn files_are_judged_by_how_they_begin() {
        use Confidence::{High, Medium};
        let carriage =
            |path: &str| format!("the `#!` line of `{path}` ends with a carriage return, which counts as a part of it");
        let cases: Vec<(&str, Option<(String, Confidence)>)> = vec![
            ("/good.sh", None),
            ("/env.sh", None),
            ("/env-options.sh", None),
            ("/old", None),
            ("/crlf.sh", Some((carriage("/crlf.sh"), High))),
            ("/crlf-option.sh", Some((carriage("/crlf-option.sh"), Medium))),
            ("/gone.sh", Some(("`/gone.sh` is run by `/bin/zsh`: `/bin/zsh` is not in the image".into(), High))),
            (
                "/bash.sh",
                Some((
                    "`/bash.sh` is run by `/bin/bash`: `/bin/bash` needs the loader `/lib64/ld-gone.so`, which is not in the image".into(),
                    High,
                )),
            ),
            ("/env-gone.sh", Some(("`/env-gone.sh` is run by `node`: `node` is in no folder of `PATH`".into(), High))),
            (
                "/env-split.sh",
                Some(("`/env-split.sh` is run by `python3`: `python3` is in no folder of `PATH`".into(), High)),
            ),
            ("/nothing.sh", Some(("`/nothing.sh` names no interpreter behind `#!`".into(), High))),
            (
                "/text.sh",
                Some(("`/text.sh` is neither a program nor a script that begins with `#!`".into(), Medium)),
            ),
            ("/arm", Some(("`/arm` is a program for arm64, while the image is for amd64".into(), Medium))),
        ];
        for (program, expected) in cases {
            assert_eq!(flaw("", &[program]), expected, "{program}");
        }
    }

    #[test]
    fn rights_are_asked_of_owner_group_and_others() {
        let closed = "`/closed/run` is in `/closed`, which uid 7 may not enter";
        let group = "`/group/run` is in `/group`, which uid 9 may not enter";
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("", "/closed/run", None),
            ("app", "/closed/run", Some(closed)),
            ("app", "/group/run", None),
            ("7:70", "/group/run", Some("`/group/run` is in `/group`, which uid 7 may not enter")),
            ("9:50", "/group/run", None),
            ("9:staff", "/group/run", None),
            ("9", "/group/run", Some(group)),
            ("app", "/group-only", None),
            ("9", "/group-only", Some("`/group-only` is there, but not executable for uid 9")),
            ("app", "/own", Some("`/own` is there, but not executable for uid 7")),
            ("", "/unreadable.sh", None),
            ("app", "/unreadable.sh", Some("`/unreadable.sh` is a script, which uid 7 may execute but not read")),
        ];
        for (user, program, expected) in cases {
            assert_eq!(flaw(user, &[program]).map(|(message, _)| message).as_deref(), *expected, "{user} {program}");
        }
    }

    #[test]
    fn commands_behind_tools_are_followed() {
        let behind = |tool: &str, what: &str| Some(format!("`{tool}` starts what cannot run: {what}"));
        let gone = "`/gone` is not in the image";
        let unknown = "no line of `/etc/passwd` names the user `nobody-known`";
        let no_group = "no line of `/etc/group` names the group `gone`";
        let cases: Vec<(&[&str], Option<String>)> = vec![
            (&["/sbin/tini", "--", "/gone"], behind("/sbin/tini", gone)),
            (&["tini", "-g", "-p", "TERM", "/gone"], behind("tini", gone)),
            (&["tini", "--", "/good.sh"], None),
            (&["tini", "--"], None),
            (&["dumb-init", "--rewrite", "15:3", "/gone", "x"], behind("dumb-init", gone)),
            (&["dumb-init", "/good.sh"], None),
            (&["gosu", "app", "/gone"], behind("gosu", gone)),
            (
                &["gosu", "app", "/closed/run"],
                behind("gosu", "`/closed/run` is in `/closed`, which uid 7 may not enter"),
            ),
            (&["gosu", "root", "/closed/run"], None),
            (&["gosu", "nobody-known", "/closed/run"], behind("gosu", unknown)),
            (&["gosu", "nobody-known:staff", "/good.sh"], behind("gosu", unknown)),
            (&["gosu", "4711", "/good.sh"], None),
            (&["gosu", "app:staff", "/good.sh"], None),
            (&["setpriv", "--reuid=nobody-known", "--init-groups", "/good.sh"], behind("setpriv", unknown)),
            (&["setpriv", "--reuid", "app", "/good.sh"], None),
            (&["setpriv", "--reuid=app", "--regid=gone", "/good.sh"], behind("setpriv", no_group)),
            (&["setpriv", "--reuid=app", "--regid=50", "--clear-groups", "/good.sh"], None),
            (&["setpriv", "--regid=staff", "--clear-groups", "/good.sh"], None),
            (&["gosu", "app:gone", "/good.sh"], behind("gosu", no_group)),
            (&["gosu", "7:7", "/good.sh"], None),
            (
                &["tini", "--", "gosu", "app", "/gone"],
                behind("tini", "`gosu` starts what cannot run: `/gone` is not in the image"),
            ),
            (&["env", "A=1", "gone"], behind("env", "`gone` is in no folder of `PATH`")),
            (&["env", "PATH=/x", "gone"], None),
            (&["env", "-i", "gone"], None),
            (&["sh", "-c", "exec /gone --x"], behind("sh", gone)),
            (&["/bin/sh", "-ec", "/gone; true"], behind("/bin/sh", gone)),
            (&["sh", "-c", "gone"], None),
            (&["sh", "-c", "exec $X"], None),
            (&["sh", "-c", "[ -f /x ] && /gone"], None),
            (&["sh", "/gone", "x"], behind("sh", gone)),
            (&["sh", "/text.sh"], None),
            (&["sh"], None),
        ];
        for (command, expected) in cases {
            assert_eq!(flaw("", command).map(|(message, _)| message), expected, "{command:?}");
        }
        assert_eq!(flaw("", &["sh", "-c", "/gone"]).map(|(_, confidence)| confidence), Some(Confidence::Medium));
        let deep = ["tini"; 40];
        assert_eq!(flaw("", &deep), None);
    }

    #[test]
    fn what_nobody_looked_at_is_not_judged() {
        let mut image = sample("{}");
        image.starts = Starts::default();
        let launch = Launch::of(&image).expect("a configuration");
        for program in ["/text.sh", "/arm", "/crlf.sh"] {
            assert_eq!(launch.flaw(&[program.to_owned()]), None, "{program}");
        }
    }
}
